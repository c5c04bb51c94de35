// SPDX-License-Identifier: Apache-2.0
//
// Requests that share a connection of HTTP/1.1, over a real socket: answers in order, whatever should not come, clients that
// leave or do not read, and time limits, by a clock that moves only while both sides wait.
#include "upstream/pipeline_connection.h"

#include "fakes/bell.h"
#include "upstream/connection_world.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <list>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace weir::upstream {
namespace {

using http::Failure;

std::string answer_with(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// ---- The connection ----------------------------------------------------------------------------

class PipelineTest : public ConnectionWorld {
 protected:
  void adapt(config::Backend& backend) override { backend.pipeline.emplace(); }

  /// Serves one request after the other on a connection of its own, until the server is trusted, and what `then` says.
  void earn_trust(std::function<void()> then) {
    origin_.stay_open();
    begin(user_);
    for (std::uint32_t i = 1; i < PipelineTrust::answers_needed; ++i)
      steps_.when([this] { return user_.is_done(); },
                  [this] {
                    user_.side->give_back(true);
                    user_.ended = false;
                    user_.side = server_->take_ready(false, &user_.head);
                    ASSERT_TRUE(user_.side);
                    user_.side->lease(user_, limits_);
                    user_.write();
                  });
    steps_.when([this] { return user_.is_done(); },
                [this, then] {
                  user_.side->give_back(true);
                  origin_.answer({});
                  asked_ = origin_.requests().size();
                  then();
                });
  }
  void allow(std::uint32_t connections) {
    BackendPolicy policy = backend_->policy();
    policy.config.pipeline->connections = connections;
    backend_->configure(policy);
  }
  void give_back(FakeUser& user) {
    if (ServerSide* side = std::exchange(user.side, nullptr)) side->give_back(user.ended);
  }
  void TearDown() override {
    for (FakeUser& user : users_) give_back(user);
    ConnectionWorld::TearDown();
  }
  /// Puts so many requests on the shared connection.
  void ask(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      FakeUser& user = users_.emplace_back();
      user.side = server_->take_ready(false, &user.head);
      ASSERT_TRUE(user.side);
      ASSERT_EQ(user.side->wire().transport, nullptr) << "it is not shared";
      user.side->lease(user, limits_);
      user.write();
    }
  }
  FakeUser& nth(std::size_t place) { return *std::next(users_.begin(), static_cast<long>(place)); }
  bool has_heard() const { return origin_.requests().size() > asked_; }
  bool are_done() const {
    for (const FakeUser& user : users_)
      if (!user.is_done()) return false;
    return true;
  }
  std::uint64_t count(shm::SharedCount what) { return shared_.shared_connections.sum(0, what); }
  /// Whether another request would have a place on a shared connection.
  bool shares() {
    ServerSide* side = server_->take_ready(false, &next_.head);
    if (!side) return false;
    side->lease(next_, limits_);
    const bool shared = side->wire().transport == nullptr;
    side->give_back(false);
    return shared;
  }
  /// So many requests are asked, this is said to them, and then all has come to an end.
  void play(std::size_t requests, const std::string& said) {
    earn_trust([this, requests] { ask(requests); });
    steps_.when([this] { return has_heard(); }, [this, said] { origin_.say(said); })
        .when([this] { return are_done(); })
        .run();
  }

  std::list<FakeUser> users_;
  std::size_t asked_ = 0;
};

TEST_F(PipelineTest, IsNotBeforeTheServerHasEarnedTrust) {
  origin_.stay_open();
  begin(user_);
  run_until_done(user_);
  user_.side->give_back(true);
  EXPECT_FALSE(shares());
}

TEST_F(PipelineTest, AnswersComeInOrder) {
  play(3, answer_with("one") + answer_with("two") + answer_with("three"));
  EXPECT_EQ(nth(0).answer, "one");
  EXPECT_EQ(nth(1).answer, "two");
  EXPECT_EQ(nth(2).answer, "three");
  EXPECT_EQ(origin_.requests().size(), asked_ + 1) << "they have left together";
  for (FakeUser& user : users_) give_back(user);
  EXPECT_TRUE(shares());
  EXPECT_EQ(count(shm::SharedCount::Pipelined), 3);
  EXPECT_EQ(count(shm::SharedCount::Pipelines), 1);
  EXPECT_EQ(count(shm::SharedCount::Faults), 0);
}

TEST_F(PipelineTest, AnAnswerToHeadHasNoBody) {
  earn_trust([this] {
    user_.head.method = Method::Head;
    users_.emplace_back().head.method = Method::Head;
    users_.emplace_back();
    for (FakeUser& user : users_) {
      user.side = server_->take_ready(false, &user.head);
      user.side->lease(user, limits_);
      user.write();
    }
  });
  steps_
      .when([this] { return has_heard(); },
            [this] {
              origin_.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + answer_with("two"));
            })
      .when([this] { return are_done(); })
      .run();
  EXPECT_EQ(nth(0).answer, "");
  EXPECT_EQ(nth(1).answer, "two");
}

