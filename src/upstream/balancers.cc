// SPDX-License-Identifier: Apache-2.0
#include "upstream/balancers.h"

#include <weir/module.h>

#include "base/text.h"
#include "config/print.h"
#include "config/statements.h"
#include "upstream/least_request.h"
#include "upstream/random_choice.h"
#include "upstream/round_robin.h"

#include <vector>

namespace weir {

namespace {

using Make = std::unique_ptr<Balancer> (*)(std::uint64_t seed);

// Of a policy that needs nothing but servers.
template <Make make_balancer>
class PlainFactory final : public BalancerFactory {
 public:
  std::unique_ptr<Balancer> make(std::uint64_t seed) const override { return make_balancer(seed); }
};

template <Make make_balancer>
Result<std::unique_ptr<BalancerFactory>> plain(const Statement& statement) {
  if (!statement.values.empty())
    return Error(Errc::Invalid,
                 concat(statement.word, " takes no value; write balance ", statement.word));
  return std::unique_ptr<BalancerFactory>(std::make_unique<PlainFactory<make_balancer>>());
}

std::unique_ptr<Balancer> make_p2c(std::uint64_t seed) {
  return std::make_unique<upstream::RandomChoice>(seed, 2);
}
std::unique_ptr<Balancer> make_random(std::uint64_t seed) {
  return std::make_unique<upstream::RandomChoice>(seed, 1);
}
std::unique_ptr<Balancer> make_round_robin(std::uint64_t seed) {
  return std::make_unique<upstream::RoundRobin>(seed);
}
std::unique_ptr<Balancer> make_least_request(std::uint64_t seed) {
  return std::make_unique<upstream::LeastRequest>(seed);
}

}  // namespace

const BalancerKind* find_balancer(std::string_view word) {
  for (const BalancerKind& kind : upstream::balancer_kinds())
    if (word == kind.word) return &kind;
  return nullptr;
}

namespace upstream {

std::span<const BalancerKind> balancer_kinds() {
  static const std::vector<BalancerKind> all = [] {
    std::vector<BalancerKind> list = {
        {"p2c", "the better of two random ones, by requests in flight and weight", plain<make_p2c>},
        {"round_robin", "one after the other, by weight", plain<make_round_robin>},
        {"least_request", "the one with the fewest requests in flight per weight",
         plain<make_least_request>},
        {"random", "any, by weight", plain<make_random>},
    };
    for (std::size_t i = 0; i < module_count; ++i)
      for (const BalancerKind& kind : modules[i]->balancers) list.push_back(kind);
    return list;
  }();
  return all;
}

Result<std::shared_ptr<const BalancerFactory>> make_balancers(const config::Config& config,
                                                              const config::Backend& backend) {
  const config::Balance& balance = backend.balance;
  const std::string place =
      config::place_text(config, config::find_origin(backend.origins, "balance"));
  const BalancerKind* kind = find_balancer(balance.word);
  if (!kind) return Error(Errc::NotFound, concat(place, ": unknown balance method ", balance.word));
  auto made = kind->make({balance.word, balance.values, place});
  if (!made) return made.error().within(place);
  return std::shared_ptr<const BalancerFactory>(std::move(*made));
}

std::shared_ptr<const BalancerFactory> default_balancers() {
  static const std::shared_ptr<const BalancerFactory> made =
      std::make_shared<const PlainFactory<make_p2c>>();
  return made;
}

}  // namespace upstream

}  // namespace weir
