// SPDX-License-Identifier: Apache-2.0
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>

namespace weir::net {

namespace {

Error failed(const Address& address, const char* what) {
  return Error(Errc::System, address.text() + ": " + what + ": " + strerror(errno));
}

// Who listened and has died may have left the socket to children of its own, who answer until they end.
bool is_dead(pid_t pid) {
  return pid != 0 && (pid == ::getpid() || (::kill(pid, 0) != 0 && errno == ESRCH));
}

// A socket file left behind by a process that is gone would make bind fail for ever.
Result<void> remove_stale(const Address& address) {
  const char* path = reinterpret_cast<const sockaddr_un*>(address.get())->sun_path;
  struct stat status;
  if (lstat(path, &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return Error(Errc::Exists, std::string(path) + " exists and is not a socket");
  Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), address.get(), address.size()) == 0) {
    const pid_t pid = listening_process(probe.get());
    if (!is_dead(pid))
      return Error(Errc::Exists, std::string(path) + " is in use by " +
                                     (pid ? "process " + std::to_string(pid) : "another process"));
    errno = ECONNREFUSED;
  } else if (errno == EAGAIN) {
    return Error(Errc::Exists, std::string(path) + " is in use by another process");
  }
  // EPROTOTYPE: somebody's, of another type.  EACCES: perhaps somebody's.
  if (errno != ECONNREFUSED) return failed(address, "look at the socket that is there");
  if (::unlink(path) != 0) return failed(address, "remove stale socket");
  return {};
}

}  // namespace

Result<Fd> listen_on(const Address& address, const ListenOptions& options) {
  bool local = address.family() == AF_UNIX;
  if (local)
    if (auto clean = remove_stale(address); !clean) return clean.error();
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return failed(address, "socket");
  int on = 1;
  if (!local) {
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (options.reuse_port) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (address.family() == AF_INET6)
      setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (options.defer_accept) defer_accept(fd.get(), true);
  }
  if (::bind(fd.get(), address.get(), address.size()) != 0) return failed(address, "bind");
  if (::listen(fd.get(), listen_backlog) != 0) return failed(address, "listen");
  return fd;
}

pid_t owner(int fd) { return std::max(::fcntl(fd, F_GETOWN), 0); }

void set_owner(int fd, pid_t pid) { (void)::fcntl(fd, F_SETOWN, pid); }

pid_t listening_process(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

void defer_accept(int fd, bool on) {
  int seconds = on;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

void keep_alive(int fd, std::uint64_t silence_us) {
  const auto set = [fd](int level, int name, int value) {
    (void)::setsockopt(fd, level, name, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, silence_us > 0);
  if (silence_us == 0) return;
  const int seconds = std::max(1, static_cast<int>(silence_us / 1'000'000));
  set(IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 3));
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace weir::net
