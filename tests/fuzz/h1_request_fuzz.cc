// SPDX-License-Identifier: Apache-2.0
//
// Requests.  Beyond not crashing: the scanner says the same however the bytes are cut, and what is
// forwarded is understood again as what it was, byte for byte.
#include "base/assert.h"
#include "http/field_lines.h"
#include "http/forwarding.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"
#include "http/hop_limit.h"

#include <cstdint>
#include <string>

namespace {

using namespace weir;
using namespace weir::http;

std::span<char> copied(Arena& arena, std::string_view text) {
  char* const copy = arena.text(text.size());
  text.copy(copy, text.size());
  return {copy, text.size()};
}

std::string written(const RequestHead& head) {
  std::string out(request_size(head), '\0');
  const std::size_t size = write_request(out.data(), head, {.framing = head.framing});
  WEIR_ASSERT(size <= out.size());
  out.resize(size);
  return out;
}

HeadScanner scanned(std::string_view bytes, std::size_t piece, HeadScanner::State& state) {
  const HeadLimits limits{.line = 200, .total = 1000, .fields = 20};
  HeadScanner scanner;
  state = HeadScanner::State::Incomplete;
  for (std::size_t end = 0; state == HeadScanner::State::Incomplete && end < bytes.size();) {
    end = std::min(end + piece, bytes.size());
    state = scanner.scan(bytes.substr(0, end), limits, true);
  }
  return scanner;
}

void check_cuts(std::string_view bytes) {
  HeadScanner::State whole, byte_by_byte;
  const HeadScanner one = scanned(bytes, bytes.size(), whole);
  const HeadScanner other = scanned(bytes, 1, byte_by_byte);
  WEIR_ASSERT(whole == byte_by_byte && one.failure() == other.failure());
  WEIR_ASSERT(whole != HeadScanner::State::Complete || one.length() == other.length());
}

void check_meaning(const RequestHead& head) {
  const std::string once = written(head);
  Arena arena;
  RequestHead again;
  const Failure failure = parse_request(copied(arena, once), arena, again);
  // A missing Host is allowed in HTTP/1.0 only, and forwarding may add one field too many.
  WEIR_ASSERT(
      failure == Failure::None || (failure == Failure::RequestHost && head.authority.empty()) ||
      (failure == Failure::RequestHeadTooLarge && head.headers.size() > FieldLines::most - 6));
  if (failure != Failure::None) return;
  WEIR_ASSERT(again.method_text == head.method_text && again.path == head.path &&
              again.forward_path == head.forward_path);
  WEIR_ASSERT(again.query == head.query && again.host == head.host);
  WEIR_ASSERT(again.framing.length == head.framing.length && again.dropped_fields == 0);
  WEIR_ASSERT(written(again).size() == once.size());
  WEIR_ASSERT(!again.headers.has(FieldName::Connection) && !again.headers.has(FieldName::Upgrade));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_cuts(bytes);
  Arena arena;
  RequestHead head;
  if (parse_request(copied(arena, bytes), arena, head) != Failure::None) return 0;
  check_meaning(head);
  WEIR_ASSERT(reflection(head.received).size() <= head.received.size());
  if (count_hop(head, arena) != HopVerdict::Forward) return 0;
  check_meaning(head);
  const std::uint8_t trusted = size % 2 == 0 ? ClientInForwardedFor | ClientInForwarded : 0;
  set_forwarding(head, arena, {"2001:db8::1", "https", {trusted, {}}, {}});
  check_meaning(head);
  return 0;
}
