// SPDX-License-Identifier: Apache-2.0
#include "upstream/drift.h"

namespace weir::upstream {

namespace {

std::string said_by(const shm::Mark& mark) {
  std::string text = std::string(" (by ") + mark.by;
  if (mark.why[0]) text += std::string(": ") + mark.why;
  return text + ")";
}

void describe(const Registry& registry, std::uint32_t slot, std::vector<std::string>& lines) {
  const shm::ServerColumns& columns = registry.columns(slot);
  if (columns.leaving) return;
  const std::string name = "drift: server " + registry.name(slot);
  if (columns.runtime)
    lines.push_back(name + " was added at run time: " + columns.at + said_by(columns.configured));
  if (columns.override_weight >= 0)
    lines.push_back(name + " has weight " + std::to_string(columns.override_weight) +
                    " instead of " + std::to_string(columns.configured_weight) +
                    said_by(columns.overridden_weight));
  if (columns.override_state != shm::Override::None)
    lines.push_back(name + " is kept in state " +
                    std::string(Registry::word(columns.override_state)) +
                    said_by(columns.overridden_state));
  if (columns.override_address.size > 0)
    lines.push_back(name + " has address " + from_shared(columns.override_address).text() +
                    " instead of " + columns.at + said_by(columns.overridden_address));
}

}  // namespace

std::vector<std::string> drift(const Registry& registry) {
  std::vector<std::string> lines;
  for (const config::Backend& backend : registry.config().backends)
    for (std::uint32_t slot : registry.servers(backend.number)) describe(registry, slot, lines);
  return lines;
}

}  // namespace weir::upstream
