// SPDX-License-Identifier: Apache-2.0
#include "process/own_files.h"

#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::process {

namespace {

Error failed(const std::string& place, const std::string& what) {
  return Error(Errc::System, what + ": " + strerror(errno)).within(place);
}

// A link is not followed: root writes here.
Result<Fd> open_one(const Plan& plan, const std::string& path, std::vector<std::string>& made) {
  constexpr int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  Fd file(::open(path.c_str(), flags | O_CREAT | O_EXCL, 0600));
  if (file.is_open()) {
    made.push_back(path);
    return file;
  }
  struct stat kind;
  if (errno == EEXIST) file = Fd(::open(path.c_str(), flags));
  if (!file.is_open() || ::fstat(file.get(), &kind) != 0)
    return failed(plan.state_place, "state_file " + path);
  if (!S_ISREG(kind.st_mode))
    return Error(Errc::Invalid, "state_file " + path + " is no file").within(plan.state_place);
  return file;
}

}  // namespace

Result<Fd> bind_admin(const AdminPlan& plan, const std::string& path) {
  config::Endpoint at;
  at.kind = config::Endpoint::Kind::Unix;
  at.host = path;
  at.text = "unix:" + path;
  auto address = net::Address::from(at);
  if (!address) return address.error().within(plan.place);
  auto socket = bind_local(*address, path, {plan.mode, plan.gid});
  if (!socket) return socket.error().within("admin").within(plan.place);
  return socket;
}

Result<Fd> bind_local(const net::Address& address, const std::string& path,
                      const SocketRights& rights) {
  const mode_t before = ::umask(0177);
  auto socket = net::listen_on(address, {.reuse_port = false});
  ::umask(before);
  if (!socket) return socket;
  if (auto set = set_rights(path, rights); !set) {
    ::unlink(path.c_str());
    return set.error();
  }
  return socket;
}

// The group first, so that the former group never gets the new mode.
Result<void> set_rights(const std::string& path, const SocketRights& rights) {
  if (rights.gid != UINT32_MAX && ::chown(path.c_str(), static_cast<uid_t>(-1), rights.gid) != 0)
    return Error(Errc::System, "unix:" + path + ": set its group: " + strerror(errno));
  if (::chmod(path.c_str(), rights.mode) != 0)
    return Error(Errc::System, "unix:" + path + ": set its mode: " + strerror(errno));
  return {};
}

Result<std::vector<Fd>> open_state(const Plan& plan, std::vector<std::string>& made) {
  std::vector<Fd> files;
  if (plan.state_file.empty()) return files;
  for (const char* suffix : {"", ".alt"}) {
    auto file = open_one(plan, plan.state_file + suffix, made);
    if (!file) return file.error();
    files.push_back(std::move(*file));
  }
  return files;
}

Result<void> write_pid(const Plan& plan, const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  std::string text = std::to_string(::getpid()) + "\n";
  if (!fd.is_open() ||
      ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return failed(plan.pid_place, "pid_file " + path);
  return {};
}

}  // namespace weir::process