TEST_F(PipelineTest, EarlyHintsAreNoFault) {
  play(2, "HTTP/1.1 103 Early Hints\r\n\r\n" + answer_with("one") + answer_with("two"));
  EXPECT_EQ(nth(0).statuses, (std::vector<std::uint16_t>{103, 200}));
  EXPECT_EQ(nth(1).answer, "two");
  EXPECT_EQ(count(shm::SharedCount::Faults), 0);
}

// ---- What should not come ----------------------------------------------------------------------

struct Fault {
  const char* name;
  std::string said;  ///< to two requests,
  bool hangs_up;     ///< and then
  std::array<std::optional<Failure>, 2> failures;
};

class FaultTest : public PipelineTest, public testing::WithParamInterface<Fault> {};
constexpr Failure lost = Failure::PipelineLost;
INSTANTIATE_TEST_SUITE_P(
    Faults, FaultTest,
    testing::Values(
        Fault{"NothingAndTheEnd", "", true, {lost, lost}},
        Fault{"HalfAHeadAndTheEnd", "HTTP/1.1 200 O", true, {lost, lost}},
        Fault{"HalfABodyAndTheEnd",
              "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
              true,
              {Failure::ResponseTruncated, lost}},
        Fault{"OneAnswerAndTheEnd", answer_with("one"), true, {std::nullopt, lost}},
        Fault{"Garbage", "garbage\r\n\r\n", false, {lost, lost}},
        Fault{"GarbageBehindAnAnswer", answer_with("one") + "garbage", false, {std::nullopt, lost}},
        Fault{"ABlankLineBehindAnAnswer", answer_with("one") + "\r\n", false, {std::nullopt, lost}},
        Fault{"MoreBodyThanSaid",
              "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok",
              false,
              {std::nullopt, lost}},
        Fault{"ABrokenChunk",
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
              false,
              {Failure::ResponseFraming, lost}},
        Fault{"TwoLengths",
              "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
              false,
              {lost, lost}},
        Fault{
            "Continue", "HTTP/1.1 100 Continue\r\n\r\n" + answer_with("one"), false, {lost, lost}},
        Fault{"AnotherProtocol",
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
              false,
              {lost, lost}},
        Fault{"ABodyWhereNoneMayBe",
              "HTTP/1.1 204 No Content\r\n\r\nbody",
              false,
              {std::nullopt, lost}}),
    [](const auto& fault) { return fault.param.name; });

