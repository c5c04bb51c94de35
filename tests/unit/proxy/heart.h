// SPDX-License-Identifier: Apache-2.0
//
// HeartWorld: streams with fake clients, and a backend whose only server is a scripted origin in the same loop.  The route's
// filters, if any, are functions of the test.  Heart: the same as a fixture.
#pragma once

#include "fakes/fake_client.h"
#include "fakes/fake_journal.h"
#include "fakes/fake_sharing.h"
#include "fakes/net_world.h"
#include "fakes/steps.h"
#include "upstream/address_set.h"
#include "upstream/scripted_origin.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::proxy {

/// A filter of which each callback is a function.
struct ScriptedFilter final : FilterFactory, Filter {
  Needs its_needs;
  std::function<Verdict(StreamView&)> request, response;
  std::function<Verdict(StreamView&, BodyPiece&)> request_body, response_body;
  std::function<Verdict(StreamView&, const Wake&)> woken;
  int finished = 0;
  bool is_rerouted = false;  ///< as on_finish was told
  std::string failure;       ///< and this

  Needs needs() const override { return its_needs; }
  Filter& make(Arena&) const override { return const_cast<ScriptedFilter&>(*this); }
  Verdict on_request(StreamView& stream) override {
    return request ? request(stream) : Verdict::Continue;
  }
  Verdict on_request_body(StreamView& stream, BodyPiece& piece) override {
    return request_body ? request_body(stream, piece) : Verdict::Continue;
  }
  Verdict on_response(StreamView& stream) override {
    return response ? response(stream) : Verdict::Continue;
  }
  Verdict on_response_body(StreamView& stream, BodyPiece& piece) override {
    return response_body ? response_body(stream, piece) : Verdict::Continue;
  }
  Verdict on_wake(StreamView& stream, const Wake& wake) override {
    EXPECT_EQ(finished, 0) << "a wake after the end";
    return woken ? woken(stream, wake) : Verdict::Continue;
  }
  void on_finish(StreamView&, const Outcome& outcome) override {
    ++finished;
    failure = outcome.failure;
    is_rerouted = outcome.is_rerouted;
  }
};

class HeartWorld : public test::NetWorld {
 public:
  static constexpr std::uint32_t slot = 0;

  /// Its server listens there.
  explicit HeartWorld(net::Address origin_at = upstream::ip4()) : origin(loop, {}, origin_at) {
    context.snapshot = snapshot(1);
    listener = std::make_unique<Listener>(context, context.snapshot->listeners[0]);
    context.backends.push_back(
        std::make_unique<upstream::Backend>(net, shared.all, context.snapshot->backends[0], 1));
    serve();
  }
  ~HeartWorld() {
    clients.clear();
    context.backends.clear();
    loop.destroy_the_dead();
  }

  /// A generation of its configuration.
  static std::shared_ptr<const Snapshot> snapshot(std::uint64_t generation) {
    config::Config config;
    config.files = {"weir.conf"};
    config::Listener& listener = config.listeners.emplace_back();
    // So that there is something for what has no route.
    listener.policies.push_back({"response_header", {"remove", "X-None"}, {}});
    listener.routes.emplace_back().action.kind = config::Act::Forward;
    config.backends.emplace_back().name = "api";
    auto made = Snapshot::build(config, generation, nullptr);
    EXPECT_TRUE(made) << (made ? "" : made.error().text());
    return *made;
  }

  /// The server as it is from now on.
  void serve(std::uint32_t max_in_flight = 0, shm::Use use = shm::Use::Up) {
    shm::ServerRow row{};
    row.use = use;
    row.weight = 1;
    row.max_in_flight = max_in_flight;
    row.addresses = upstream::to_set(origin.address());
    context.backends[0]->apply(slot, row);
  }
  /// The policy of the only route, which no stream has yet.
  RoutePolicy& policy() {
    RequestHead any;
    any.method = Method::Get;
    any.path = "/";
    Arena arena;
    const auto [found, failure] = listener->rules().match(any, {net::Address(), nullptr}, arena);
    EXPECT_TRUE(found);
    return const_cast<RoutePolicy&>(*found);
  }
  /// The only filter from now on, of the route and of what has none.
  ScriptedFilter& filter(Needs needs) {
    filters_.clear();
    return another_filter(needs);
  }
  /// One behind those there are; `backends` as FilterLink has it.
  ScriptedFilter& another_filter(Needs needs, std::uint16_t backends = 1) {
    auto made = std::make_shared<ScriptedFilter>();
    ScriptedFilter& filter = *made;
    filter.its_needs = needs;
    filter.its_needs.finish = true;
    filters_.push_back({std::move(made), filter.its_needs, "scripted", "weir.conf:1", backends});
    policy().filters = FilterChain(filters_);
    const_cast<RoutePolicy&>(*listener->rules().unrouted()).filters = FilterChain(filters_);
    return filter;
  }
  test::FakeClient& client() {
    return *clients.emplace_back(std::make_unique<test::FakeClient>(*listener, context));
  }
  /// Turns the loop until that holds.
  void until(std::function<bool()> holds) {
    if (holds()) return;
    test::Steps steps{loop, &time};
    steps.when(std::move(holds)).run();
  }
  /// Turns it so many times.
  void turn(int turns) {
    until([turns]() mutable { return --turns < 0; });
  }
  /// Turns the loop until the phase of a stream has that name.
  void until_phase(test::FakeClient& client, std::string_view phase) {
    until([&client, phase] { return client.its().phase_name() == phase; });
  }
  std::uint32_t in_flight() const { return shared.in_flight.load(slot); }

  test::FakeSharing shared{4, 8, 4};
  test::FakeJournal journal;
  Context context{net, nullptr, shared.segment, {}, journal, nullptr, Random(1)};
  upstream::ScriptedOrigin origin;
  std::unique_ptr<Listener> listener;
  std::vector<std::unique_ptr<test::FakeClient>> clients;

 private:
  std::vector<FilterLink> filters_;
};

class Heart : public testing::Test, protected HeartWorld {};

}  // namespace weir::proxy
