// SPDX-License-Identifier: Apache-2.0
//
// Plan: the little that the master must know of a configuration: what to bind and open, how many workers,
// who they are.  The loader writes it, one item a line, so that the master parses no configuration.
#pragma once

#include <weir/result.h>

#include "config/config.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::process {

/// One socket to listen on, and for which listener.
struct BindPlan {
  std::uint32_t listener = 0;
  config::Endpoint at;
  std::string place = {};          ///< where it stands: file:line
  std::uint32_t mode = 0666;       ///< of a Unix socket
  std::uint32_t gid = UINT32_MAX;  ///< its group; UINT32_MAX = the master's
  bool shared = false;             ///< another instance may listen there, too
};

/// An admin socket to bind.
struct AdminPlan {
  config::AdminLevel level = config::AdminLevel::Admin;
  std::uint32_t mode = 0600;
  std::uint32_t gid = 0;  ///< its group; UINT32_MAX = the master's
  std::string place;      ///< where it stands: file:line
  std::string path;
};

/// Equal, wherever they stand.
bool is_same(const AdminPlan& one, const AdminPlan& other);

struct Plan {
  std::uint32_t workers = 1;
  std::uint32_t listeners = 0, routes = 0, backends = 0;
  std::uint32_t uid = 0, gid = 0;  ///< of everybody but the master; its own if it is not root
  bool drop = false;               ///< uid and gid are to be taken on
  bool jit = true;
  std::uint64_t max_connections = 0;
  std::uint64_t pipes = 0;  ///< a worker may have open for large bodies
  std::uint64_t shutdown_ms = 30'000;
  std::uint64_t drain_delay_ms = 0;
  std::uint64_t stall_ms =
      5'000;  ///< a worker that does not turn for so long is replaced; 0 = never
  std::uint64_t upgrade_ms = 30'000;  ///< the next binary has to come up in
  std::string chroot, pid_file, state_file;
  std::string pid_place, state_place;  ///< where these stand: file:line
  std::string error_log_place, access_log_place;
  std::vector<std::string> nameservers;  ///< see process/resolvers.h
  std::vector<AdminPlan> admin;
  config::LogTarget error_log, access_log;
  std::vector<BindPlan> binds;
};

/// Errc::NotFound if `user` or `group` does not exist here.
Result<Plan> make_plan(const config::Config& config);

std::string write_plan(const Plan& plan);
Result<Plan> read_plan(std::string_view text);

}  // namespace weir::process
