// SPDX-License-Identifier: Apache-2.0
//
// The system calls that move a client's bytes, without what the C library puts around them: it lets a
// thread be cancelled in there, which costs two atomic operations a call as soon as the process has ever
// had a second thread.  Nobody cancels threads here.  Results and errno are the library's.
#pragma once

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <fcntl.h>
#endif

namespace weir::net {

#if defined(__SANITIZE_ADDRESS__)
// The sanitizer knows the library's calls, and which memory they fill.
inline ssize_t receive(int fd, void* into, std::size_t size, int flags) {
  return ::recv(fd, into, size, flags);
}
inline ssize_t send(int fd, const void* from, std::size_t size, int flags) {
  return ::send(fd, from, size, flags);
}
inline ssize_t send_message(int fd, const msghdr& message, int flags) {
  return ::sendmsg(fd, &message, flags);
}
inline ssize_t splice(int from, int to, std::size_t size, unsigned flags) {
  return ::splice(from, nullptr, to, nullptr, size, flags);
}
#else
/// recv(2).
inline ssize_t receive(int fd, void* into, std::size_t size, int flags) {
  return ::syscall(SYS_recvfrom, fd, into, size, flags, nullptr, nullptr);
}
/// send(2).
inline ssize_t send(int fd, const void* from, std::size_t size, int flags) {
  return ::syscall(SYS_sendto, fd, from, size, flags, nullptr, 0);
}
/// sendmsg(2).
inline ssize_t send_message(int fd, const msghdr& message, int flags) {
  return ::syscall(SYS_sendmsg, fd, &message, flags);
}
/// splice(2) between descriptors that have no offset.
inline ssize_t splice(int from, int to, std::size_t size, unsigned flags) {
  return ::syscall(SYS_splice, from, nullptr, to, nullptr, size, flags);
}
#endif

}  // namespace weir::net
