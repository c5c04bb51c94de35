// SPDX-License-Identifier: Apache-2.0
#include "process/own_files.h"

#include "base/text.h"
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

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

// The process that holds a lock of the file, as the kernel tells it; 0 if it does not.
pid_t find_holder(int fd) {
  struct stat file {};
  if (::fstat(fd, &file) != 0) return 0;
  char wanted[64];
  std::snprintf(wanted, sizeof(wanted), "%02x:%02x:%llu", major(file.st_dev), minor(file.st_dev),
                static_cast<unsigned long long>(file.st_ino));
  std::ifstream table("/proc/locks");
  for (std::string line; std::getline(table, line);) {
    // 1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF
    std::istringstream words(line);
    std::string skipped, kind, pid, at;
    words >> skipped >> kind >> skipped >> skipped >> pid >> at;
    if (kind == "FLOCK" && at == wanted) return to_number<pid_t>(pid).value_or(0);
  }
  return 0;
}

Result<void> lock(const Fd& fd, const std::string& what, const std::string& place) {
  int done;
  do done = ::flock(fd.get(), LOCK_EX | LOCK_NB);
  while (done != 0 && errno == EINTR);
  if (done == 0) return {};
  if (errno != EWOULDBLOCK) return failed(place, what + ": lock");
  pid_t holder = find_holder(fd.get());
  // Some file systems have other numbers there.  A pid file says it itself.
  if (char text[16]; holder == 0 && what.starts_with("pid_file ")) {
    const ssize_t size = ::pread(fd.get(), text, sizeof(text), 0);
    const std::string_view line(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    holder = to_number<pid_t>(line.substr(0, line.find('\n'))).value_or(0);
  }
  return Error(Errc::Exists,
               what + " is locked by " +
                   (holder ? "process " + std::to_string(holder) : "another process") +
                   ": another weir is running with it")
      .within(place);
}

// Closed if it is not there and is not to be made.
Result<Fd> open_pid_file(const Plan& plan, const std::string& path, int flags) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags, 0644));
  struct stat kind {};
  if (!fd.is_open() && errno == ENOENT && (flags & O_CREAT) == 0) return fd;
  const bool is_directory = !fd.is_open() && errno == EISDIR;
  if (!is_directory && (!fd.is_open() || ::fstat(fd.get(), &kind) != 0))
    return failed(plan.pid_place, "pid_file " + path);
  if (!S_ISREG(kind.st_mode))
    return Error(Errc::Invalid, "pid_file " + path + " is no file").within(plan.pid_place);
  return fd;
}

bool is_at(const std::string& path, const Fd& fd) {
  struct stat named {
  }, open{};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(fd.get(), &open) == 0 &&
         named.st_ino == open.st_ino && named.st_dev == open.st_dev;
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

Result<Fd> lock_pid_file(const Plan& plan) {
  while (true) {
    auto fd = open_pid_file(plan, plan.pid_file, O_CREAT);
    if (!fd) return fd;
    if (auto locked = lock(*fd, "pid_file " + plan.pid_file, plan.pid_place); !locked)
      return locked.error();
    // Its last owner may have removed it between the two.
    if (is_at(plan.pid_file, *fd)) return fd;
  }
}

Result<void> write_pid(const Plan& plan, const Fd& file) {
  std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return failed(plan.pid_place, "pid_file " + plan.pid_file);
  return {};
}

Result<Fd> lock_next_pid_file(const Plan& plan, const std::string& path) {
  auto there = open_pid_file(plan, plan.pid_file, 0);
  if (!there) return there;
  if (there->is_open())
    if (auto locked = lock(*there, "pid_file " + plan.pid_file, plan.pid_place); !locked)
      return locked.error();
  auto fd = open_pid_file(plan, path, O_CREAT | O_TRUNC);
  if (!fd) return fd;
  if (auto locked = lock(*fd, "pid_file " + path, plan.pid_place); !locked) return locked.error();
  if (auto written = write_pid(plan, *fd); !written) return written.error();
  return fd;
}

Result<Fd> lock_state_file(const Plan& plan) {
  Fd fd(::open(plan.state_file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.is_open()) return failed(plan.state_place, "state_file " + plan.state_file);
  if (auto locked = lock(fd, "state_file " + plan.state_file, plan.state_place); !locked)
    return locked.error();
  return fd;
}

}  // namespace weir::process
