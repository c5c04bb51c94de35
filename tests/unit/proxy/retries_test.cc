// SPDX-License-Identifier: Apache-2.0
//
// Which failures of an attempt are followed by another one: never one by which a server might act twice.
#include "proxy/retries.h"

#include "fakes/fake_sharing.h"
#include "fakes/net_world.h"

#include <gmock/gmock.h>

namespace weir::proxy {
namespace {

using http::Failure;
using testing::ElementsAre;
using testing::IsEmpty;

struct RetriesTest : testing::Test, test::NetWorld {
  test::FakeSharing shared{1, 2, 1};
  config::Backend backend;
  std::shared_ptr<const tls::ClientContext> tls;
  upstream::AnswerLimits limits = upstream::answer_limits(config::Config(), backend);
  upstream::Server server{net, shared.all, backend, tls, limits, 0, shm::ServerRow{}};
  config::Retry policy;
  /// A GET on a new connection, nothing of which is lost.
  LastAttempt last{policy, 1, false, true, true};
  Retries retries;
};

TEST_F(RetriesTest, WhatHasReachedNobodyGoesElsewhere) {
  for (Failure failure : {Failure::ConnectRefused, Failure::ConnectTimeout, Failure::TlsProtocol}) {
    Retries each;
    LastAttempt post = last;
    post.is_idempotent = post.can_replay = false;
    EXPECT_TRUE(each.allow(failure, post, server));
    EXPECT_THAT(each.tried(), ElementsAre(&server));
  }
}

TEST_F(RetriesTest, AsOftenAsThePolicySays) {
  policy.attempts = 2;
  for (std::uint32_t attempts : {1u, 2u, 3u}) {
    last.attempts = attempts;
    EXPECT_EQ(retries.allow(Failure::ConnectRefused, last, server), attempts <= 2);
  }
  last.attempts = 1;
  policy.on_connect_error = false;
  EXPECT_FALSE(retries.allow(Failure::ConnectRefused, last, server));
}

TEST_F(RetriesTest, AServerMayHaveActedOnWhatItDidNotAnswer) {
  EXPECT_FALSE(retries.allow(Failure::ServerClosed, last, server));
  last.is_reused = true;
  EXPECT_TRUE(retries.allow(Failure::ServerClosed, last, server));
  EXPECT_THAT(retries.tried(), IsEmpty()) << "its timer raced the request: it is not at fault";
  LastAttempt post = last;
  post.is_idempotent = false;
  EXPECT_FALSE(retries.allow(Failure::ServerClosed, post, server));
  LastAttempt gone = last;
  gone.can_replay = false;
  EXPECT_FALSE(retries.allow(Failure::ServerReset, gone, server));
}

TEST_F(RetriesTest, WhatAServerHasNotLookedAtGoesAgainThreeTimes) {
  last.is_idempotent = false;  // it does not matter then
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(retries.allow(Failure::StreamRefused, last, server));
  EXPECT_FALSE(retries.allow(Failure::StreamRefused, last, server));
}

TEST_F(RetriesTest, WhatNoServerHasLookedAtUsesNoAttemptUp) {
  policy.attempts = 1;
  last.attempts = 1;
  EXPECT_TRUE(retries.allow(Failure::PipelineLost, last, server));
  last.attempts = 2;
  EXPECT_TRUE(retries.allow(Failure::ConnectRefused, last, server));
  last.attempts = 3;
  EXPECT_FALSE(retries.allow(Failure::ConnectRefused, last, server));
}

TEST_F(RetriesTest, OthersDoNot) {
  last.is_reused = true;
  for (Failure failure : {Failure::FirstByteTimeout, Failure::ResponseSyntax, Failure::ClientGone,
                          Failure::RequestTimeout})
    EXPECT_FALSE(retries.allow(failure, last, server));
}

TEST_F(RetriesTest, AStatusIfThePolicyNamesIt) {
  EXPECT_FALSE(retries.allow(503, last));
  policy.on_status = {502, 503};
  EXPECT_TRUE(retries.allow(503, last));
  EXPECT_FALSE(retries.allow(500, last));
  LastAttempt post = last;
  post.is_idempotent = false;
  EXPECT_FALSE(retries.allow(503, post));
  last.attempts = policy.attempts + 1;
  EXPECT_FALSE(retries.allow(503, last));
}

}  // namespace
}  // namespace weir::proxy
