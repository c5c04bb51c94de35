// SPDX-License-Identifier: Apache-2.0
//
// Requests that wait for a server or are sent away: the queue, the fallback, half-open servers; and that nothing is left of a
// request that ends anywhere on its way to a server.
#include "proxy/dispatch.h"
#include "proxy/fleet.h"

#include <string>
#include <tuple>

namespace weir::proxy {
namespace {

using DispatchTest = DispatchFleet;

// ---- The queue ---------------------------------------------------------------------------------

struct QueueTest : DispatchTest {
  /// One that has the only place there is, and keeps it.
  QueueTest() {
    put(0, origin.address(), 1);
    origin.answer({});
    holder->ask();
    until_phase(*holder, "await");
  }
  test::FakeClient* holder = &client();
};

TEST_F(QueueTest, IsAsLongAsItMayBe) {
  configure([](upstream::BackendPolicy& policy) { policy.config.max_queue = 1; });
  auto &one = client(), &other = client();
  one.ask();
  other.ask();
  EXPECT_EQ(one.its().phase_name(), "choose");
  EXPECT_EQ(other.status, 503);
  EXPECT_EQ(failure(other), "queue_full");
}

TEST_F(QueueTest, WhoWaitsForNobodyIsToldSo) {
  auto& one = client();
  one.ask();
  put(0, origin.address(), 1, shm::Use::Down);
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(failure(one), "no_server");
  EXPECT_EQ(shared.queues.sum(0), 0U);
}

TEST_F(QueueTest, APlaceThatIsGivenBackGoesToTheNextWhoIsStillThere) {
  auto &one = client(), &other = client();
  one.ask();
  other.ask();
  origin.answer({{fine}});
  holder->its().fail(http::Failure::ClientGone);
  // It was to be called in this turn.
  one.its().fail(http::Failure::ClientGone);
  answered(other);
  EXPECT_EQ(other.status, 200);
  expect_nothing_left();
}

TEST_F(QueueTest, AServerThatRefusesAfterAllIsAFailure) {
  auto& one = client();
  one.ask();
  origin.close();
  holder->its().fail(http::Failure::ClientGone);
  answered(one);
  EXPECT_EQ(one.status, 502);
  EXPECT_EQ(failure(one), "connect_refused");
  expect_nothing_left();
}

// It has waited before its first try, and that try was no waiting.
TEST_F(QueueTest, ASecondWaitHasAsMuchTimeAsTheFirst) {
  policy().queue = 3 * second;
  policy().server.connect = 5 * second;
  put(1, origin.address(), 1);
  auto& other = client();
  other.ask();
  until_phase(other, "await");
  ASSERT_EQ(record(other).server_slot, 1U);
  auto& one = client();
  one.ask();
  EXPECT_EQ(one.its().phase_name(), "choose");
  clock.advance(second);
  put(0, silent.address(), 1);
  holder->its().fail(http::Failure::ClientGone);
  until_phase(one, "connect");
  clock.advance(5 * second + 20'000);
  until([&] { return one.its().phase_name() != "connect"; });
  EXPECT_EQ(one.its().phase_name(), "choose");
  const std::uint64_t begun = clock.monotonic_us();
  pass_time();
  answered(one);
  EXPECT_EQ(failure(one), "queue_timeout");
  EXPECT_TRUE(test::is_about(clock.monotonic_us() - begun, 3 * second));
  other.its().fail(http::Failure::ClientGone);
  expect_nothing_left();
}

// ---- The fallback ------------------------------------------------------------------------------

struct Fallback : DispatchTest {
  Fallback() {
    spare = &another_backend();
    policy().fallbacks = {1};
    put(0, origin.address(), 0, shm::Use::Down);
  }
  void fill(std::uint32_t max_in_flight, const net::Address& at) {
    shm::ServerRow row{};
    row.use = shm::Use::Up;
    row.max_in_flight = max_in_flight;
    row.addresses = upstream::to_set(at);
    spare->apply(5, row);
  }
  upstream::Backend* spare = nullptr;
};

TEST_F(Fallback, StandsIn) {
  fill(0, origin.address());
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(record(one).backend->name, "spare");
}

TEST_F(Fallback, HasItsOwnQueue) {
  fill(1, origin.address());
  origin.answer({});
  auto &one = client(), &other = client();
  one.ask();
  until_phase(one, "await");
  other.ask();
  EXPECT_EQ(shared.queues.sum(1), 1U);
  other.its().fail(http::Failure::ClientGone);
  EXPECT_EQ(shared.queues.sum(1), 0U);
  one.its().fail(http::Failure::ClientGone);
  EXPECT_EQ(shared.in_flight.load(5), 0U);
}

TEST_F(Fallback, TakesOverWhenTheLastServerHasFailed) {
  put(0, silent.address());
  policy().server.connect = second;
  fill(0, origin.address());
  pass_time();
  auto& one = client();
  one.ask();
  answered(one);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(record(one).backend->name, "spare");
  EXPECT_EQ(record(one).attempts, 2U);
}

TEST_F(Fallback, WithoutAServerIsNone) {
  auto& one = client();
  one.ask();
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(failure(one), "no_server");
}

// ---- Half-open servers -------------------------------------------------------------------------

struct HalfOpen : DispatchTest {
  HalfOpen() {
    configure([](upstream::BackendPolicy& policy) { policy.config.outlier.emplace(); });
    put(0, origin.address(), 0, shm::Use::HalfOpen);
  }
  bool is_claimed() const { return shared.outliers.is_claimed(0); }
};

TEST_F(HalfOpen, HasOneRequestAtATime) {
  origin.answer({});
  auto &one = client(), &other = client();
  one.ask();
  EXPECT_TRUE(is_claimed());
  other.ask();
  EXPECT_EQ(other.status, 503);
}

TEST_F(HalfOpen, WhoLeavesGivesItsClaimBack) {
  for (const std::string phase : {"connect", "await"}) {
    origin.answer({});
    auto& one = client();
    one.ask();
    until_phase(one, phase);
    EXPECT_TRUE(is_claimed());
    one.its().fail(http::Failure::ClientGone);
    EXPECT_FALSE(is_claimed()) << phase;
  }
  expect_nothing_left();
}

// ---- Requests that end on the way --------------------------------------------------------------

struct Place {
  const char* name;
  /// Brings a request there.
  void (*bring)(DispatchTest&, test::FakeClient&);
};

/// The only place there is, taken by a request that stays there.
test::FakeClient& take_the_place(DispatchTest& in) {
  in.put(0, in.origin.address(), 1);
  in.origin.answer({});
  auto& holder = in.client();
  holder.ask();
  in.until_phase(holder, "await");
  return holder;
}
void to_the_queue(DispatchTest& in, test::FakeClient& one) {
  auto& holder = take_the_place(in);
  one.ask();
  in.until_phase(one, "choose");
  holder.its().fail(http::Failure::ClientGone);  // so that its turn is about to come
}
void to_a_silent_server(DispatchTest& in, test::FakeClient& one) {
  in.put(0, in.silent.address());
  one.ask();
  in.until_phase(one, "connect");
}
void to_another_silent_server(DispatchTest& in, test::FakeClient& one) {
  in.put(1, in.silent.address());
  to_a_silent_server(in, one);
  in.clock.advance(in.second + 20'000);
  in.until([&one] { return one.its().record().attempts == 2; });
}
void to_the_queue_after_a_try(DispatchTest& in, test::FakeClient& one) {
  auto& holder = take_the_place(in);
  in.put(1, in.origin.address(), 1);
  auto& other = in.client();
  other.ask();
  in.until_phase(other, "await");
  in.put(0, in.silent.address(), 1);
  holder.its().fail(http::Failure::ClientGone);
  one.ask();
  in.clock.advance(in.second + 20'000);
  in.until_phase(one, "choose");
  other.its().fail(http::Failure::ClientGone);
}
void inside_of_its_body(DispatchTest& in, test::FakeClient& one) {
  one.ask_with_body("POST", 10);
  in.until_phase(one, "send");
  one.say("12345");
}
void before_its_answer(DispatchTest& in, test::FakeClient& one) {
  in.origin.answer({});
  one.ask();
  in.until_phase(one, "await");
}
void to_another_for_a_status(DispatchTest& in, test::FakeClient& one) {
  in.policy().retry.on_status = {503};
  in.origin.answer({{in.busy}});
  in.put(1, in.silent.address());
  one.ask();
  in.until([&one] { return one.its().record().attempts == 2; });
}

using EndingCase = std::tuple<Place, http::Failure>;
struct EndsOnTheWay : DispatchTest, testing::WithParamInterface<EndingCase> {};
INSTANTIATE_TEST_SUITE_P(
    Places, EndsOnTheWay,
    testing::Combine(testing::Values(Place{"Queue", to_the_queue},
                                     Place{"Connecting", to_a_silent_server},
                                     Place{"ConnectingElsewhere", to_another_silent_server},
                                     Place{"QueueAfterATry", to_the_queue_after_a_try},
                                     Place{"Sending", inside_of_its_body},
                                     Place{"Awaiting", before_its_answer},
                                     Place{"AnotherForAStatus", to_another_for_a_status}),
                     testing::Values(http::Failure::ClientGone, http::Failure::RequestTimeout,
                                     http::Failure::DrainTimeout)),
    [](const auto& each) {
      std::string name = std::get<Place>(each.param).name;
      for (const char letter : http::traits(std::get<http::Failure>(each.param)).name)
        if (letter != '_') name += letter;
      return name;
    });

TEST_P(EndsOnTheWay, AndLeavesNothing) {
  const auto [place, why] = GetParam();
  auto& one = client();
  place.bring(*this, one);
  ASSERT_FALSE(one.is_over());
  const int before = journal.requests;
  const std::uint32_t attempts = record(one).attempts;
  one.its().fail(why);
  one.its().log();
  EXPECT_EQ(failure(one), http::traits(why).name);
  EXPECT_EQ(one.is_aborted, why == http::Failure::ClientGone);
  EXPECT_EQ(record(one).status, http::traits(why).status);
  expect_nothing_left();
  // Nor does anything come of it later.
  clock.advance(10 * second);
  turn(8);
  EXPECT_EQ(journal.requests, before + 1);
  EXPECT_EQ(record(one).attempts, attempts);
}

}  // namespace
}  // namespace weir::proxy