TEST_P(FaultTest, EndsTheConnection) {
  earn_trust([this] { ask(2); });
  steps_
      .when([this] { return has_heard(); },
            [this] {
              origin_.say(GetParam().said);
              if (GetParam().hangs_up) origin_.hang_up();
            })
      .when([this] { return are_done(); })
      .run();
  EXPECT_EQ(nth(0).failure, GetParam().failures[0]);
  EXPECT_EQ(nth(1).failure, GetParam().failures[1]);
  EXPECT_EQ(count(shm::SharedCount::Faults), 1);
  EXPECT_EQ(count(shm::SharedCount::Pipelines), 0);
  for (FakeUser& user : users_) give_back(user);
  EXPECT_FALSE(shares());
}

TEST_F(PipelineTest, WhatNobodyAskedForIsAFault) {
  play(1, answer_with("one"));
  give_back(users_.front());
  origin_.say(answer_with("surplus"));
  steps_.when([this] { return count(shm::SharedCount::Faults) == 1; }).run();
  EXPECT_FALSE(shares());
}

TEST_F(PipelineTest, TheEndWhileNothingIsAskedIsNone) {
  play(1, answer_with("one"));
  give_back(users_.front());
  origin_.hang_up();
  steps_.when([this] { return count(shm::SharedCount::Pipelines) == 0; }).run();
  EXPECT_EQ(count(shm::SharedCount::Faults), 0);
}

TEST_F(PipelineTest, WhatWasSaidBeforeARequestHasLeftIsNoAnswerToIt) {
  test::Bell bell(loop_, [this] { ask(1); });
  play(1, answer_with("one"));
  give_back(users_.front());
  users_.clear();
  bell.ring();
  origin_.say(answer_with("surplus"));
  while (!origin_.has_delivered()) std::this_thread::yield();
  steps_.when([this] { return !users_.empty() && are_done(); }).run();
  EXPECT_EQ(users_.front().failure, Failure::PipelineLost);
  EXPECT_EQ(users_.front().answer, "");
  EXPECT_EQ(count(shm::SharedCount::Faults), 1);
}

// ---- Announced ends ----------------------------------------------------------------------------

TEST_F(PipelineTest, AnAnnouncedEndIsTheFirstOnesAlone) {
  play(2, answer_with("one", "Connection: close\r\n"));
  EXPECT_EQ(nth(0).answer, "one");
  EXPECT_FALSE(nth(0).failure);
  EXPECT_EQ(nth(1).failure, Failure::PipelineLost);
  EXPECT_EQ(count(shm::SharedCount::Faults), 0);
  EXPECT_EQ(count(shm::SharedCount::Moved), 1);
}

TEST_F(PipelineTest, AnAnswerMayEndWithTheConnection) {
  earn_trust([this] { ask(2); });
  steps_.when([this] { return has_heard(); }, [this] { origin_.say("HTTP/1.1 200 OK\r\n\r\nall"); })
      .when([this] { return nth(1).is_done(); }, [this] { origin_.hang_up(); })
      .when([this] { return are_done(); })
      .run();
  EXPECT_EQ(nth(0).answer, "all");
  EXPECT_TRUE(nth(0).ended);
  EXPECT_EQ(nth(1).failure, Failure::PipelineLost);
  EXPECT_EQ(count(shm::SharedCount::Faults), 0);
}

// ---- Users -------------------------------------------------------------------------------------

TEST_F(PipelineTest, OneThatLeavesDoesNotEndTheConnection) {
  earn_trust([this] { ask(2); });
  steps_
      .when([this] { return has_heard(); },
            [this] {
              give_back(nth(0));
              nth(0).failure = Failure::ClientGone;
              origin_.say(answer_with("one") + answer_with("two"));
            })
      .when([this] { return are_done(); })
      .run();
  EXPECT_EQ(nth(0).answer, "");
  EXPECT_EQ(nth(1).answer, "two");
  give_back(nth(1));
  EXPECT_TRUE(shares());
}

