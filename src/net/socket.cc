// SPDX-License-Identifier: Apache-2.0
#include "net/socket.h"

#include <errno.h>
#include <linux/filter.h>
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
    if (options.defer_accept) setsockopt(fd.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
  }
  if (::bind(fd.get(), address.get(), address.size()) != 0) return failed(address, "bind");
  if (::listen(fd.get(), listen_backlog) != 0) return failed(address, "listen");
  return fd;
}

// A filter of the socket sees the TCP header: SYN without ACK is a beginning.
void refuse_new_connections(int fd) {
  constexpr std::uint8_t flags_at = 13, syn = 0x02, ack = 0x10;
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags_at),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, syn | ack),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, syn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

}  // namespace weir::net
