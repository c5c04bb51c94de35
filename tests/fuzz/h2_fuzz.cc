// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2: what a client sends behind its preface, through nghttp2 and the real callbacks.  Beyond not
// crashing: no head is told that HTTP/1 could misread, no body before its head or behind its end, and what
// is kept is no more than the windows allow.  The first byte chooses how the bytes are cut and whether
// sinks want bodies at once.
#include "base/assert.h"
#include "http/h1_writer.h"
#include "http/h2_codec.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace {

using namespace weir;
using namespace weir::http;

struct FuzzSink final : MessageSink {
  Arena memory;
  H2Codec::Message* handle = nullptr;  ///< until it is over
  const RequestHead* head = nullptr;
  std::uint64_t body = 0;
  bool ended = false, wants = true, over = false;

  Arena& arena() override { return memory; }
  void on_head(MessageHead& given) override {
    WEIR_ASSERT(!head && !over);
    head = static_cast<RequestHead*>(&given);
    check_meaning(static_cast<RequestHead&>(given));
  }
  bool wants_body() const override { return wants; }
  void on_body(std::span<const char> bytes) override {
    WEIR_ASSERT(head && !ended && !over);
    body += bytes.size();
    if (head->framing.end == BodyEnd::Length) WEIR_ASSERT(body <= head->framing.length);
  }
  void on_end(const Headers&) override {
    WEIR_ASSERT(head && !ended && !over);
    if (head->framing.end == BodyEnd::Length) WEIR_ASSERT(body == head->framing.length);
    ended = true;
  }

  // A server of HTTP/1.1 sees the same request.
  static void check_meaning(const RequestHead& given) {
    std::string out(request_size(given), '\0');
    out.resize(write_request(out.data(), given, {.framing = given.framing}));
    Arena arena;
    char* copy = arena.text(out.size());
    out.copy(copy, out.size());
    RequestHead again;
    const Failure failure = parse_request({copy, out.size()}, arena, again);
    WEIR_ASSERT(failure == Failure::None);
    WEIR_ASSERT(again.method_text == given.method_text && again.path == given.path &&
                again.forward_path == given.forward_path);
    WEIR_ASSERT(again.query == given.query && again.host == given.host);
    WEIR_ASSERT(again.framing.end == given.framing.end ||
                (again.framing.end == BodyEnd::Length && again.framing.length == 0));
  }
};

struct FuzzServer final : H2Events {
  HeadLimits limits{.line = 500, .total = 2000, .fields = 30};
  std::map<StreamId, std::unique_ptr<FuzzSink>> sinks;
  H2Codec codec{limits, *this};
  std::uint64_t clock = 1;
  bool wants = true, broken = false;

  MessageSink* sink(H2Codec::Message& message, StreamId stream) override {
    auto& made = sinks[stream];
    WEIR_ASSERT(!made);
    made = std::make_unique<FuzzSink>();
    made->handle = &message;
    made->wants = wants;
    return made.get();
  }
  void on_broken(Failure) override { broken = true; }
  std::uint64_t now() override { return clock += 10; }
  void flush() override {}
  void on_refused(MessageSink&, Failure) override {}
  void on_closed(MessageSink& sink, Failure) override { static_cast<FuzzSink&>(sink).over = true; }
  void on_abuse(H2Abuse) override { broken = true; }
  void on_overrun() override { codec.end(); }
  void on_end_known() override {}

  // Answers what is complete, lets in what waited, and sends.
  void turn() {
    for (auto& [stream, sink] : sinks) {
      if (sink->over) continue;
      sink->wants = true;
      codec.resume(*sink->handle);
      sink->wants = wants;
      if (sink->over || !sink->head || !sink->ended) continue;
      static const ResponseHead head = [] {
        ResponseHead made;
        made.status = 200;
        return made;
      }();
      codec.write_response(*sink->handle, head, {.framing = {BodyEnd::Chunked, 0}});
      codec.write_body(*sink->handle, std::string_view("answer"));
      codec.write_end(*sink->handle, Headers());
    }
    Gather out;
    codec.write_frames(out, 1 << 16);
    codec.forget_sent();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  FuzzServer server;
  server.wants = (data[0] & 1) != 0;
  const std::size_t piece = data[0] & 2 ? 7 : 4096;
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (std::size_t at = 0; at < bytes.size() && !server.broken; at += piece) {
    server.codec.feed({bytes.data() + at, std::min(piece, bytes.size() - at)});
    server.codec.tell_held();
    server.turn();
  }
  return 0;
}
