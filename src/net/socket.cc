// SPDX-License-Identifier: Apache-2.0
#include "net/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>

namespace weir::net {

namespace {

Error failed(const Address& address, const char* what) {
  return Error(Errc::System, address.text() + ": " + what + ": " + strerror(errno));
}

// A socket file left behind by a process that is gone would make bind fail for ever.
Result<void> remove_stale(const Address& address) {
  const char* path = reinterpret_cast<const sockaddr_un*>(address.get())->sun_path;
  struct stat status;
  if (lstat(path, &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return Error(Errc::Exists, std::string(path) + " exists and is not a socket");
  Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), address.get(), address.size()) == 0 || errno == EAGAIN)
    return Error(Errc::Exists, std::string(path) + " is in use by another process");
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

void defer_accept(int fd, bool on) {
  int seconds = on;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

}  // namespace weir::net
