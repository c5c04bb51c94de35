// SPDX-License-Identifier: Apache-2.0
#include "net/gate.h"

#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace weir::net {

namespace {

constexpr int most_hops = 255;

int domain(int fd) {
  int domain = AF_UNIX;
  socklen_t size = sizeof(domain);
  (void)::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  return domain;
}

// A packet whose hops do not reach the least is dropped, and no peer sends with 255.  The kernel asks that of
// what comes to a listening socket itself, but not of what belongs to a handshake that has begun.  A socket
// filter would do as well, but not every kernel lets everybody attach one.
void set_least_hops(int fd, int least) {
  if (domain(fd) == AF_INET)
    (void)::setsockopt(fd, IPPROTO_IP, IP_MINTTL, &least, sizeof(least));
  else if (domain(fd) == AF_INET6)
    (void)::setsockopt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, &least, sizeof(least));
}

int least_hops(int fd) {
  bool four = domain(fd) == AF_INET;
  int least = 0;
  socklen_t size = sizeof(least);
  (void)::getsockopt(fd, four ? IPPROTO_IP : IPPROTO_IPV6, four ? IP_MINTTL : IPV6_MINHOPCOUNT,
                     &least, &size);
  return least;
}

}  // namespace

void narrow_gate(int fd) {
  set_least_hops(fd, most_hops);
  if (domain(fd) != AF_UNIX) defer_accept(fd, false);
}

void welcome(int fd) { set_least_hops(fd, 0); }

bool has_waiting(int fd) {
  // Of a listening socket this is the length of its queue.
  tcp_info info{};
  socklen_t size = sizeof(info);
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_unacked > 0;
}

void shut_gate(int fd) {
  if (domain(fd) == AF_UNIX) return;
  // The way back to a socket that is bound and nothing else; port and options stay.
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  (void)::connect(fd, &nowhere, sizeof(nowhere));
}

bool open_gate(int fd) {
  if (domain(fd) == AF_UNIX || (is_listening(fd) && least_hops(fd) == 0)) return false;
  set_least_hops(fd, 0);
  defer_accept(fd, true);
  if (!is_listening(fd)) (void)::listen(fd, listen_backlog);
  return true;
}

bool is_listening(int fd) {
  int listening = 0;
  socklen_t size = sizeof(listening);
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

}  // namespace weir::net
