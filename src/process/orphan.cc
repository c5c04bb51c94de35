// SPDX-License-Identifier: Apache-2.0
#include "process/orphan.h"

#include <weir/log.h>

#include "process/setup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace weir::process {

namespace {

using net::MessageType;

constexpr std::uint64_t look_us = 50'000;  // at sockets that are being closed
constexpr int backlog = 16;

Fd listen_for_masters() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name(Orphan::name_prefix);
  name += std::to_string(::getpid());
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.is_open() && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      ::listen(fd.get(), backlog) == 0)
    return fd;
  log(Level::Error, "the listening sockets cannot be offered to another master: ",
      std::string_view(strerror(errno)));
  return Fd();
}

// Root, and processes of our own user, could take the sockets out of this process anyway.
bool is_trusted(int fd, uid_t uid) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == 0 || peer.uid == uid) &&
         peer.pid != 0;  // of another PID namespace: it could not be seen as the owner
}

bool send_all(net::Channel& channel, const std::vector<const ListeningSocket*>& sockets) {
  for (std::size_t at = 0; at < sockets.size();) {
    std::string lines;
    std::vector<int> descriptors;
    while (at < sockets.size() && descriptors.size() < net::Channel::most_descriptors) {
      lines += sockets[at]->address + "\n";
      descriptors.push_back(sockets[at++]->fd.get());
    }
    if (!channel.send(MessageType::Sockets, lines, descriptors)) return false;
  }
  return channel.send(MessageType::Sockets).has_value();
}

}  // namespace

/// A master that was sent the sockets.  They stay open to clients until it says Taken, or its connection ends.
class Orphan::Peer final : private event::ReadyEvents {
 public:
  Peer(Orphan& owner, Fd fd) : owner_(owner), channel_(std::move(fd)) {
    if (send_all(channel_, owner_.host_.open_sockets()))
      watch_.start(owner_.loop_, channel_.fd(), event::Watch::Edge::LevelRead, *this);
    else
      leave();
  }
  bool is_gone() const { return !channel_.is_open(); }

 private:
  void on_ready(event::Ready) noexcept override {
    auto message = channel_.receive();
    if (message && message->type == MessageType::Taken) {
      close();
      return owner_.taken();
    }
    if (message && message->type == MessageType::Declined) {
      close();
      return owner_.declined();
    }
    if (!message && message.error().code() != Errc::NotFound) leave();
  }

  void close() {
    watch_.stop();
    channel_.close();
  }

  void leave() {
    close();
    owner_.wait_again();
  }

  Orphan& owner_;
  net::Channel channel_;
  event::Watch watch_;
};

Orphan::Orphan(event::Loop& loop, OrphanHost& host, uid_t uid)
    : loop_(loop), host_(host), uid_(uid), listener_(listen_for_masters()), next_(*this) {
  if (listener_.is_open())
    watch_.start(loop, listener_.get(), event::Watch::Edge::LevelRead, *this);
  wait_again();
}

Orphan::~Orphan() = default;

void Orphan::wait_again() {
  patience_ends_us_ = loop_.now() + patience_us;
  leave_in(patience_us);
}

void Orphan::leave_in(std::uint64_t us) {
  leave_at_us_ = loop_.now() + us;
  next_.set(loop_, std::max<std::uint64_t>(leave_at_us_, 1));
}

void Orphan::accept_masters() {
  while (listener_.is_open()) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.is_open()) return;
    if (!is_trusted(fd.get(), uid_)) continue;
    leave_in(start_us);
    peers_.emplace_back(*this, std::move(fd));
  }
}

// Sockets that the master did not take are drained as if nobody had asked for them.
void Orphan::taken() {
  host_.close_taken();
  leave_in(0);
}

// Masters of other instances that start meanwhile do not extend the wait.
void Orphan::declined() {
  if (std::any_of(peers_.begin(), peers_.end(), [](const Peer& peer) { return !peer.is_gone(); }))
    return;
  const std::uint64_t now = loop_.now();
  leave_in(patience_ends_us_ > now ? patience_ends_us_ - now : 0);
}

// A master that has connected by now is still served.  Later ones find no offer, and share the addresses with the sockets
// that are left here.
void Orphan::on_deadline() noexcept {
  peers_.remove_if([](const Peer& peer) { return peer.is_gone(); });
  accept_masters();
  if (loop_.now() < leave_at_us_) return next_.set(loop_, leave_at_us_);
  watch_.stop();
  listener_.reset();
  host_.close_gates();
  if (!host_.open_sockets().empty()) next_.set(loop_, loop_.now() + look_us);
}

}  // namespace weir::process
