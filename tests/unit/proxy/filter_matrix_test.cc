// SPDX-License-Identifier: Apache-2.0
//
// Each verdict from each callback, and each thing that may happen meanwhile: whatever comes of it, the client hears an end, the
// filter hears of it once and is never called after it, nothing stays in flight, and the request is counted once.
#include "proxy/heart.h"

#include <string>
#include <tuple>

namespace weir::proxy {
namespace {

enum class At : std::uint8_t {
  Request,
  RequestBody,
  Response,
  ResponseBody,
  RequestWake,
  ResponseWake
};
enum class Meanwhile : std::uint8_t { Nothing, ClientGone, ServerReset, RequestTimeout, Slow };

constexpr At callbacks[] = {At::Request,      At::RequestBody, At::Response,
                            At::ResponseBody, At::RequestWake, At::ResponseWake};
constexpr Verdict verdicts[] = {Verdict::Continue, Verdict::Respond, Verdict::Reroute,
                                Verdict::Suspend, Verdict::Abort};
constexpr Meanwhile events[] = {Meanwhile::Nothing, Meanwhile::ClientGone, Meanwhile::ServerReset,
                                Meanwhile::RequestTimeout, Meanwhile::Slow};
constexpr Body kinds[] = {Body::Observe, Body::Transform, Body::Whole};

using Case = std::tuple<At, Verdict, Meanwhile, Body>;

std::string case_name(const testing::TestParamInfo<Case>& info) {
  static constexpr const char* ats[] = {"Request",      "RequestBody", "Response",
                                        "ResponseBody", "RequestWake", "ResponseWake"};
  static constexpr const char* says[] = {"Continue", "Respond", "Reroute", "Suspend", "Abort"};
  static constexpr const char* meanwhile[] = {"", "ClientGone", "ServerReset", "Timeout", "Slow"};
  static constexpr const char* bodies[] = {"None", "Observe", "Transform", "Whole"};
  const auto& [at, verdict, event, body] = info.param;
  return std::string(ats[static_cast<std::size_t>(at)]) + says[static_cast<std::size_t>(verdict)] +
         meanwhile[static_cast<std::size_t>(event)] + bodies[static_cast<std::size_t>(body)];
}

struct FilterMatrix : Heart, testing::WithParamInterface<Case> {
  void SetUp() override {
    const auto [at, verdict, event, body] = GetParam();
    at_ = at;
    verdict_ = verdict;
    policy().filter = 1'000'000;
    filter_ = &filter({.request = true,
                       .response = true,
                       .request_body = body,
                       .response_body = body,
                       .whole_limit = 1000});
    filter_->request = [this](StreamView& stream) {
      return at_ == At::RequestWake ? wait(stream) : say(At::Request, stream);
    };
    filter_->request_body = [this](StreamView& stream, BodyPiece& piece) {
      return pass(piece), say(At::RequestBody, stream);
    };
    filter_->response = [this](StreamView& stream) {
      return at_ == At::ResponseWake ? wait(stream) : say(At::Response, stream);
    };
    filter_->response_body = [this](StreamView& stream, BodyPiece& piece) {
      return pass(piece), say(At::ResponseBody, stream);
    };
    filter_->woken = [this](StreamView& stream, const Wake& wake) {
      is_waiting_ = false;
      return say(wake.direction == Direction::Request ? At::RequestWake : At::ResponseWake, stream);
    };
  }

  static void pass(BodyPiece& piece) {
    if (std::get<Body>(GetParam()) == Body::Transform) piece.write(piece.bytes());
  }
  Verdict wait(StreamView& stream) {
    waker_ = stream.signal();
    is_waiting_ = true;
    return Verdict::Suspend;
  }
  /// The verdict of the case, once, if this is its callback.
  Verdict say(At here, StreamView& stream) {
    if (here != at_ || std::exchange(has_said_, true)) return Verdict::Continue;
    if (verdict_ == Verdict::Suspend) return wait(stream);
    if (verdict_ == Verdict::Respond) stream.respond(418, "tea");
    return verdict_;
  }

