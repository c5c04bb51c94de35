// SPDX-License-Identifier: Apache-2.0
//
// FilterFactories: what a process has built of the policies of its configuration, one factory for all equal statements.  A reload
// builds only what is new: whoever reads a file for a filter, or makes tables, does so once for each content.
#pragma once

#include <weir/filter.h>

#include "config/config.h"
#include "proxy/factory_use.h"

#include <memory>
#include <string>
#include <unordered_map>

namespace weir::proxy {

/// On one thread only (a worker's builder's; in control the loop's); the factories themselves may be used and let go of anywhere.
/// One that the loop is about to retire is none of them any more: the same statement makes another one.
class FilterFactories {
 public:
  /// The factory of this policy, which says its place in errors.
  Result<UsedFactory> get(const config::Config& config, const config::Policy& policy);

  /// Names all that the filters of some policies are made of, beside the statements' words.
  static std::uint64_t content_of(const std::vector<config::Policy>& policies);

  /// Forgets those that nobody uses any more.
  void sweep();

  std::size_t size() const { return known_.size(); }

 private:
  struct Known {
    std::weak_ptr<const FilterFactory> factory;
    std::weak_ptr<const FactoryUse> use;
  };
  std::unordered_map<std::string, Known> known_;
};

}  // namespace weir::proxy
