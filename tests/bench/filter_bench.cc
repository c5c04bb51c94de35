// SPDX-License-Identifier: Apache-2.0
//
// What filters add to a request: one that sets a field, one that waits for a signal, one that observes a body.  Each figure is
// the time with it less the time of the same without, the best of several rounds.
#include "filter/table.h"
#include "proxy/filter_run.h"
#include "proxy/heart.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace weir;
using namespace weir::proxy;

constexpr std::size_t streams = 200;  // at a time, as a worker may well have
constexpr int rounds = 1000;
constexpr std::size_t pieces = 64;  // of each body

struct Waits final : FilterFactory, Filter {
  Needs needs() const override { return {.request = true}; }
  Filter& make(Arena&) const override { return const_cast<Waits&>(*this); }
  Verdict on_request(StreamView& stream) override {
    wakers.push_back(stream.signal());
    return Verdict::Suspend;
  }
  std::vector<Waker> wakers;
};

struct Observes final : FilterFactory, Filter {
  Needs needs() const override { return {.response_body = Body::Observe}; }
  Filter& make(Arena&) const override { return const_cast<Observes&>(*this); }
  Verdict on_response_body(StreamView&, BodyPiece& piece) override {
    bytes += piece.bytes().size();
    return Verdict::Continue;
  }
  std::size_t bytes = 0;
};

struct Outlet final : PipeOutlet {
  bool has_room() const override { return true; }
  void pass(std::span<const char> piece) override { bytes += piece.size(); }
  void pass_end(Headers&) override {}
  void flush() override {}
  std::size_t bytes = 0;
};

struct Host final : FilterHost {
  bool holds_slot_of(std::uint32_t) const override { return false; }
  bool can_respond() const override { return true; }
  void replace_answer() override {}
  void on_request_pass(Pass) override { ++passed; }
  void on_response_pass(Pass) override {}
  void on_released(Direction) override {}
  void on_filter_timeout() override {}
  void on_collected(Direction) override {}
  void on_decided(Direction, Pass) override {}
  void on_refused(Direction, http::Failure) override {}
  std::size_t passed = 0;
};

/// A request and its answer, as far as filters see them.
struct Exchange {
  Exchange(HeartWorld& world, ClientSide& client)
      : state(world.context, client, 0), policy(world.policy()) {
    state.policy = PolicyPin(policy);
    state.request = &state.arena.array<RequestHead>(1)[0];
    state.request->headers.add(state.arena, FieldName::Host, "test");
    state.record.request = state.request;
    state.response = &state.arena.array<ResponseHead>(1)[0];
    state.response->status = 200;
  }
  FilterRun& filters(Host& host, Outlet& outlet, const FilterChain& chain) {
    state.filters.reset(new FilterRun(state, host, {outlet, outlet}));
    state.filters->enter(chain);
    return *state.filters;
  }
  ~Exchange() { state.filters.reset(); }
  StreamState state;
  const RoutePolicy& policy;
};

class Bench {
 public:
  void run() {
    const double without = nanoseconds([](Exchange&) {});
    const FilterChain header = chain_of(set_field());
    report("a filter that sets a field",
           nanoseconds([&](Exchange& one) { pass(one, header); }) - without);
    auto waiting = std::make_shared<Waits>();
    const FilterChain waits = chain_of(waiting);
    report(
        "suspend and wake",
        nanoseconds([&](Exchange& one) { pass(one, waits); }, [&] { wake(*waiting); }) - without);
    const FilterChain observes = chain_of(std::make_shared<Observes>());
    const double direct = nanoseconds([&](Exchange&) { relay(outlet_); });
    report("a piece that is observed",
           (nanoseconds([&](Exchange& one) { observe(one, observes); }) - direct) / pieces);
  }

 private:
  static void report(const char* what, double ns) { std::printf("%-28s %6.1f ns\n", what, ns); }

  static FilterChain chain_of(std::shared_ptr<const FilterFactory> factory) {
    const Needs needs = factory->needs();
    return FilterChain({{std::move(factory), needs, "bench", "weir.conf:1"}});
  }
  std::shared_ptr<const FilterFactory> set_field() {
    config::Config config;
    config::Policy policy;
    policy.word = "header";
    policy.values = {"set", "X-Tenant", "a"};
    config.files = {"weir.conf"};
    return factories_.get(config, policy)->factory;
  }

  void pass(Exchange& one, const FilterChain& chain) {
    FilterRun& filters = one.filters(host_, outlet_, chain);
    if (filters.run_request() == Pass::Through) (void)filters.run_response();
  }
  void wake(Waits& waits) {
    for (const Waker& waker : waits.wakers) waker.fire();
    host_.passed = 0;
    world_.until([this] { return host_.passed == streams; });
    waits.wakers.clear();
  }
  template <typename To>
  static void relay(To& to) {
    static const std::string piece(4096, 'x');
    for (std::size_t i = 0; i < pieces; ++i) to.pass({piece.data(), piece.size()});
  }
  void observe(Exchange& one, const FilterChain& chain) {
    FilterRun& filters = one.filters(host_, outlet_, chain);
    BodyPipe* const pipe = filters.open_pipe(Direction::Response);
    static const std::string piece(4096, 'x');
    for (std::size_t i = 0; i < pieces; ++i) pipe->take({piece.data(), piece.size()});
  }

  /// For each of the streams; the best round.
  double nanoseconds(
      const std::function<void(Exchange&)>& each, const std::function<void()>& then = [] {}) {
    ClientSide& side = world_.client();
    double best = 1e9;
    for (int round = 0; round < rounds; ++round) {
      std::vector<std::unique_ptr<Exchange>> all;
      all.reserve(streams);
      for (std::size_t i = 0; i < streams; ++i)
        all.push_back(std::make_unique<Exchange>(world_, side));
      const auto begun = std::chrono::steady_clock::now();
      for (const auto& one : all) each(*one);
      then();
      for (const auto& one : all) one->state.filters.reset();
      const std::chrono::duration<double, std::nano> took =
          std::chrono::steady_clock::now() - begun;
      best = std::min(best, took.count() / streams);
    }
    return best;
  }

  HeartWorld world_;
  FilterFactories factories_;
  Host host_;
  Outlet outlet_;
};

}  // namespace

int main() { Bench().run(); }
