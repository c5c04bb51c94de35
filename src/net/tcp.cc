// SPDX-License-Identifier: Apache-2.0
#include "net/tcp.h"

#include "net/calls.h"
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace weir::net {

TcpTransport::~TcpTransport() {
  watch_.stop();
  if (fd_ >= 0) ::close(fd_);
}

void TcpTransport::adopt(int fd) { fd_ = fd; }

void TcpTransport::take_over(TcpTransport& from) {
  from.watch_.stop();
  fd_ = std::exchange(from.fd_, -1);
  queue_.take(from.queue_);
  // A new watch tells again what holds.
  readable_ = writable_ = true;
  closed_ = from.closed_;
  failed_ = from.failed_;
  shut_down_ = from.shut_down_;
}

void TcpTransport::start_over() {
  watch_.stop();
  ::close(std::exchange(fd_, -1));
  queue_.clear();
  readable_ = writable_ = true;
  closed_ = failed_ = connecting_ = shut_down_ = false;
}

int TcpTransport::connect(const Address& to, std::uint64_t keepalive_us) {
  if (fd_ >= 0) start_over();
  fd_ = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return errno;
  if (to.family() != AF_UNIX) {
    int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (keepalive_us > 0) keep_alive(fd_, keepalive_us);
  }
  if (::connect(fd_, to.get(), to.size()) == 0) {
    watch();
    return 0;
  }
  if (errno != EINPROGRESS) return errno;
  connecting_ = true;
  writable_ = readable_ = false;
  watch();
  return 0;
}

int TcpTransport::connect_result() {
  if (!connecting_) return 0;
  if (!writable_ && !closed_ && !readable_) return EINPROGRESS;
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0) {
    connecting_ = false;
    flush_queue();
  }
  return error;
}

void TcpTransport::watch() {
  if (!watch_.is_started() && fd_ >= 0) watch_.start(loop_, fd_, event::Watch::Edge::Both, *this);
}

void TcpTransport::on_ready(event::Ready ready) noexcept {
  if (ready.closed) closed_ = true;
  if (ready.read || ready.closed) readable_ = true;
  if (ready.write) {
    bool was_writable = writable_;
    writable_ = true;
    if (connecting_ || (!was_writable && !queue_.empty())) {
      flush_queue();
      events_->on_sent();
    } else if (!was_writable) {
      events_->on_sent();
    }
  }
  if (ready.read || ready.closed) events_->on_readable();
}

IoResult TcpTransport::read(std::span<char> into) {
  if (!readable_) {
    watch();
    return {Io::Again};
  }
  ssize_t count;
  do count = receive(fd_, into.data(), into.size(), 0);
  while (count < 0 && errno == EINTR);
  if (count > 0) {
    if (static_cast<std::size_t>(count) < into.size() && !closed_) readable_ = false;
    return {Io::Done, static_cast<std::size_t>(count)};
  }
  if (count == 0) {
    closed_ = true;
    return {Io::End};
  }
  if (errno == EAGAIN) {
    readable_ = false;
    watch();
    return {Io::Again};
  }
  fail();
  return {Io::Failed};
}

std::size_t TcpTransport::write_pieces(const iovec* pieces, int count) {
  if (!writable_ || failed_) return 0;
  ssize_t sent;
  do {
    if (count == 1) {
      sent = net::send(fd_, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(pieces);
      message.msg_iovlen = static_cast<std::size_t>(std::min(count, IOV_MAX));
      sent = send_message(fd_, message, MSG_NOSIGNAL);
    }
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN) {
    writable_ = false;
    watch();
  } else {
    fail();
    watch_.ring();
  }
  return 0;
}

void TcpTransport::send(Gather& gather) {
  std::size_t left = gather.size();
  std::span<const iovec> pieces = gather.pieces();
  std::size_t sent = 0;
  if (queue_.empty() && !connecting_) {
    sent = write_pieces(pieces.data(), static_cast<int>(pieces.size()));
    // A short write of a non-blocking socket means its buffer is full: an edge will tell.
    if (sent > 0 && sent < left && pieces.size() <= IOV_MAX) {
      writable_ = false;
      watch();
    }
  }
  if (!failed_ && sent < left) {
    for (const iovec& piece : pieces) {
      if (sent >= piece.iov_len) {
        sent -= piece.iov_len;
        continue;
      }
      queue_.append(static_cast<char*>(piece.iov_base) + sent, piece.iov_len - sent);
      sent = 0;
    }
    // One call takes only so many pieces: the socket may have room for the rest.
    flush_queue();
  }
  gather.clear();
}

void TcpTransport::flush_queue() {
  while (!queue_.empty() && writable_ && !connecting_) {
    iovec pieces[16];
    int count = queue_.peek(pieces, 16);
    std::size_t asked = 0;
    for (int i = 0; i < count; ++i) asked += pieces[i].iov_len;
    std::size_t sent = write_pieces(pieces, count);
    if (failed_) return;
    queue_.consume(sent);
    if (sent < asked) {
      writable_ = false;
      watch();
    }
  }
  if (queue_.empty() && shut_down_) ::shutdown(fd_, SHUT_WR);
}

bool TcpTransport::has_unread() const {
  char byte;
  return receive(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

bool TcpTransport::is_at_end() {
  if (!closed_ || failed_) return false;
  char byte;
  return receive(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

std::size_t TcpTransport::unacknowledged() const {
  int bytes = 0;
  // Unix sockets count what the peer has not read.
  return ::ioctl(fd_, SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

bool TcpTransport::is_broken() {
  // A reset is told as readable and writable, not as closed.  Not by a read: behind the peer's end it
  // says only that, though a reset came after it.
  if (failed_ || !readable_) return failed_;
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) fail();
  return failed_;
}

void TcpTransport::shut_down() {
  if (shut_down_ || failed_) return;
  shut_down_ = true;
  if (queue_.empty()) ::shutdown(fd_, SHUT_WR);
}

void TcpTransport::fail() {
  failed_ = true;
  queue_.clear();
}

void TcpTransport::abort() {
  linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  fail();
}

IoResult TcpTransport::splice_to(int pipe, std::size_t most) {
  if (!readable_) {
    watch();
    return {Io::Again};
  }
  ssize_t count;
  do count = net::splice(fd_, pipe, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  while (count < 0 && errno == EINTR);
  if (count > 0) return {Io::Done, static_cast<std::size_t>(count)};
  if (count == 0) {
    closed_ = true;
    return {Io::End};
  }
  if (errno == EAGAIN) {
    readable_ = false;
    watch();
    return {Io::Again};
  }
  fail();
  return {Io::Failed};
}

IoResult TcpTransport::splice_from(int pipe, std::size_t most) {
  if (!writable_) return {Io::Again};
  ssize_t count;
  do count = net::splice(pipe, fd_, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  while (count < 0 && errno == EINTR);
  if (count > 0) return {Io::Done, static_cast<std::size_t>(count)};
  if (count < 0 && errno == EAGAIN) {
    writable_ = false;
    watch();
    return {Io::Again};
  }
  fail();
  return {Io::Failed};
}

}  // namespace weir::net
