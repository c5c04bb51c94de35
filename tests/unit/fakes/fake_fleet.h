// SPDX-License-Identifier: Apache-2.0
//
// FakeFleet: what control's parts look at, on fresh shared memory: a registry without servers, and a daemon of which
// nothing is asked.
#pragma once

#include "admin/command.h"
#include "admin/drains.h"
#include "admin/reloads.h"
#include "event/loop.h"
#include "upstream/health.h"
#include "upstream/registry.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

/// A daemon of which nothing is asked here.
struct Nothing : admin::Daemon,
                 admin::Reloads,
                 admin::DrainEvents,
                 upstream::RegistryEvents,
                 upstream::HealthEvents {
  void shut_down(std::uint64_t) override {}
  bool set_log_level(std::string_view) override { return false; }
  std::uint64_t seen_by_all() const override { return 0; }
  std::uint64_t state_written() const override { return 0; }
  std::uint64_t state_synced() const override { return 0; }
  std::uint64_t ask_workers() override { return 0; }
  std::uint64_t answered_by_all() const override { return 0; }
  void keep_result(const std::string&, const admin::OperationResult&) override {}
  const admin::OperationResult* find_result(const std::string&) const override { return nullptr; }
  Ticket plan(std::string_view, const admin::LoadFrom&) override { return 0; }
  Ticket reload(std::string_view, const admin::LoadFrom&, std::uint64_t) override { return 0; }
  Ticket rollback(std::string_view, std::uint64_t) override { return 0; }
  Ticket upgrade(std::string_view, bool) override { return 0; }
  const admin::Outcome* outcome(Ticket) const override { return nullptr; }
  Result<void> confirm(std::string_view) override { return {}; }
  std::optional<admin::Unconfirmed> unconfirmed() const override { return {}; }
  weir::Result<std::uint64_t> last_good() const override { return 1; }
  std::vector<admin::GenerationRow> generations() const override { return {}; }
  Result<std::vector<config::Change>> changes_of(std::uint64_t) const override {
    return std::vector<config::Change>();
  }
  void on_drain_order() noexcept override {}
  void on_published() noexcept override {}
  void on_server_event(const upstream::ServerEvent&) noexcept override {}
  void on_override(std::uint32_t) noexcept override {}
  void on_removed(std::uint32_t) noexcept override {}
  void on_health(std::uint32_t, bool, std::string_view) noexcept override {}
};

struct FakeFleet {
  explicit FakeFleet(event::Loop& its) : loop(its) {}
  FakeFleet(const FakeFleet&) = delete;
  FakeFleet& operator=(const FakeFleet&) = delete;

  event::Loop& loop;
  shm::Segment segment = *shm::Segment::create({});
  config::Config config;
  Nothing nothing;
  admin::Events events;
  admin::Audit audit;
  upstream::Registry registry{segment, config, nothing};
  upstream::Health health{loop, nothing, 1};
  admin::Drains::Present present = [this]() -> const config::Config& { return config; };
  admin::Drains drains{loop, segment, present, events, nothing};
  admin::Fleet fleet{.view = std::make_shared<admin::View>(),
                     .registry = registry,
                     .health = health,
                     .counters = shm::Counters(segment, 0),
                     .workers = {},
                     .segment = segment,
                     .events = events,
                     .audit = audit,
                     .daemon = nothing,
                     .reloads = nothing,
                     .drains = drains};
};

}  // namespace weir::test