  void happen(test::FakeClient& one) {
    switch (std::get<Meanwhile>(GetParam())) {
      case Meanwhile::Nothing: return;
      case Meanwhile::Slow: one.has_room_now = true; return one.its().on_client_sent();
      case Meanwhile::ClientGone: return one.its().fail(http::Failure::ClientGone);
      case Meanwhile::ServerReset: return origin.hang_up();
      case Meanwhile::RequestTimeout: return one.its().fail(http::Failure::RequestTimeout);
    }
  }
  /// Wakes who waits, until the request is over or nobody does.
  void go_on(test::FakeClient& one) {
    while (is_waiting_ && !one.is_over()) {
      is_waiting_ = false;
      waker_.fire();
      until([&] { return one.is_over() || is_waiting_ || waits_for_client(one); });
    }
  }
  /// For more of the request, or for room.
  static bool waits_for_client(test::FakeClient& one) {
    const bool is_full = !one.has_room_now && one.its().phase_name() == "relay";
    return is_full || (one.its().wants_body() && !one.its().is_request_complete());
  }

  /// What the client sees if nothing else happens.
  void expect_answer(const test::FakeClient& one) const {
    const bool has_left = at_ == At::ResponseBody && std::get<Body>(GetParam()) != Body::Whole;
    const bool may_reroute = at_ == At::Request || at_ == At::RequestWake;
    const bool is_breach = (verdict_ == Verdict::Reroute && !may_reroute) ||
                           (verdict_ == Verdict::Respond && has_left);
    if (verdict_ == Verdict::Abort || (is_breach && has_left)) {
      EXPECT_TRUE(one.is_aborted);
      return;
    }
    EXPECT_EQ(one.finished.has_value(), true);
    const int status = is_breach ? 500 : verdict_ == Verdict::Respond ? 418 : 200;
    EXPECT_EQ(one.status, status);
    if (status == 418) {
      EXPECT_EQ(one.body, "tea");
    } else if (status == 200) {
      EXPECT_EQ(one.body, "hello");
    }
  }

  At at_ = At::Request;
  Verdict verdict_ = Verdict::Continue;
  ScriptedFilter* filter_ = nullptr;
  Waker waker_;
  bool has_said_ = false, is_waiting_ = false;
};

TEST_P(FilterMatrix, EndsOnceAndLeavesNothing) {
  const Meanwhile event = std::get<Meanwhile>(GetParam());
  origin.answer({{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}});
  origin.stay_open();
  auto& one = client();
  one.has_room_now = event != Meanwhile::Slow;
  if (at_ == At::RequestBody)
    one.ask_with_body("POST", 4);
  else
    one.ask();
  until([&] { return one.is_over() || is_waiting_ || waits_for_client(one); });
  if (event != Meanwhile::Slow && !one.is_over() && is_waiting_) happen(one);
  go_on(one);
  if (!one.is_over() && at_ == At::RequestBody) {
    one.say("\r\n\r\n");  // for which the origin waits
    if (!one.is_over()) one.its().on_end(Headers());
    if (event != Meanwhile::Slow && !one.is_over()) happen(one);
  }
  until([&] { return one.is_over() || is_waiting_ || waits_for_client(one); });
  if (!one.is_over()) happen(one);
  while (!one.is_over()) {
    go_on(one);
    until([&] { return one.is_over() || is_waiting_; });
  }
  if (event == Meanwhile::Nothing || event == Meanwhile::Slow) expect_answer(one);
  one.its().stop();
  one.its().log();
  clients.clear();
  waker_.fire();
  turn(5);
  EXPECT_EQ(filter_->finished, 1);
  EXPECT_EQ(in_flight(), 0U);
  EXPECT_EQ(journal.requests, 1);
}

INSTANTIATE_TEST_SUITE_P(All, FilterMatrix,
                         testing::Combine(testing::ValuesIn(callbacks), testing::ValuesIn(verdicts),
                                          testing::ValuesIn(events), testing::ValuesIn(kinds)),
                         case_name);

}  // namespace
}  // namespace weir::proxy
