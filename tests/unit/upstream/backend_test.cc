// SPDX-License-Identifier: Apache-2.0
//
// The queue of a backend: waiters are called from the event loop, in order and a bounded number of them per
// iteration, whatever they do when they are called.
#include "upstream/backend.h"

#include "fakes/fake_sharing.h"
#include "fakes/manual_clock.h"
#include "shm/segment.h"
#include "upstream/address_set.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace weir::upstream {
namespace {

class Queue : public testing::Test {
 protected:
  static constexpr std::uint32_t slot = 3;

  void SetUp() override {
    BackendPolicy policy;
    policy.config.name = "api";
    policy.config.max_queue = 1'000'000;
    backend_ = std::make_unique<Backend>(context_, shared_.all, policy, 1);
    apply(shm::Use::Up);
  }
  void TearDown() override {
    backend_.reset();
    loop_.destroy_the_dead();
  }

  void apply(shm::Use use) {
    shm::ServerRow row{};
    row.use = use;
    row.weight = 1;
    row.max_in_flight = 1;
    row.addresses = to_set(*net::Address::from({config::Endpoint::Kind::Ip4, "127.0.0.1", 1, ""}));
    backend_->apply(slot, row);
  }
  Server* take() { return backend_->choose({}).server; }
  test::ManualClock clock_;
  event::Loop loop_{clock_};
  net::Outbox outbox_{loop_};
  std::array<char, 64> bytes_{};
  net::Context context_{loop_, outbox_, bytes_};
  test::FakeSharing shared_{2, 8, 1};
  std::unique_ptr<Backend> backend_;
};

struct Request final : Waiter {
  Request() = default;
  explicit Request(std::function<void(Request&)> act) : on_call(std::move(act)) {}
  void on_slot() override {
    ++calls;
    on_call(*this);
  }
  std::function<void(Request&)> on_call = [](Request&) {};
  int calls = 0;
};

// Runs once in each iteration of the loop until `done`.
struct Iterations final : event::TaskEvents {
  Iterations(event::Loop& owner, std::function<bool()> end) : loop(owner), done(std::move(end)) {
    loop.post(task);
  }
  void on_task() noexcept override {
    if (done()) return;
    ++count;
    loop.post(task);
  }
  event::Loop& loop;
  std::function<bool()> done;
  int count = 0;
  event::Task task{*this};
};

// Each gives the slot back while it is called, as a stream does whose connect fails at once.
TEST_F(Queue, IsAsDeepAsItLikes) {
  constexpr std::size_t many = 200'000;
  Server* busy = take();
  ASSERT_TRUE(busy);
  std::size_t served = 0;
  std::vector<Request> requests(many);
  for (Request& request : requests) {
    request.on_call = [&](Request&) {
      if (Server* server = backend_->choose({}, Turn::Ours).server) {
        ++served;
        (void)backend_->release(*server);
      }
    };
    ASSERT_TRUE(backend_->wait(request));
  }
  (void)backend_->release(*busy);
  EXPECT_EQ(served, 0U) << "nobody is called from inside `release`";
  loop_.run();
  EXPECT_EQ(served, many);
  EXPECT_FALSE(shared_.in_flight.is_wanted(slot));
}

// The servers have gone: all have to be told, and each asks the backend again.
TEST_F(Queue, TellsAllThatThereIsNoServer) {
  constexpr std::size_t many = 100'000;
  ASSERT_TRUE(take());
  std::size_t told = 0;
  std::vector<Request> requests(many);
  for (Request& request : requests) {
    request.on_call = [&](Request&) {
      const Chosen chosen = backend_->choose({}, Turn::Ours);
      told += !chosen.server && !chosen.all_busy;
      backend_->serve_queue();
    };
    ASSERT_TRUE(backend_->wait(request));
  }
  apply(shm::Use::Down);
  backend_->serve_queue();
  loop_.run();
  EXPECT_EQ(told, many);
}

// Each takes the whole time that an iteration has for them.
TEST_F(Queue, LeavesTimeForOthers) {
  constexpr int many = 20;
  Server* busy = take();
  std::vector<Request> requests(many);
  int served = 0;
  for (Request& request : requests) {
    request.on_call = [&](Request&) {
      ++served;
      clock_.advance(Backend::waking_us);
    };
    ASSERT_TRUE(backend_->wait(request));
  }
  (void)backend_->release(*busy);
  Iterations iterations(loop_, [&] { return served == many; });
  loop_.run();
  EXPECT_EQ(iterations.count, many - 1);
}

// Those who cannot use the free server wait again, and the loop comes to rest.
TEST_F(Queue, CallsEachOnceForAFreeSlot) {
  Server* busy = take();
  std::vector<Request> requests(1000);
  for (Request& request : requests) {
    request.on_call = [&](Request& self) {
      Server* const tried[] = {busy};
      const Chosen chosen = backend_->choose(tried, Turn::Ours);
      EXPECT_FALSE(chosen.server);
      ASSERT_TRUE(backend_->wait(self));
    };
    ASSERT_TRUE(backend_->wait(request));
  }
  (void)backend_->release(*busy);
  loop_.run();
  for (Request& request : requests) {
    EXPECT_EQ(request.calls, 1);
    backend_->stop_waiting(request);
  }
  EXPECT_FALSE(shared_.in_flight.is_wanted(slot));
}

TEST_F(Queue, HasNobodyOvertaken) {
  Server* busy = take();
  std::vector<int> order;
  Request first([&](Request&) {
    EXPECT_TRUE(backend_->choose({}, Turn::Ours).server);
    order.push_back(1);
  });
  ASSERT_TRUE(backend_->wait(first));
  (void)backend_->release(*busy);
  // The slot is free, and promised.
  const Chosen chosen = backend_->choose({});
  EXPECT_FALSE(chosen.server);
  EXPECT_TRUE(chosen.all_busy);
  loop_.run();
  EXPECT_EQ(order, std::vector<int>{1});
}

// Whoever was before it has no use for the slot.
TEST_F(Queue, CallsThoseThatCameMeanwhile) {
  Server* busy = take();
  Request first, second,
      late([&](Request&) { EXPECT_TRUE(backend_->choose({}, Turn::Ours).server); });
  ASSERT_TRUE(backend_->wait(first));
  (void)backend_->release(*busy);
  for (Request* request : {&second, &late}) {
    EXPECT_TRUE(backend_->choose({}).all_busy);
    ASSERT_TRUE(backend_->wait(*request));
  }
  loop_.run();
  EXPECT_EQ(first.calls + second.calls + late.calls, 3);
}

TEST_F(Queue, RefusesNobodyWhileAServerIsFree) {
  BackendPolicy policy;
  policy.config.max_queue = 1;
  backend_->configure(policy);
  Server* busy = take();
  Request first;
  ASSERT_TRUE(backend_->wait(first));
  (void)backend_->release(*busy);
  EXPECT_TRUE(backend_->choose({}).server) << "there is no room to wait";
  loop_.run();
  backend_->stop_waiting(first);
}

TEST_F(Queue, ForgetsWhoLeavesWhileItIsServed) {
  Server* busy = take();
  Request second([](Request&) { FAIL() << "it has left"; });
  Request first([&](Request&) { backend_->stop_waiting(second); });
  ASSERT_TRUE(backend_->wait(first));
  ASSERT_TRUE(backend_->wait(second));
  (void)backend_->release(*busy);
  loop_.run();
  EXPECT_EQ(first.calls, 1);
  EXPECT_TRUE(backend_->choose({}).server) << "nobody waits any more";
}

}  // namespace
}  // namespace weir::upstream
