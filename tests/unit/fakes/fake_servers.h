// SPDX-License-Identifier: Apache-2.0
//
// FakeServers: what a balancer sees of servers.  Those in use have the identities 100, 101, ... unless the test
// says otherwise; what is beyond them is known only.
#pragma once

#include <weir/balancer.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test {

class FakeServers final : public ServerSet {
 public:
  explicit FakeServers(std::vector<std::uint32_t> w) { set(std::move(w)); }

  /// Another set; loads and marks begin anew, words stay with identities.
  void set(std::vector<std::uint32_t> w) {
    weights = std::move(w);
    in_use = static_cast<std::uint32_t>(weights.size());
    usable.assign(weights.size(), true);
    load.assign(weights.size(), 0);
    latency.assign(weights.size(), 0);
    identities.clear();
    for (std::uint64_t i = 0; i < weights.size(); ++i) identities.push_back(100 + i);
  }

  std::uint32_t size() const override { return in_use; }
  std::uint32_t known() const override { return static_cast<std::uint32_t>(weights.size()); }
  std::uint64_t identity(std::uint32_t i) const override { return identities[i]; }
  std::string_view name(std::uint32_t) const override { return "s"; }
  std::string_view address(std::uint32_t) const override { return "127.0.0.1:1"; }
  std::string_view zone(std::uint32_t) const override { return {}; }
  std::uint32_t tier(std::uint32_t) const override { return 0; }
  std::uint32_t weight(std::uint32_t i) const override { return weights[i]; }
  bool is_usable(std::uint32_t i) const override { return i < in_use && usable[i]; }
  std::uint32_t in_flight(std::uint32_t i) const override { return load[i]; }
  std::uint32_t latency_us(std::uint32_t i) const override { return latency[i]; }
  SharedWords words(std::uint32_t i) const override { return SharedWords(words_[identities[i]]); }
  SharedWords words() const override { return SharedWords(words_[0]); }

  std::uint32_t in_use = 0;
  std::vector<std::uint32_t> weights, load, latency;
  std::vector<std::uint64_t> identities;
  std::vector<bool> usable;

 private:
  mutable std::map<std::uint64_t, std::array<std::atomic<std::uint64_t>, 4>> words_;
};

}  // namespace weir::test
