// SPDX-License-Identifier: Apache-2.0
//
// Filters of a stream: the bytes say which there are and what each callback does, also against the contract, what the server
// answers, and what the client does meanwhile.  Whatever they say, the request ends, is counted once, holds no slot of the
// server, and each filter hears of the end once and of nothing after it.
#include "base/assert.h"
#include "proxy/heart.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

namespace weir::proxy {
namespace {

/// The input, which has zeros behind its end.
class Script {
 public:
  explicit Script(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool has_more() const { return at_ < bytes_.size(); }
  unsigned next() { return has_more() ? bytes_[at_++] : 0; }
  bool flip() { return next() % 2 == 1; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

const std::deque<upstream::ScriptedOrigin::Answer> answers[] = {
    {{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}},
    {{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "llo"}},
    {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
      "3\r\nllo\r\n0\r\nDigest: d\r\n\r\n"}},
    {{"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"}},
    {{"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/9\r\nContent-Length: "
      "5\r\n\r\nhello"}},
    {{"HTTP/1.1 200 OK\r\n\r\nto the end"}},
    {{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut"}},
    {{"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw"}},
    {{"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"}},
    {{"nonsense\r\n\r\n"}},
    {{""}},
    {}};

/// Some text now and then, and an end after a while.
struct Source final : BodySource {
  explicit Source(Script& its) : script(its) {}
  Produced produce(std::span<char> into) override {
    if (++rounds > 8) return {.bytes = 0, .is_end = true};
    const std::size_t some = script.next() % 64;
    std::fill_n(into.begin(), some, 'p');
    return {.bytes = some, .is_end = script.flip()};
  }
  void wait(Waker its) override { waker = its; }
  Script& script;
  Waker waker;
  int rounds = 0;
};

/// Where nobody else listens.  No port: of those there are not as many as inputs in a minute.
struct SocketFile {
  SocketFile() { ::unlink(path.c_str()); }
  ~SocketFile() { ::unlink(path.c_str()); }
  net::Address address() const {
    return *net::Address::from({config::Endpoint::Kind::Unix, path, 0, path});
  }
  const std::string path = "/tmp/weir-filters-fuzz." + std::to_string(::getpid());
};

struct World : private SocketFile, HeartWorld {
  explicit World(Script& its) : HeartWorld(address()), script(its), source(its) {
    policy().filter = 1'000'000;
    for (unsigned count = 1 + script.next() % 3; count > 0; --count) add();
  }

  void add() {
    const unsigned bits = script.next(), bodies = script.next(), more = script.next();
    Needs needs;
    needs.request = bits & 1;
    needs.response = bits & 2;
    needs.trailers = bits & 4;
    needs.attempt = bits & 8;
    needs.ranges = bits & 16;
    needs.request_body = static_cast<Body>(bodies % 4);
    needs.response_body = static_cast<Body>(bodies / 4 % 4);
    needs.over = static_cast<Over>(more % 3);
    needs.whole_limit = more / 3;
    ScriptedFilter& its = another_filter(needs);
    filters.push_back(&its);
    its.request = its.response = [this](StreamView& stream) { return act(stream); };
    its.request_body = its.response_body = [this](StreamView& stream, BodyPiece& piece) {
      if (script.next() % 4 == 0) piece.write(piece.bytes());
      return act(stream);
    };
    its.woken = [this](StreamView& stream, const Wake&) { return act(stream); };
  }

  Verdict act(StreamView& stream) {
    call(stream);
    const unsigned said = script.next() % 8;
    return said < 5 ? static_cast<Verdict>(said) : Verdict::Continue;
  }
  void call(StreamView& stream) {
    switch (script.next() % 12) {
      case 0: return stream.respond(static_cast<std::uint16_t>(200 + script.next()), "text");
      case 1: {
        ResponseHead& head = stream.arena().array<ResponseHead>(1)[0];
        head.status = 200;
        return stream.respond(head, source);
      }
      case 2: return stream.refuse(Refusal::Failed);
      case 3: return stream.sleep(script.next());
      case 4: return void(wakers.push_back(stream.signal()));
      case 5: return stream.ask({.backend = script.next() % 2});
      case 6: return stream.want_whole(script.next(), static_cast<Over>(script.next() % 3));
      case 7: return stream.skip_body();
      case 8: return stream.set_length(script.next() % 16);
      case 9: return stream.note("name", "value");
      default: return;
    }
  }

  void wake() {
    for (Waker& waker : wakers) waker.fire();
    source.waker.fire();
  }
  /// One thing that happens outside.
  void happen(test::FakeClient& one) {
    switch (script.next() % 10) {
      case 0:
      case 1:
        if (one.its().wants_body() && !is_request_over) one.say("piece");
        return;
      case 2:
        if (!std::exchange(is_request_over, true)) one.its().on_end(Headers());
        return;
      case 3: one.has_room_now = script.flip(); break;
      case 4: wake(); break;
      case 5: clock.advance(1'200'000); break;
      case 6: origin.hang_up(); break;
      case 7:
        if (script.next() % 4 == 0) one.its().fail(http::Failure::ClientGone);
        return;
      default: break;
    }
    if (!one.is_over() && one.has_room_now) one.its().on_client_sent();
    turn(2);
  }
  /// The client takes everything, time passes, and then is up.
  void end(test::FakeClient& one) {
    one.has_room_now = true;
    for (int i = 0; i < 4 && !one.is_over(); ++i) {
      wake();
      one.its().on_client_sent();
      clock.advance(1'200'000);
      turn(3);
    }
    if (!one.is_over()) one.its().fail(http::Failure::RequestTimeout);
    turn(3);
    if (!one.is_over()) one.its().fail(http::Failure::ClientGone);
    WEIR_ASSERT(one.is_over());
  }

  Script& script;
  Source source;
  std::vector<ScriptedFilter*> filters;
  std::vector<Waker> wakers;
  bool is_request_over = false;
};

void run(Script script) {
  World world(script);
  world.origin.answer(answers[script.next() % std::size(answers)]);
  world.origin.stay_open(script.flip());
  test::FakeClient& one = world.client();
  one.keeps = script.flip();
  one.has_room_now = script.next() % 4 != 0;
  if (script.flip()) {
    one.ask_with_body("POST", script.next());
  } else {
    world.is_request_over = true;
    one.ask(script.next() % 4 == 0 ? "HEAD" : "GET");
  }
  while (script.has_more() && !one.is_over()) world.happen(one);
  if (!one.is_over()) world.end(one);
  one.its().stop();
  one.its().log();
  world.clients.clear();
  world.wake();
  world.turn(3);
  for (const ScriptedFilter* filter : world.filters) WEIR_ASSERT(filter->finished == 1);
  WEIR_ASSERT(world.in_flight() == 0);
  WEIR_ASSERT(world.journal.requests == 1);
}

}  // namespace
}  // namespace weir::proxy

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // What the fakes expect counts as well.
  static const bool is_strict = [] {
    GTEST_FLAG_SET(break_on_failure, true);
    return true;
  }();
  WEIR_ASSERT(is_strict);
  weir::proxy::run(weir::proxy::Script({data, std::min<std::size_t>(size, 256)}));
  return 0;
}
