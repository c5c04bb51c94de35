// SPDX-License-Identifier: Apache-2.0
//
// Dispatch and Attempt: how a request comes to a server that takes it, past those that do not: limits of connecting, several
// addresses, dead connections of the pool, other servers, and what happens without descriptors.
#include "proxy/dispatch.h"

#include "proxy/fleet.h"

#include <gmock/gmock.h>

#include <sys/resource.h>

namespace weir::proxy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

using DispatchTest = DispatchFleet;

// ---- The limit of connecting -------------------------------------------------------------------

TEST_F(DispatchTest, AServerThatIsSilentIsGivenUp) {
  put(0, silent.address());
  pass_time();
  const std::uint64_t begun = clock.monotonic_us();
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 504);
  EXPECT_EQ(failure(one), "connect_timeout");
  EXPECT_TRUE(test::is_about(clock.monotonic_us() - begun, second));
  EXPECT_EQ(record(one).attempts, 1U);
  EXPECT_EQ(journal.refusals, 1);
  expect_nothing_left();
}

TEST_F(DispatchTest, AndAnotherOneAsked) {
  put(0, silent.address());
  another(1, {{fine}});
  pass_time();
  auto& one = client();
  one.ask("POST");
  answered(one);
  EXPECT_EQ(one.status, 200) << "nothing has reached the first one, so the method does not matter";
  EXPECT_EQ(record(one).attempts, 2U);
  EXPECT_EQ(record(one).retry_reason, "connect_timeout");
  EXPECT_EQ(record(one).server_slot, 1U);
  expect_nothing_left();
}

TEST_F(DispatchTest, AsOftenAsThePolicySays) {
  put(0, silent.address());
  upstream::SilentAddress second_one(upstream::loopback(1));
  put(1, second_one.address());
  another(2, {{fine}});
  pass_time();
  for (const std::uint32_t retries : {0u, 1u, 2u}) {
    policy().retry.attempts = retries;
    auto& one = client();
    one.ask();
    answered(one);
    EXPECT_EQ(one.status, retries == 2 ? 200 : 504);
    EXPECT_EQ(record(one).attempts, retries + 1);
  }
  expect_nothing_left();
}

// ---- Several addresses -------------------------------------------------------------------------

struct AddressesOfOne : DispatchTest {
  /// The origin stands at the first address; whoever is asked first, all others are tried before the limit.
  std::uint16_t port() const { return origin.address().port(); }
};

TEST_F(AddressesOfOne, ASilentOneCostsItsShareOfTheTime) {
  upstream::SilentAddress other(upstream::loopback(2, port()));
  put_set(0, {1, 2}, port());
  pass_time();
  for (int request = 0; request < 2; ++request) {
    const std::uint64_t begun = clock.monotonic_us();
    auto& one = client();
    one.ask();
    answered(one);
    EXPECT_EQ(one.status, 200);
    EXPECT_EQ(record(one).attempts, 1U);
    EXPECT_EQ(record(one).server_address, origin.address().text());
    const std::uint64_t took = clock.monotonic_us() - begun;
    if (request == 0) {
      EXPECT_TRUE(test::is_about(took, second / 2));
    } else {
      EXPECT_EQ(took, 0U) << "it is asked last now";
    }
  }
  expect_nothing_left();
}

TEST_F(AddressesOfOne, ThatRefusesCostsNone) {
  put_set(0, {1, 2, 3, 4}, port());
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(record(one).attempts, 1U);
  expect_nothing_left();
}

TEST_F(AddressesOfOne, AllTogetherHaveTheLimit) {
  upstream::SilentAddress second_one(upstream::loopback(2, silent.address().port()));
  upstream::SilentAddress third_one(upstream::loopback(3, silent.address().port()));
  put_set(0, {1, 2, 3}, silent.address().port());
  pass_time();
  const std::uint64_t begun = clock.monotonic_us();
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 504);
  EXPECT_EQ(failure(one), "connect_timeout");
  EXPECT_TRUE(test::is_about(clock.monotonic_us() - begun, second, 3));
  expect_nothing_left();
}

TEST_F(AddressesOfOne, AllRefusing) {
  origin.close();
  put_set(0, {1, 2, 3}, port());
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 502);
  EXPECT_EQ(failure(one), "connect_refused");
  expect_nothing_left();
}

