// SPDX-License-Identifier: Apache-2.0
//
// What the registry says of servers in words, for operators.
#include "upstream/registry.h"

namespace weir::upstream {

using shm::Ejection;
using shm::Health;
using shm::Override;
using shm::Use;

std::string_view Registry::word(Override state) {
  static constexpr std::string_view words[] = {"auto", "up", "drain", "down"};
  return words[static_cast<std::size_t>(state)];
}
std::string_view Registry::word(Use use) {
  static constexpr std::string_view words[] = {"free",     "up",    "half-open",
                                               "starting", "drain", "down"};
  return words[static_cast<std::size_t>(use)];
}
std::string_view Registry::word(Health health) {
  static constexpr std::string_view words[] = {"unchecked", "starting", "up", "down"};
  return words[static_cast<std::size_t>(health)];
}

std::vector<Overriding> overrides(const shm::ServerColumns& columns) {
  std::vector<Overriding> all;
  if (columns.leaving) all.push_back({"removed", columns.removed});
  if (columns.override_state != Override::None)
    all.push_back(
        {"state " + std::string(Registry::word(columns.override_state)), columns.overridden_state});
  if (columns.override_weight >= 0)
    all.push_back({"weight " + std::to_string(columns.override_weight), columns.overridden_weight});
  if (columns.override_address.size > 0)
    all.push_back(
        {"address " + from_shared(columns.override_address).text(), columns.overridden_address});
  return all;
}

std::string Registry::reason(std::uint32_t slot) const {
  const shm::ServerRow& row = entries_[slot].row;
  const shm::ServerColumns& columns = entries_[slot].columns;
  auto said = [](const char* what, const shm::Mark& mark) {
    std::string text = std::string(what) + " by " + mark.by;
    return mark.why[0] ? text + ": " + mark.why : text;
  };
  std::uint32_t left = row.use == Use::Drain ? in_flight_.load(slot) : 0;
  std::string rest = left > 0 ? "; " + std::to_string(left) + " in flight" : "; nothing in flight";
  if (columns.leaving) return said("removed", columns.removed) + rest;
  if (columns.override_state == Override::Drain)
    return said("drained", columns.overridden_state) + rest;
  if (columns.override_state == Override::Down) return said("taken down", columns.overridden_state);
  if (row.addresses.count == 0) {
    std::string text = std::string(columns.at) + " does not resolve yet";
    return columns.resolve_error[0] ? text + ": " + columns.resolve_error : text;
  }
  if (columns.override_state == Override::Up) return said("kept up", columns.overridden_state);
  if (columns.health != Health::Unchecked || columns.ejection != Ejection::None)
    return columns.operational.why[0]
               ? std::string(columns.operational.by) + ": " + columns.operational.why
               : std::string(columns.operational.by);
  return columns.runtime ? "added at run time, no check" : "in the file, no check";
}

}  // namespace weir::upstream
