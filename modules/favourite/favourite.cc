// SPDX-License-Identifier: Apache-2.0
//
// An example of a balancing policy in a module: `balance favourite [TEXT]`.  Each value of TEXT has its favourite
// server, by rendezvous hashing (Thaler and Ravishankar 1998): when a server comes or goes, no value changes
// between two others.  Without a TEXT, or where it is empty, the server that has failed least is chosen; failures
// are counted over all workers, and a good answer forgives them.
//
//     ./configure --with-module=modules/favourite && make
#include <weir/module.h>
#include <weir/version.h>

#include <bit>
#include <string>

namespace {

// Of the policy's words about a server: its failures since the last good answer.
constexpr std::size_t failures = 0;

// Spreads the bits of both (the finaliser of splitmix64).
std::uint64_t mix(std::uint64_t identity, std::uint64_t hash) {
  std::uint64_t z = identity ^ std::rotl(hash, 32);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

class Favourite final : public weir::Balancer {
 public:
  std::optional<std::uint32_t> choose(const weir::ServerSet& servers,
                                      const weir::Pick& pick) override {
    std::optional<std::uint32_t> best;
    std::uint64_t best_score = 0;
    for (std::uint32_t i = 0; i < servers.size(); ++i) {
      if (servers.weight(i) == 0 || !servers.is_usable(i)) continue;
      const std::uint64_t score = pick.hash ? mix(servers.identity(i), *pick.hash)
                                            : UINT64_MAX - servers.words(i)[failures].load();
      if (best && score <= best_score) continue;
      best = i;
      best_score = score;
    }
    return best;
  }

  void on_outcome(const weir::ServerSet& servers, std::uint32_t server,
                  const weir::AttemptOutcome& outcome) override {
    auto& count = servers.words(server)[failures];
    if (!outcome.failure.empty())
      count.fetch_add(1);
    else if (outcome.status > 0 && outcome.status < 500 && count.load() > 0)
      count.store(0);
  }

  std::string explain(const weir::ServerSet& servers, const weir::Pick&,
                      std::uint32_t server) const override {
    return "has failed " + std::to_string(servers.words(server)[failures].load()) +
           " times in a row";
  }
};

class Factory final : public weir::BalancerFactory {
 public:
  explicit Factory(std::string text) : text_(std::move(text)) {}
  Needs needs() const override { return {.outcomes = true, .latency = false, .hash_of = text_}; }
  std::unique_ptr<weir::Balancer> make(std::uint64_t) const override {
    return std::make_unique<Favourite>();
  }

 private:
  std::string text_;
};

weir::Result<std::unique_ptr<weir::BalancerFactory>> make(const weir::Statement& statement) {
  if (statement.values.size() > 1)
    return weir::Error(weir::Errc::Invalid,
                       "favourite takes one text; write balance favourite \"$header_x_user\"");
  std::string text = statement.values.empty() ? std::string() : statement.values[0];
  return std::unique_ptr<weir::BalancerFactory>(std::make_unique<Factory>(std::move(text)));
}

constexpr weir::BalancerKind balancers[] = {
    {"favourite", "the favourite of a text, else the one that has failed least", make}};

}  // namespace

extern const weir::Module favourite_module;
const weir::Module favourite_module = {"favourite", weir::module_abi, {}, balancers};