TEST_F(AddressesOfOne, WhoLeavesMeanwhileLeavesNothing) {
  upstream::SilentAddress other(upstream::loopback(2, port()));
  put_set(0, {1, 2}, port());
  auto& one = client();
  one.ask();
  clock.advance(second / 2 + 20'000);
  turn(1);  // its time is up, and the next address is about to be tried
  one.its().fail(http::Failure::ClientGone);
  turn(8);
  EXPECT_THAT(origin.requests(), IsEmpty());
  expect_nothing_left();
}

// ---- The pool ----------------------------------------------------------------------------------

struct StaleConnection : DispatchTest {
  /// A connection in the pool that the server closes as soon as it hears something.
  void SetUp() override {
    origin.answer({{fine}, {""}, {fine}});
    origin.stay_open();
    auto& one = client();
    one.ask();
    answered(one);
    origin.stay_open(false);
  }
};

struct Repeat {
  const char* name;
  const char* method;
  std::size_t body;
  bool is_repeated;
};
struct EachMethod : StaleConnection, testing::WithParamInterface<Repeat> {};
INSTANTIATE_TEST_SUITE_P(
    Methods, EachMethod,
    testing::Values(Repeat{"Get", "GET", 0, true}, Repeat{"Post", "POST", 0, false},
                    Repeat{"PutWithALittle", "PUT", 1000, true},
                    Repeat{"PutWithMoreThanIsKept", "PUT", RequestBody::most_kept + 1, false},
                    Repeat{"Patch", "PATCH", 10, false}),
    [](const auto& each) { return each.param.name; });

TEST_P(EachMethod, IsRepeatedIfThatIsSafe) {
  auto& one = client();
  if (GetParam().body == 0) {
    one.ask(GetParam().method);
  } else {
    one.ask_with_body(GetParam().method, GetParam().body);
    until_phase(one, "send");
    // The scripted origin takes this for the end of a request.
    std::string body(GetParam().body - 4, 'x');
    one.say(body + "\r\n\r\n");
    one.its().on_end(Headers());
  }
  answered(one);
  EXPECT_EQ(one.status, GetParam().is_repeated ? 200 : 502);
  EXPECT_EQ(record(one).attempts, GetParam().is_repeated ? 2U : 1U);
  EXPECT_EQ(failure(one), GetParam().is_repeated ? "none" : "server_closed");
  if (GetParam().is_repeated && GetParam().body > 0) {
    EXPECT_THAT(origin.requests().back(), HasSubstr(std::string(GetParam().body - 4, 'x')));
  }
  expect_nothing_left();
}

// ---- Another server for a status ---------------------------------------------------------------

struct Statuses : DispatchTest {
  Statuses() {
    policy().retry.attempts = 1;
    policy().retry.on_status = {503};
    origin.answer({{busy}});
  }
};

TEST_F(Statuses, AreAskedElsewhere) {
  another(1, {{fine}});
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.body, "hello");
  EXPECT_EQ(record(one).retry_reason, "503");
  EXPECT_EQ(failure(one), "none");
  expect_nothing_left();
}

TEST_F(Statuses, TheLastAnswerCounts) {
  another(1, {{"HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nworse"}});
  another(2, {{fine}});
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(one.body, "worse");
  EXPECT_EQ(record(one).attempts, 2U);
  expect_nothing_left();
}

TEST_F(Statuses, IfNobodyElseIsThereItIsTheAnswer) {
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(one.body, "busy");
  EXPECT_EQ(record(one).backend->name, "api");
  expect_nothing_left();
}

TEST_F(Statuses, NobodyIsWaitedForEither) {
  put(1, another(1, {}).address(), 1);
  put(0, origin.address(), 0, shm::Use::Down);
  auto& first = client();
  first.ask();
  until_phase(first, "await");
  put(0, origin.address());
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(shared.in_flight.load(1), 1U);
  first.its().fail(http::Failure::ClientGone);
  expect_nothing_left();
}

TEST_F(Statuses, OfWhatMayNotBeRepeatedAreTheAnswer) {
  another(1, {{fine}});
  for (const bool has_body : {false, true}) {
    auto& one = client();
    if (has_body) {
      one.ask_with_body("PUT", RequestBody::most_kept + 5);
      until_phase(one, "send");
      one.say(std::string(RequestBody::most_kept + 1, 'x') + "\r\n\r\n");
      one.its().on_end(Headers());
    } else {
      one.ask("POST");
    }
    answered(one);
    EXPECT_EQ(one.status, 503);
    EXPECT_EQ(record(one).attempts, 1U);
  }
  expect_nothing_left();
}

TEST_F(Statuses, TheOtherOneMayFailToo) {
  put(1, silent.address());
  pass_time();
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 504);
  EXPECT_EQ(failure(one), "connect_timeout");
  expect_nothing_left();
}

// ---- Descriptors -------------------------------------------------------------------------------

/// While it lives this process opens no descriptor more than it has.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const Fd lowest(::fcntl(0, F_DUPFD_CLOEXEC, 0));
    const rlimit now{static_cast<rlim_t>(lowest.get()), before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(DispatchTest, WithoutADescriptorThereIsNoConnection) {
  auto& one = client();
  {
    const NoMoreDescriptors none;
    one.ask();
  }
  answered(one);
  EXPECT_EQ(one.status, 502);
  EXPECT_EQ(failure(one), "connect_failed");
  expect_nothing_left();
}

TEST_F(DispatchTest, UnlessAConnectionThatNobodyUsesHasOne) {
  origin.stay_open();
  auto &one = client(), &two = client();
  one.ask();
  two.ask();
  answered(one);
  answered(two);
  put(0, origin.address(), 1);
  another(1, {{fine}});
  origin.answer({});
  auto &on_first = client(), &on_second = client();
  on_first.ask();
  EXPECT_EQ(on_first.its().phase_name(), "await");
  {
    const NoMoreDescriptors none;
    on_second.ask();
  }
  answered(on_second);
  EXPECT_EQ(on_second.status, 200);
  EXPECT_EQ(record(on_second).server_slot, 1U);
  on_first.its().fail(http::Failure::ClientGone);
  expect_nothing_left();
}

}  // namespace
}  // namespace weir::proxy
