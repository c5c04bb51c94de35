// SPDX-License-Identifier: Apache-2.0
//
// FakeJournal: what requests and clients are told of to; a test looks at it.
#pragma once

#include "proxy/context.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

struct FakeJournal final : proxy::Journal {
  void write_access(std::string_view line) override { lines.emplace_back(line); }
  void stage_access(std::string_view line) override { staged = line; }
  void settle_access(bool keep) override {
    if (keep) lines.push_back(staged);
  }
  void wake(std::uint64_t) override {}
  void count(const proxy::Record& record) override {
    ++requests;
    failure = http::traits(record.failure).name;
  }
  void count_attempt(std::uint32_t, bool connected) override { ++(connected ? connects : refusals); }
  void count_abuse(http::H2Abuse) override {}
  void count_handshake(const tls::Transport&) override {}
  void count_connection(int change) override { connections += change; }
  void count_http2(int) override {}
  void count_reset(bool) override {}

  std::vector<std::string> lines;
  std::string staged;
  std::string_view failure{};  ///< of the last request; empty for None
  int requests = 0, connections = 0, connects = 0, refusals = 0;
};

}  // namespace weir::test
