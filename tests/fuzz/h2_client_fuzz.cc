// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 towards servers: what a server sends, through nghttp2 and the real callbacks.  Beyond not crashing: no
// answer is told that HTTP/1 could misread, no body before its head or behind its end, nothing to a request that
// was given up, and what is kept is no more than the windows allow.  The first byte chooses how many requests
// there are and whether they have bodies, how the bytes are cut, whether sinks want bodies at once and whether
// requests are given up half way.
#include "base/assert.h"
#include "http/h1_writer.h"
#include "http/h2_codec_client.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace weir;
using namespace weir::http;

struct FuzzCall final : MessageSink {
  Arena memory;
  H2ClientCodec::Message* handle = nullptr;
  const ResponseHead* head = nullptr;
  std::uint64_t body = 0;
  bool ended = false, wants = true, over = false;

  Arena& arena() override { return memory; }
  void on_head(MessageHead& given) override {
    WEIR_ASSERT(!head && !over);
    const auto& answer = static_cast<const ResponseHead&>(given);
    check_meaning(answer);
    if (!answer.is_interim()) head = &answer;
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

  // A client of HTTP/1.1 sees the same answer.
  static void check_meaning(const ResponseHead& given) {
    std::string out(response_size(given), '\0');
    out.resize(write_response(out.data(), given, {.framing = given.framing}));
    Arena arena;
    char* copy = arena.text(out.size());
    out.copy(copy, out.size());
    ResponseHead again;
    const Failure failure = parse_response({copy, out.size()}, arena, Method::Get, again);
    WEIR_ASSERT(failure == Failure::None);
    WEIR_ASSERT(again.status == given.status);
  }
};

struct FuzzOwner final : H2ClientEvents {
  HeadLimits limits{.line = 500, .total = 2000, .fields = 30};
  std::vector<std::unique_ptr<FuzzCall>> calls;
  H2ClientCodec codec{limits, *this};
  std::uint64_t clock = 1;
  bool broken = false;

  std::uint64_t now() override { return clock += 10; }
  void flush() override {}
  void on_closed(MessageSink& sink, Failure) override {
    auto& call = static_cast<FuzzCall&>(sink);
    WEIR_ASSERT(!call.over);
    call.over = true;
    call.handle = nullptr;
  }
  void on_broken(Failure) override { broken = true; }

  void open(bool wants, bool with_body) {
    static const RequestHead request = [] {
      RequestHead head;
      head.method = Method::Post;
      head.method_text = "POST";
      head.target = head.forward_path = "/x";
      head.authority = head.host = "a";
      return head;
    }();
    auto call = std::make_unique<FuzzCall>();
    call->wants = wants;
    const Framing framing{with_body ? BodyEnd::Chunked : BodyEnd::None, 0};
    call->handle = codec.open(request, {.framing = framing}, "http", *call);
    if (call->handle && with_body) {
      codec.write_body(*call->handle, std::string_view("question"));
      codec.write_end(*call->handle, Headers());
    }
    call->over = !call->handle;
    calls.push_back(std::move(call));
  }

  // Lets in what waited, and sends; those whose turn it is are given up.
  void turn(bool wants, bool give_up) {
    for (auto& call : calls) {
      if (!call->handle) continue;
      call->wants = true;
      codec.resume(*call->handle);
      call->wants = wants;
      if (!call->handle || !(call->ended || (give_up && call->body > 0))) continue;
      codec.close(*call->handle);
      call->handle = nullptr;
      call->over = true;
    }
    Gather out;
    codec.write_frames(out, 1 << 16);
    codec.forget_sent();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned choice = data[0];
  const bool wants = (choice & 1) != 0, give_up = (choice & 4) != 0;
  const std::size_t piece = choice & 2 ? 7 : 4096;
  FuzzOwner owner;
  for (unsigned i = 0; i <= (choice >> 3 & 3); ++i) owner.open(wants, (choice & 32) != 0);
  owner.turn(wants, give_up);
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (std::size_t at = 0; at < bytes.size() && !owner.broken; at += piece) {
    owner.codec.feed({bytes.data() + at, std::min(piece, bytes.size() - at)});
    owner.turn(wants, give_up);
  }
  return 0;
}
