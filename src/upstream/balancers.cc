// SPDX-License-Identifier: Apache-2.0
#include "upstream/balancers.h"

#include "upstream/least_request.h"
#include "upstream/random_choice.h"
#include "upstream/round_robin.h"

namespace weir::upstream {

std::unique_ptr<Balancer> make_balancer(config::Balance policy, const ServerSet& servers,
                                        std::uint64_t seed) {
  switch (policy) {
    case config::Balance::RoundRobin: return std::make_unique<RoundRobin>(servers, seed);
    case config::Balance::LeastRequest: return std::make_unique<LeastRequest>(seed);
    case config::Balance::Random: return std::make_unique<RandomChoice>(servers, seed, 1);
    case config::Balance::P2c: return std::make_unique<RandomChoice>(servers, seed, 2);
  }
  return nullptr;
}

}  // namespace weir::upstream
