// SPDX-License-Identifier: Apache-2.0
#include "process/plan.h"

#include "base/cursor.h"
#include "base/text.h"
#include "config/print.h"
#include "config/statements.h"
#include "process/resolvers.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <string>

namespace weir::process {

namespace {

void put(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(" ").append(value).append("\n");
}

void put(std::string& out, std::string_view name, std::uint64_t value) {
  put(out, name, std::to_string(value));
}

void put_log(std::string& out, const std::string& name, const config::LogTarget& log) {
  put(out, name + ".to", static_cast<std::uint64_t>(log.to));
  put(out, name + ".path", log.path);
  put(out, name + ".level", log.level);
  // An older version, which may take over, does not know these.
  if (!log.buffer) return;
  put(out, name + ".buffer", log.buffer->size);
  put(out, name + ".flush_ms", static_cast<std::uint64_t>(log.buffer->flush.count()));
}

bool take_log(std::string_view item, std::string_view value, config::LogTarget& log) {
  const std::uint64_t number = to_number<std::uint64_t>(value).value_or(0);
  if (item == "to")
    log.to = static_cast<config::LogTo>(number);
  else if (item == "path")
    log.path = value;
  else if (item == "level")
    log.level = value;
  else if (item == "buffer")
    log.buffer.emplace().size = number;
  else if (item == "flush_ms" && log.buffer)
    log.buffer->flush = config::Milliseconds(number);
  else
    return false;
  return true;
}

std::string_view take_word(std::string_view& text) { return take_until(text, ' '); }

bool take_bind(std::string_view value, Plan& plan) {
  auto number = [&value] {
    return static_cast<std::uint32_t>(to_number(take_word(value)).value_or(0));
  };
  BindPlan bind;
  bind.listener = number();
  bind.at.kind = static_cast<config::Endpoint::Kind>(number());
  bind.at.port = static_cast<std::uint16_t>(number());
  std::size_t size = number();
  bind.at.host = value.substr(0, size);
  bind.at.text = value.substr(std::min(size, value.size()));
  plan.binds.push_back(std::move(bind));
  return true;
}

// Follows the bind that it is of.
bool take_bind_place(std::string_view value, Plan& plan) {
  if (plan.binds.empty()) return false;
  plan.binds.back().place = value;
  return true;
}

// So does this.
bool take_bind_rights(std::string_view value, Plan& plan) {
  if (plan.binds.empty()) return false;
  BindPlan& bind = plan.binds.back();
  bind.mode = static_cast<std::uint32_t>(to_number(take_word(value)).value_or(bind.mode));
  bind.gid = static_cast<std::uint32_t>(to_number(value).value_or(bind.gid));
  return true;
}

// So does this.
bool take_bind_shared(std::string_view value, Plan& plan) {
  if (plan.binds.empty()) return false;
  plan.binds.back().shared = value == "1";
  return true;
}

bool take_admin(std::string_view value, Plan& plan) {
  auto number = [&value] {
    return static_cast<std::uint32_t>(to_number(take_word(value)).value_or(0));
  };
  AdminPlan socket;
  socket.level = static_cast<config::AdminLevel>(number());
  socket.mode = number();
  socket.gid = number();
  std::size_t size = number();
  socket.place = value.substr(0, size);
  socket.path = value.substr(std::min(size, value.size()));
  plan.admin.push_back(std::move(socket));
  return true;
}

struct TextItem {
  std::string_view name;
  std::string Plan::*member;
};
constexpr TextItem texts[] = {{"chroot", &Plan::chroot},
                              {"pid_file", &Plan::pid_file},
                              {"state_file", &Plan::state_file},
                              {"pid_place", &Plan::pid_place},
                              {"state_place", &Plan::state_place},
                              {"error_log_place", &Plan::error_log_place},
                              {"access_log_place", &Plan::access_log_place}};

bool take_item(std::string_view name, std::string_view value, Plan& plan) {
  for (const auto& [known, member] : texts)
    if (name == known) return plan.*member = value, true;
  std::uint64_t number = to_number(value).value_or(0);
  auto narrow = static_cast<std::uint32_t>(number);
  if (name == "workers")
    plan.workers = narrow;
  else if (name == "listeners")
    plan.listeners = narrow;
  else if (name == "routes")
    plan.routes = narrow;
  else if (name == "backends")
    plan.backends = narrow;
  else if (name == "uid")
    plan.uid = narrow;
  else if (name == "gid")
    plan.gid = narrow;
  else if (name == "drop")
    plan.drop = number != 0;
  else if (name == "jit")
    plan.jit = number != 0;
  else if (name == "max_connections")
    plan.max_connections = number;
  else if (name == "pipes")
    plan.pipes = number;
  else if (name == "shutdown_ms")
    plan.shutdown_ms = number;
  else if (name == "drain_delay_ms")
    plan.drain_delay_ms = number;
  else if (name == "stall_ms")
    plan.stall_ms = number;
  else if (name == "upgrade_ms")
    plan.upgrade_ms = number;
  else if (name == "nameserver")
    plan.nameservers.emplace_back(value);
  else if (name == "bind")
    return take_bind(value, plan);
  else if (name == "bind_place")
    return take_bind_place(value, plan);
  else if (name == "bind_rights")
    return take_bind_rights(value, plan);
  else if (name == "bind_shared")
    return take_bind_shared(value, plan);
  else if (name == "admin")
    return take_admin(value, plan);
  else if (name.starts_with("error_log."))
    return take_log(name.substr(10), value, plan.error_log);
  else if (name.starts_with("access_log."))
    return take_log(name.substr(11), value, plan.access_log);
  else
    return false;
  return true;
}

// UINT32_MAX for no name: the master's group.
Result<std::uint32_t> group_id(const std::string& name, const std::string& place) {
  if (name.empty()) return UINT32_MAX;
  if (const ::group* group = getgrnam(name.c_str())) return group->gr_gid;
  return Error(Errc::NotFound, "group \"" + name + "\" does not exist").within(place);
}

Result<void> add_sockets(const config::Config& config, Plan& plan) {
  for (std::uint32_t i = 0; i < config.listeners.size(); ++i)
    for (const config::Bind& bind : config.listeners[i].binds) {
      const std::string place = config::place_text(config, bind.place);
      auto gid = group_id(bind.group, place);
      if (!gid) return gid.error();
      plan.binds.push_back({i, bind.at, place, bind.mode, *gid, bind.shared});
    }
  for (const config::AdminSocket& socket : config.admin) {
    const std::string place = config::place_text(config, socket.place);
    auto gid = group_id(socket.group, place);
    if (!gid) return gid.error();
    plan.admin.push_back({socket.level, socket.mode, *gid, place, socket.at.host});
  }
  return {};
}

std::string place_of(const config::Config& config, std::string_view statement) {
  return config::place_text(config, config::find_origin(config.origins, statement));
}

}  // namespace

bool is_same(const AdminPlan& one, const AdminPlan& other) {
  return one.level == other.level && one.mode == other.mode && one.gid == other.gid &&
         one.path == other.path;
}

Result<Plan> make_plan(const config::Config& config) {
  Plan plan;
  plan.workers = config.workers;
  plan.listeners = static_cast<std::uint32_t>(config.listeners.size());
  plan.backends = static_cast<std::uint32_t>(config.backends.size());
  for (const config::Listener& listener : config.listeners)
    plan.routes += static_cast<std::uint32_t>(listener.routes.size());
  plan.state_file = config.state_file;
  plan.jit = config.jit;
  plan.max_connections = config.capacity.max_connections;
  plan.shutdown_ms = static_cast<std::uint64_t>(config.shutdown_timeout.count());
  if (config.drain_delay)
    plan.drain_delay_ms = static_cast<std::uint64_t>(config.drain_delay->count());
  plan.stall_ms =
      config.stall_timeout ? static_cast<std::uint64_t>(config.stall_timeout->count()) : 0;
  plan.upgrade_ms = static_cast<std::uint64_t>(config.upgrade_timeout.count());
  plan.chroot = config.chroot;
  plan.pid_file = config.pid_file;
  plan.pid_place = place_of(config, "pid_file");
  plan.state_place = place_of(config, "state_file");
  plan.error_log_place = place_of(config, "error_log");
  plan.access_log_place = place_of(config, "access_log");
  plan.nameservers = resolvers(config);
  plan.error_log = config.error_log;
  plan.access_log = config.access_log;
  if (auto added = add_sockets(config, plan); !added) return added.error();
  plan.uid = getuid();
  plan.gid = getgid();
  if (geteuid() != 0) return plan;
  std::string user = config.user.empty() ? "nobody" : config.user;
  const passwd* account = getpwnam(user.c_str());
  if (!account) return Error(Errc::NotFound, "user \"" + user + "\" does not exist");
  plan.drop = true;
  plan.uid = account->pw_uid;
  plan.gid = account->pw_gid;
  if (!config.group.empty()) {
    const ::group* group = getgrnam(config.group.c_str());
    if (!group) return Error(Errc::NotFound, "group \"" + config.group + "\" does not exist");
    plan.gid = group->gr_gid;
  }
  return plan;
}

std::string write_plan(const Plan& plan) {
  std::string out;
  put(out, "workers", plan.workers);
  put(out, "listeners", plan.listeners);
  put(out, "routes", plan.routes);
  put(out, "backends", plan.backends);
  put(out, "uid", plan.uid);
  put(out, "gid", plan.gid);
  put(out, "drop", plan.drop);
  put(out, "jit", plan.jit);
  put(out, "max_connections", plan.max_connections);
  put(out, "pipes", plan.pipes);
  put(out, "shutdown_ms", plan.shutdown_ms);
  put(out, "drain_delay_ms", plan.drain_delay_ms);
  put(out, "stall_ms", plan.stall_ms);
  put(out, "upgrade_ms", plan.upgrade_ms);
  for (const auto& [name, member] : texts) put(out, name, plan.*member);
  for (const std::string& server : plan.nameservers) put(out, "nameserver", server);
  put_log(out, "error_log", plan.error_log);
  put_log(out, "access_log", plan.access_log);
  for (const AdminPlan& socket : plan.admin)
    put(out, "admin",
        std::to_string(static_cast<int>(socket.level)) + " " + std::to_string(socket.mode) + " " +
            std::to_string(socket.gid) + " " + std::to_string(socket.place.size()) + " " +
            socket.place + socket.path);
  for (const BindPlan& bind : plan.binds) {
    put(out, "bind",
        std::to_string(bind.listener) + " " + std::to_string(static_cast<int>(bind.at.kind)) + " " +
            std::to_string(bind.at.port) + " " + std::to_string(bind.at.host.size()) + " " +
            bind.at.host + bind.at.text);
    put(out, "bind_place", bind.place);
    if (bind.at.kind == config::Endpoint::Kind::Unix)
      put(out, "bind_rights", std::to_string(bind.mode) + " " + std::to_string(bind.gid));
    if (bind.shared) put(out, "bind_shared", 1);
  }
  return out;
}

Result<Plan> read_plan(std::string_view text) {
  Plan plan;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    std::string_view name = take_word(line);
    if (!take_item(name, line, plan))
      return Error(Errc::Invalid, "plan: unknown item " + std::string(name));
  }
  return plan;
}

}  // namespace weir::process
