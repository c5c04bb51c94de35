// SPDX-License-Identifier: Apache-2.0
//
// One attempt by itself: what it says of its user to the connection.  What becomes of attempts, dispatch_test.cc shows.
#include "proxy/attempt.h"

#include "proxy/fleet.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

struct Trying final : AttemptUser {
  void on_attempt_ready() override {}
  void on_attempt_sent() override {}
  void on_attempt_failed(http::Failure) override {}
  void on_interim(ResponseHead&) override {}
  void on_response(ResponseHead&) override {}
  bool may_move_answer() const override { return may_move; }
  bool holds_upload() const override { return false; }
  void on_raw_readable() override {}
  bool may_move = true;
};

struct Taking final : AnswerSink {
  bool wants_answer() const override { return true; }
  void take_answer(std::span<const char>) override {}
  void take_answer_end(const Headers&) override {}
  bool can_move_answer() const override { return can_move; }
  net::IoResult move_answer() override { return {net::Io::Again}; }
  bool can_move = true;
};

using AttemptTest = DispatchFleet;

// Else the connection would read all of a large answer with its head, which is dearer than to move it in the kernel.
TEST_F(AttemptTest, AnAnswerMayBeMovedBeforeItsHeadHasCome) {
  Record record;
  RequestHead request;
  Arena arena;
  const upstream::ServerTimeouts timeouts{second, second, second, second};
  upstream::Backend& backend = *context.backends[0];
  const upstream::Chosen chosen = backend.choose({});
  ASSERT_TRUE(chosen.server);
  Trying user;
  Taking sink;
  Attempt attempt({context, arena, record, request, timeouts, nullptr}, user, backend,
                  *chosen.server, chosen.probe);
  const upstream::ConnectionUser& seen = attempt;
  EXPECT_TRUE(seen.can_move_body());
  user.may_move = false;
  EXPECT_FALSE(seen.can_move_body());
  attempt.give_to(sink);
  EXPECT_TRUE(seen.can_move_body()) << "now the sink decides";
  sink.can_move = false;
  EXPECT_FALSE(seen.can_move_body());
}

}  // namespace
}  // namespace weir::proxy
