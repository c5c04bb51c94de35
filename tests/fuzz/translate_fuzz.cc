// SPDX-License-Identifier: Apache-2.0
//
// Between HTTP/2 and HTTP/1.1: whatever fields a client sends, decoded by any library, what a server of
// HTTP/1.1 is written is one message that says the same to our own parser, or nothing is written; and the
// fields of a server's answer arrive at an HTTP/2 client as they were.  The first byte chooses: a request
// without or with a body, a trailer section, an answer.  Fields are length of name, length of value, name,
// value; an answer is its text.
#include "base/assert.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"
#include "http/h2_codec.h"
#include "http/h2_fields.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace weir;
using namespace weir::http;

using Lines = std::vector<std::pair<std::string, std::string>>;

std::span<char> copied(Arena& arena, std::string_view text) {
  char* const copy = arena.text(text.size());
  text.copy(copy, text.size());
  return {copy, text.size()};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// What a message says beyond its framing, and beyond what belongs to one connection.
Lines meaning(const Headers& headers) {
  Lines lines;
  for (const Field& field : headers)
    if (!is_connection_field(field) && field.id != FieldName::ContentLength &&
        field.id != FieldName::Expect)
      lines.emplace_back(lower(field.name), field.value);
  return lines;
}

bool has_connection_field(const Headers& headers) {
  return std::any_of(headers.begin(), headers.end(), [](const Field& field) {
    return is_connection_field(field) && field.id != FieldName::Te &&
           field.id != FieldName::Upgrade;
  });
}

// The head ends where it ends, and nowhere before.
void check_one_head(std::string_view head, std::size_t fields) {
  WEIR_ASSERT(head.find("\r\n\r\n") == head.size() - 4);
  WEIR_ASSERT(static_cast<std::size_t>(std::count(head.begin(), head.end(), '\n')) == fields + 2);
  WEIR_ASSERT(std::count(head.begin(), head.end(), '\r') ==
              std::count(head.begin(), head.end(), '\n'));
  WEIR_ASSERT(head.find('\0') == std::string_view::npos);
}

void add_all(H2Fields& fields, std::string_view bytes) {
  while (bytes.size() >= 2) {
    const auto name = static_cast<std::size_t>(static_cast<unsigned char>(bytes[0]));
    const auto value = static_cast<std::size_t>(static_cast<unsigned char>(bytes[1]));
    bytes.remove_prefix(2);
    const std::string_view first = bytes.substr(0, name);
    bytes.remove_prefix(first.size());
    const std::string_view second = bytes.substr(0, value);
    bytes.remove_prefix(second.size());
    fields.add(first, second);
  }
}

void check_request(std::string_view bytes, bool ended) {
  Arena arena;
  H2Fields fields(H2Fields::Of::Head, HeadLimits{.line = 500, .total = 4000, .fields = 30});
  add_all(fields, bytes);
  RequestHead given;
  Failure failure = Failure::None;
  if (fields.finish_request(ended, arena, given, failure) != Understood::Fine) return;
  WEIR_ASSERT(failure == Failure::None && !has_connection_field(given.headers));

  std::string out(request_size(given), '\0');
  const WriteOptions options{.framing = given.framing,
                             .upgrade = given.wants_upgrade ? "websocket" : std::string_view()};
  out.resize(write_request(out.data(), given, options));
  RequestHead again;
  WEIR_ASSERT(parse_request(copied(arena, out), arena, again) == Failure::None);
  check_one_head(out, again.headers.size());
  WEIR_ASSERT(again.method_text == given.method_text && again.path == given.path &&
              again.forward_path == given.forward_path);
  WEIR_ASSERT(again.query == given.query && again.host == given.host);
  WEIR_ASSERT(again.wants_upgrade == given.wants_upgrade);
  WEIR_ASSERT(meaning(again.headers) == meaning(given.headers));
  // A tunnel is no body to HTTP/1.1; POST without one says so.
  const bool is_none = given.framing.end == BodyEnd::None;
  WEIR_ASSERT(again.framing.length == given.framing.length);
  WEIR_ASSERT(again.framing.end == given.framing.end || (is_none && again.framing.length == 0));
}

void check_trailers(std::string_view bytes) {
  Arena arena;
  H2Fields fields(H2Fields::Of::Trailers, HeadLimits{.line = 500, .total = 4000, .fields = 30});
  add_all(fields, bytes);
  Headers given, again;
  if (fields.finish_trailers(arena, given) != Understood::Fine) return;
  std::string out(trailers_size(given), '\0');
  out.resize(write_last_chunk(out.data(), given));
  WEIR_ASSERT(out.starts_with("0\r\n"));
  check_one_head(out, meaning(given).size());
  const std::string_view section = std::string_view(out).substr(3);
  WEIR_ASSERT(parse_trailers(copied(arena, section), arena, again) == Failure::None);
  WEIR_ASSERT(meaning(again) == meaning(given));
}

struct Sink final : MessageSink {
  Arena memory;
  Arena& arena() override { return memory; }
  void on_head(MessageHead&) override {}
  bool wants_body() const override { return true; }
  void on_body(std::span<const char>) override {}
  void on_end(const Headers&) override {}
};

// A codec, and the client that it talks to.
struct Pair final : H2Events {
  HeadLimits limits;
  H2Codec codec{limits, *this};
  Sink asked;
  H2Codec::Message* handle = nullptr;  ///< of what was asked
  nghttp2_session* client = nullptr;
  Lines seen;
  bool bad = false;

  Pair() {
    nghttp2_session_callbacks* calls;
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_field);
    nghttp2_session_callbacks_set_on_invalid_header_callback(calls, on_bad_field);
    nghttp2_session_client_new(&client, calls, this);
    nghttp2_session_callbacks_del(calls);
    nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Pair() { nghttp2_session_del(client); }

  static std::string text(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
  }
  static int on_field(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* pair) {
    static_cast<Pair*>(pair)->seen.emplace_back(text(name, name_size), text(value, value_size));
    return 0;
  }
  static int on_bad_field(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                          const std::uint8_t*, std::size_t, std::uint8_t, void* pair) {
    static_cast<Pair*>(pair)->bad = true;
    return 0;
  }

  MessageSink* sink(H2Codec::Message& message, StreamId) override {
    handle = &message;
    return &asked;
  }
  void on_broken(Failure) override {}
  std::uint64_t now() override { return 1; }
  void flush() override {}
  void on_refused(MessageSink&, Failure) override {}
  void on_closed(MessageSink&, Failure) override {}
  void on_abuse(H2Abuse) override {}
  void on_overrun() override {}
  void on_end_known() override {}

  void ask() {
    const char* const words[][2] = {
        {":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
    std::vector<nghttp2_nv> fields;
    for (const auto& [name, value] : words)
      fields.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name)),
                        reinterpret_cast<std::uint8_t*>(const_cast<char*>(value)),
                        std::string_view(name).size(), std::string_view(value).size(),
                        NGHTTP2_NV_FLAG_NONE});
    nghttp2_submit_request(client, nullptr, fields.data(), fields.size(), nullptr, nullptr);
    const std::uint8_t* bytes;
    for (ssize_t size; (size = nghttp2_session_mem_send(client, &bytes)) > 0;) {
      std::string copy = text(bytes, static_cast<std::size_t>(size));
      codec.feed({copy.data(), copy.size()});
      codec.tell_held();
    }
  }
  void read() {
    Gather out;
    codec.write_frames(out, 1 << 20);
    for (const iovec& piece : out.pieces())
      nghttp2_session_mem_recv(client, static_cast<const std::uint8_t*>(piece.iov_base),
                               piece.iov_len);
    codec.forget_sent();
  }
};

void check_answer(std::string_view bytes) {
  Arena arena;
  ResponseHead head;
  if (parse_response(copied(arena, bytes), arena, Method::Get, head) != Failure::None) return;
  if (head.status == 101) return;  // it becomes 200, or nothing
  Pair pair;
  pair.ask();
  pair.codec.write_response(*pair.handle, head, {.framing = head.framing});
  pair.read();
  WEIR_ASSERT(!pair.bad && !pair.seen.empty());
  WEIR_ASSERT(pair.seen.front() ==
              std::make_pair(std::string(":status"), std::to_string(head.status)));
  Lines expected = meaning(head.headers), seen;
  for (const auto& [name, value] : pair.seen) {
    WEIR_ASSERT(name == lower(name) && !name.empty());
    if (name != ":status" && name != "content-length" && name != "expect")
      seen.emplace_back(name, value);
  }
  WEIR_ASSERT(seen == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: check_request(bytes, true); break;
    case 1: check_request(bytes, false); break;
    case 2: check_trailers(bytes); break;
    default: check_answer(bytes); break;
  }
  return 0;
}
