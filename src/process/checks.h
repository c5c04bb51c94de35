// SPDX-License-Identifier: Apache-2.0
//
// Checks: which servers are checked and how, as the registry has them; what comes of it goes back there.
// Speaks to a server as requests do, TLS included.
#pragma once

#include "config/config.h"
#include "tls/client_context.h"
#include "upstream/health.h"
#include "upstream/registry.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace weir::process {

class Checks final : private upstream::HealthEvents {
 public:
  /// Both must outlive this.
  Checks(event::Loop& loop, upstream::Registry& registry);

  upstream::Health& health() { return health_; }

  /// Begins to check a server if its backend has a check.
  void begin(std::uint32_t slot);
  /// Ends it, if it is checked at all.
  void end(std::uint32_t slot);
  bool has(std::uint32_t slot) const { return checked_.contains(slot); }
  /// The server is at other addresses now, or is configured with another one.
  void follow_address(std::uint32_t slot);
  /// After another configuration: servers whose check is another than `before` begin anew, the others go on
  /// as they were.  New servers have begun by themselves.
  void change(const config::Config& before, const config::Config& now);

 private:
  void begin(std::uint32_t slot, const config::Check& check);
  upstream::Health::Secure secure(std::uint32_t slot);
  void on_health(std::uint32_t slot, bool up, std::string_view why) noexcept override;
  void on_checked(std::uint32_t slot, upstream::CheckOutcome outcome) noexcept override;

  upstream::Registry& registry_;
  upstream::Health health_;
  std::map<std::uint32_t, std::string> checked_;  ///< by slot, with the configured address
  std::map<std::string, std::shared_ptr<const tls::ClientContext>> tls_;  ///< by key
};

}  // namespace weir::process
