// SPDX-License-Identifier: Apache-2.0
//
// A registry on fresh shared memory: backend api with a1 and a2 in slots 0 and 1, and web, which has a
// check, with w1 and w2 in slots 2 and 3; servers are at the ports 1 to 4.
#pragma once

#include "upstream/registry.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::upstream {

/// A registry over shared memory, with what it has told.
class Fleet : public testing::Test, protected RegistryEvents {
 protected:
  void SetUp() override {
    config_.backends.resize(2);
    config_.backends[0].name = "api";
    config_.backends[1].name = "web";
    config_.backends[1].check.emplace();
    for (config::Backend& backend : config_.backends) {
      backend.number = static_cast<std::uint32_t>(&backend - config_.backends.data());
      for (int i = 1; i <= 2; ++i) {
        config::Server server;
        server.name = (backend.name == "api" ? "a" : "w") + std::to_string(i);
        server.at = endpoint(++config_.server_count);
        backend.servers.push_back(server);
      }
    }
    shm::Layout layout;
    layout.workers = 2;
    layout.servers = 8;
    layout.backends = 2;
    auto made = shm::Segment::create(layout);
    segment_ = std::make_unique<shm::Segment>(std::move(*made));
    registry_ = std::make_unique<Registry>(*segment_, config_, static_cast<RegistryEvents&>(*this));
    EXPECT_FALSE(registry_->load());
  }

  static config::Endpoint endpoint(std::uint32_t port) {
    config::Endpoint at;
    at.host = "127.0.0.1";
    at.port = static_cast<std::uint16_t>(port);
    at.text = "127.0.0.1:" + std::to_string(port);
    return at;
  }
  config::Server server(const char* name, std::uint32_t port) {
    config::Server added;
    added.name = name;
    added.at = endpoint(port);
    return added;
  }
  shm::Use use(std::uint32_t slot) const { return registry_->table().row(slot).use; }
  std::uint64_t changes() const { return registry_->table().changes(); }

  void on_published() noexcept override { ++published_; }
  void on_server_event(const ServerEvent& event) noexcept override {
    told_.push_back(std::string(event.type) + " " + event.from + ">" + event.to);
  }
  void on_override(std::uint32_t slot) noexcept override { kept_.push_back(slot); }
  void on_removed(std::uint32_t slot) noexcept override { removed_.push_back(slot); }

  config::Config config_;
  std::unique_ptr<shm::Segment> segment_;
  std::unique_ptr<Registry> registry_;
  std::vector<std::string> told_;
  std::vector<std::uint32_t> kept_, removed_;
  int published_ = 0;
};

}  // namespace weir::upstream
