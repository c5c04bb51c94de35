// SPDX-License-Identifier: Apache-2.0
//
// Heads as they were received, whole, cut or malformed.  All texts lie in the head; of one that the parser accepts they are
// what it has read, before anything was dropped or changed; and of one that is cut off they are what was there before.
#include "base/assert.h"
#include "http/field_lines.h"
#include "http/h1_parser.h"
#include "http/received_fields.h"

#include <algorithm>
#include <cstdint>
#include <string>

namespace {

using namespace weir;
using namespace weir::http;

bool lies_in(std::string_view text, std::string_view head) {
  if (text.empty()) return true;
  return text.data() >= head.data() && text.data() + text.size() <= head.data() + head.size();
}

void check_texts(const Received& received, std::string_view head) {
  WEIR_ASSERT(lies_in(received.line, head) && received.fields.size() <= most_received);
  WEIR_ASSERT(received.line.find('\n') == std::string_view::npos);
  const char* last = received.line.data();
  for (const ReceivedField& field : received.fields) {
    WEIR_ASSERT(lies_in(field.name, head) && lies_in(field.value, head));
    WEIR_ASSERT(field.name.find_first_of(":\n") == std::string_view::npos);
    WEIR_ASSERT(field.value.find('\n') == std::string_view::npos);
    WEIR_ASSERT(field.name.empty() || field.name.data() > last);
    if (!field.name.empty()) last = field.name.data();
    WEIR_ASSERT(field.is_dropped == (field.name.find('_') != std::string_view::npos));
  }
}

void check_meaning(const Received& received, const RequestHead& head) {
  std::string_view text = head.received;
  if (text.starts_with("\r\n")) text.remove_prefix(2);
  WEIR_ASSERT(received.line == text.substr(0, text.find("\r\n")));
  WEIR_ASSERT(received.line.starts_with(std::string(head.method_text) + " "));
  text.remove_prefix(received.line.size() + 2);
  FieldLines lines;
  if (lines.read(text, false) != FieldLines::Outcome::Complete) return;  // too many
  const auto is_same = [](const ReceivedField& mine, const Field& parsed) {
    return mine.name == parsed.name && mine.value == parsed.value;
  };
  WEIR_ASSERT(received.is_complete);
  WEIR_ASSERT(std::equal(received.fields.begin(), received.fields.end(), lines.fields().begin(),
                         lines.fields().end(), is_same));
  const auto dropped = std::count_if(received.fields.begin(), received.fields.end(),
                                     [](const ReceivedField& field) { return field.is_dropped; });
  WEIR_ASSERT(dropped == head.dropped_fields);
}

// All but the last line, which may be cut itself.
void check_cut(const Received& whole, std::string_view head, std::size_t at) {
  Arena arena;
  const Received cut = read_received(head.substr(0, at), arena);
  check_texts(cut, head);
  WEIR_ASSERT(whole.line.starts_with(cut.line) || cut.line.ends_with('\r'));
  if (cut.fields.empty()) return;
  const auto certain = cut.fields.first(cut.fields.size() - 1);
  WEIR_ASSERT(certain.size() <= whole.fields.size());
  const auto is_same = [](const ReceivedField& one, const ReceivedField& other) {
    return one.name == other.name && one.value == other.value;
  };
  WEIR_ASSERT(std::equal(certain.begin(), certain.end(), whole.fields.begin(), is_same));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Arena arena;
  char* const copy = arena.text(size);
  bytes.copy(copy, size);
  const std::string_view text(copy, size);
  const Received received = read_received(text, arena);
  check_texts(received, text);
  if (size > 0) check_cut(received, text, (data[0] * std::size_t{37} + data[size / 2]) % size);
  check_cut(received, text, size / 2);
  RequestHead head;
  if (parse_request({copy, size}, arena, head) != Failure::None) return 0;
  WEIR_ASSERT(head.received == bytes);
  check_meaning(received, head);
  return 0;
}
