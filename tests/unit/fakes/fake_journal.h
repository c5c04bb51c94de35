// SPDX-License-Identifier: Apache-2.0
//
// FakeJournal: what a worker's sessions and streams report, kept: lines of the access log, and how often what was counted.
#pragma once

#include "proxy/context.h"

#include <string>
#include <vector>

namespace weir::test {

struct FakeJournal final : proxy::Journal {
  void write_access(std::string_view line) override { lines.emplace_back(line); }
  void stage_access(std::string_view line) override { staged = line; }
  void settle_access(bool keep) override {
    if (keep) lines.push_back(staged);
  }
  void wake(std::uint64_t) override {}
  void count(const proxy::Record&) override { ++requests; }
  void count_attempt(std::uint32_t, std::uint32_t, bool connected) override {
    ++(connected ? connects : refusals);
  }
  void count_abuse(http::H2Abuse) override { ++abuses; }
  void count_handshake(const tls::Transport& transport) override {
    handshakes.emplace_back(tls::name_of(transport.failure()));
  }
  void count_connection(int change) override { connections += change; }
  void count_http2(int change) override { http2 += change; }
  void set_body_memory(std::uint64_t bytes) override { body_memory = bytes; }
  void count_body_refusal() override { ++body_refusals; }
  void count_reset(bool by_client) override { ++(by_client ? client_resets : own_resets); }

  std::vector<std::string> lines;
  std::vector<std::string> handshakes;  ///< how each ended: "none" if well, or tls::Failure's name
  std::string staged;
  int requests = 0, connections = 0, http2 = 0, abuses = 0, connects = 0, refusals = 0;
  int client_resets = 0, own_resets = 0, body_refusals = 0;
  std::uint64_t body_memory = 0;
};

}  // namespace weir::test