TEST_F(PipelineTest, OneThatDoesNotReadHoldsUpNobody) {
  earn_trust([this] {
    ask(2);
    nth(0).wants = false;
  });
  steps_
      .when([this] { return has_heard(); },
            [this] { origin_.say(answer_with("one") + answer_with("two")); })
      .when([this] { return nth(1).is_done(); },
            [this] {
              EXPECT_FALSE(nth(0).ended);
              nth(0).wants = true;
              nth(0).side->resume();
            })
      .when([this] { return are_done(); })
      .run();
  EXPECT_EQ(nth(0).answer, "one");
  EXPECT_EQ(nth(1).answer, "two");
  EXPECT_EQ(count(shm::SharedCount::Moved), 0);
}

TEST_F(PipelineTest, OneThatDoesNotReadMuchHasTheConnectionForItself) {
  const std::string large(200'000, 'x');
  earn_trust([this] {
    ask(2);
    nth(0).wants = false;
  });
  steps_.when([this] { return has_heard(); }, [&] { origin_.say(answer_with(large)); })
      .when([this] { return nth(1).is_done(); },
            [this] {
              EXPECT_EQ(nth(1).failure, Failure::PipelineLost);
              nth(0).wants = true;
              nth(0).side->resume();
            })
      .when([this] { return are_done(); })
      .run();
  EXPECT_EQ(nth(0).answer, large);
  EXPECT_EQ(count(shm::SharedCount::Faults), 0);
  give_back(nth(0));
  steps_.when([this] { return count(shm::SharedCount::Pipelines) == 0; }).run();
}

TEST_F(PipelineTest, NothingNewBehindALongAnswer) {
  earn_trust([this] { ask(1); });
  steps_
      .when([this] { return has_heard(); },
            [this] { origin_.say("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"); })
      .when([this] { return !nth(0).statuses.empty(); },
            [this] {
              EXPECT_FALSE(shares());
              origin_.say(std::string(5000, 'x'));
            })
      .when([this] { return are_done(); })
      .run();
  give_back(nth(0));
  EXPECT_TRUE(shares());
}

// ---- Time --------------------------------------------------------------------------------------

TEST_F(PipelineTest, WhoHasWaitedForLongGoesElsewhere) {
  earn_trust([this] { ask(2); });
  steps_.when([this] { return has_heard(); }, [this] { wait(); })
      .when([this] { return nth(1).is_done(); },
            [this] {
              waits_ = false;
              EXPECT_FALSE(nth(0).is_done());
              origin_.say(answer_with("one"));
            })
      .when([this] { return are_done(); })
      .run();
  EXPECT_EQ(nth(1).failure, Failure::PipelineLost);
  EXPECT_EQ(nth(0).answer, "one");
  EXPECT_EQ(count(shm::SharedCount::Faults), 0);
}

// A server may throw away what came behind a request with that request.
TEST_F(PipelineTest, WhatStoodBehindAnotherDoesNotWaitForEver) {
  earn_trust([this] { ask(2); });
  std::uint64_t begun = 0;
  steps_.when([this] { return has_heard(); }, [this] { origin_.say(answer_with("one")); })
      .when([this] { return nth(0).is_done(); }, [&] { begun = wait(); })
      .when([this] { return are_done(); }, [this] { waits_ = false; })
      .run();
  EXPECT_EQ(nth(0).answer, "one");
  EXPECT_EQ(nth(1).failure, Failure::PipelineLost);
  EXPECT_GE(clock_.monotonic_us() - begun, 50'000);
  EXPECT_LT(clock_.monotonic_us() - begun, second);
  EXPECT_EQ(count(shm::SharedCount::Faults), 0);
}

TEST_F(PipelineTest, NoAnswerInTimeEndsTheConnection) {
  earn_trust([this] { ask(1); });
  std::uint64_t begun = 0;
  steps_.when([this] { return has_heard(); }, [&] { begun = wait(); })
      .when([this] { return are_done(); }, [this] { waits_ = false; })
      .run();
  EXPECT_EQ(nth(0).failure, Failure::FirstByteTimeout);
  EXPECT_GE(clock_.monotonic_us() - begun, 20 * second);
  EXPECT_EQ(count(shm::SharedCount::Pipelines), 0);
}

TEST_F(PipelineTest, AnAnswerThatStopsEndsTheConnection) {
  earn_trust([this] { ask(1); });
  std::uint64_t begun = 0;
  steps_
      .when([this] { return has_heard(); },
            [this] { origin_.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"); })
      .when([this] { return !nth(0).statuses.empty(); }, [&] { begun = wait(); })
      .when([this] { return are_done(); }, [this] { waits_ = false; })
      .run();
  EXPECT_EQ(nth(0).failure, Failure::ReadTimeout);
  EXPECT_GE(clock_.monotonic_us() - begun, 30 * second);
}

TEST_F(PipelineTest, AnAnswerThatNobodyWantsIsNotWaitedForLonger) {
  earn_trust([this] { ask(1); });
  std::uint64_t begun = 0;
  steps_
      .when([this] { return has_heard(); },
            [&] {
              give_back(nth(0));
              begun = wait();
            })
      .when([this] { return count(shm::SharedCount::Pipelines) == 0; }, [this] { waits_ = false; })
      .run();
  EXPECT_GE(clock_.monotonic_us() - begun, 20 * second);
  EXPECT_LT(clock_.monotonic_us() - begun, 21 * second);
}

TEST_F(PipelineTest, OneThatNobodyUsesIsClosed) {
  play(1, answer_with("one"));
  give_back(nth(0));
  const std::uint64_t begun = wait();
  steps_
      .when([this] { return count(shm::SharedCount::Pipelines) == 0; }, [this] { waits_ = false; })
      .run();
  EXPECT_GE(clock_.monotonic_us() - begun, 50 * second);
}

// ---- The server --------------------------------------------------------------------------------

TEST_F(PipelineTest, AServerThatDrainsFinishesWhatIsAsked) {
  earn_trust([this] { ask(2); });
  steps_
      .when([this] { return has_heard(); },
            [this] {
              shm::ServerRow row{};
              row.use = shm::Use::Drain;
              row.addresses = to_set(origin_.address());
              backend_->apply(0, row);
              EXPECT_FALSE(shares());
              origin_.say(answer_with("one") + answer_with("two"));
            })
      .when([this] { return are_done() && count(shm::SharedCount::Pipelines) == 0; })
      .run();
  EXPECT_EQ(nth(0).answer, "one");
  EXPECT_EQ(nth(1).answer, "two");
}

TEST_F(PipelineTest, ThereAreFewerConnectionsWhenThereAreToBe) {
  origin_.stay_open();
  begin(next_);
  steps_.when([this] { return next_.is_done(); }, [this] { next_.side->give_back(true); });
  allow(2);
  earn_trust([this] {
    ask(2);
    EXPECT_EQ(count(shm::SharedCount::Pipelines), 2);
    allow(1);
    EXPECT_TRUE(shares());
  });
  steps_
      .when([this] { return origin_.requests().size() == asked_ + 2; },
            [this] { origin_.say(answer_with("one")); })
      .when([this] { return are_done() && count(shm::SharedCount::Pipelines) == 1; })
      .run();
}

TEST_F(PipelineTest, AServerThatKnowsItsClientsByConnectionIsNotShared) {
  earn_trust([this] {
    Arena arena;
    ResponseHead head;
    head.status = 401;
    head.headers.add(arena, "WWW-Authenticate", "Basic realm=\"a, b\", Negotiate");
    server_->note_head(head, false);
    EXPECT_FALSE(shares());
  });
  steps_.run();
}

TEST_F(PipelineTest, ConnectionsWithoutRequestsAreShed) {
  play(1, answer_with("one"));
  give_back(nth(0));
  EXPECT_EQ(server_->shed_idle(5), 1U);
  EXPECT_EQ(count(shm::SharedCount::Pipelines), 0);
}

}  // namespace
}  // namespace weir::upstream
