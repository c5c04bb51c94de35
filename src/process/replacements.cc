// SPDX-License-Identifier: Apache-2.0
#include "process/replacements.h"

#include <weir/log.h>

#include "process/own_files.h"
#include "process/start.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace weir::process {

namespace {

constexpr const char* suffix = ".next";

const AdminPlan* find_path(const std::vector<AdminPlan>& sockets, const std::string& path) {
  auto found = std::find_if(sockets.begin(), sockets.end(),
                            [&](const AdminPlan& each) { return each.path == path; });
  return found == sockets.end() ? nullptr : &*found;
}

}  // namespace

Result<std::unique_ptr<Replacements>> Replacements::make(const Plan& now, const Plan& next) {
  std::unique_ptr<Replacements> all(new Replacements);
  all->names_change_ = now.nameservers != next.nameservers;
  if (auto looked = all->look_at_rights(now, next); !looked) return looked.error();
  if (auto made = all->make_admin(now, next); !made) return made.error();
  if (auto made = all->make_pid_file(now, next); !made) return made.error();
  all->state_changes_ = now.state_file != next.state_file;
  if (!all->state_changes_) return all;
  auto files = open_state(next, all->made_);
  if (!files) return files.error();
  all->state_ = std::move(*files);
  if (next.state_file.empty()) return all;
  auto locked = lock_state_file(next);
  if (!locked) return locked.error();
  all->state_lock_ = std::move(*locked);
  return all;
}

Replacements::~Replacements() {
  for (const std::string& path : made_) ::unlink(path.c_str());
}

// Permissions are set when the next plan takes effect.  That the sockets exist is checked here, where a reload can still
// be refused.
Result<void> Replacements::look_at_rights(const Plan& now, const Plan& next) {
  for (const BindPlan& bind : next.binds) {
    const auto known = std::find_if(now.binds.begin(), now.binds.end(), [&](const BindPlan& each) {
      return each.at.text == bind.at.text && each.at.kind == config::Endpoint::Kind::Unix;
    });
    if (known == now.binds.end() || (known->mode == bind.mode && known->gid == bind.gid)) continue;
    struct stat there;
    if (::lstat(bind.at.host.c_str(), &there) != 0)
      return Error(Errc::System, bind.at.text + ": " + strerror(errno)).within(bind.place);
    if (!S_ISSOCK(there.st_mode))
      return Error(Errc::Invalid, bind.at.text + " is no longer a socket").within(bind.place);
    changed_rights_.push_back(bind);
    // Without a group of its own it gets the master's back.
    if (bind.gid == UINT32_MAX) changed_rights_.back().gid = ::getegid();
  }
  return {};
}

// A socket of which anything is another is another one: clients of the former had other rights.
Result<void> Replacements::make_admin(const Plan& now, const Plan& next) {
  admin_changes_ = now.admin.size() != next.admin.size();
  for (std::size_t i = 0; i < next.admin.size(); ++i) {
    const AdminPlan& wanted = next.admin[i];
    const AdminPlan* known = find_path(now.admin, wanted.path);
    if (known && is_same(*known, wanted)) continue;
    admin_changes_ = true;
    std::string path = known ? wanted.path + suffix : wanted.path;
    auto socket = bind_admin(wanted, path);
    if (!socket) return socket.error();
    admin_.emplace(i, std::move(*socket));
    made_.push_back(path);
    if (known) renaming_.emplace_back(path, wanted.path);
  }
  return {};
}

Result<void> Replacements::make_pid_file(const Plan& now, const Plan& next) {
  if (now.pid_file == next.pid_file || next.pid_file.empty()) return {};
  std::string path = next.pid_file + suffix;
  made_.push_back(path);
  auto locked = lock_next_pid_file(next, path);
  if (!locked) return locked.error();
  pid_lock_ = std::move(*locked);
  renaming_.emplace_back(path, next.pid_file);
  return {};
}

void Replacements::put_admin_in_place(Assets& assets, const Plan& next) {
  std::vector<Fd> sockets;
  for (std::size_t i = 0; i < next.admin.size(); ++i) {
    auto made = admin_.find(i);
    const AdminPlan* known = find_path(assets.plan.admin, next.admin[i].path);
    sockets.push_back(
        made != admin_.end()
            ? std::move(made->second)
            : std::move(assets.admin[static_cast<std::size_t>(known - assets.plan.admin.data())]));
  }
  for (const AdminPlan& socket : assets.plan.admin)
    if (!find_path(next.admin, socket.path)) ::unlink(socket.path.c_str());
  assets.admin = std::move(sockets);
}

void Replacements::put_in_place(Assets& assets, const Plan& next) {
  if (admin_changes_) put_admin_in_place(assets, next);
  for (const BindPlan& bind : changed_rights_)
    if (auto set = set_rights(bind.at.host, {bind.mode, bind.gid}); !set)
      log(Level::Error, "bind ", set.error().text(), " (", bind.place, ")");
  for (const auto& [from, to] : renaming_)
    if (::rename(from.c_str(), to.c_str()) != 0)
      log(Level::Error, to, ": ", std::string_view(strerror(errno)));
  const std::string& pid_file = assets.plan.pid_file;
  if (pid_file != next.pid_file) {
    if (!pid_file.empty()) ::unlink(pid_file.c_str());
    assets.pid_lock = std::move(pid_lock_);
  }
  if (state_changes_) {
    // The state is in memory and is written to the new files; records of an earlier use of these files must go.
    for (const Fd& file : state_)
      if (::ftruncate(file.get(), 0) != 0)
        log(Level::Error, "state_file: ", std::string_view(strerror(errno)));
    assets.state = std::move(state_);
    assets.state_lock = std::move(state_lock_);
  }
  made_.clear();
}

}  // namespace weir::process
