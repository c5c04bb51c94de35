// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener.h"

#include <weir/log.h>

#include "net/socket.h"
#include "proxy/session.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

namespace weir::proxy {

namespace {

constexpr int accepts_in_a_row = 32;         // before others get their share
constexpr std::uint64_t pause_us = 100'000;  // without descriptors, until we try again

}  // namespace

/// One listening socket and its watch; its events lead back here.
struct Listener::Socket final : private event::ReadyEvents {
  Socket(Listener& owner, int socket) : listener(owner), fd(socket) {}

  void watch() {
    if (!ready.is_started())
      ready.start(listener.context_.net.loop, fd, event::Watch::Edge::LevelRead, *this);
  }
  void on_ready(event::Ready) noexcept override { (void)listener.accept_from(*this); }
  const char* call_name() const noexcept override { return "listener"; }

  Listener& listener;
  int fd;
  event::Watch ready;
};

Listener::Listener(Context& context, std::shared_ptr<const Rules> rules)
    : context_(context), retry_(*this) {
  identity_.name = rules->listener().name;
  identity_.number = rules->listener().number;
  adopt(std::move(rules));
}

void Listener::adopt(std::shared_ptr<const Rules> rules) {
  rules_ = std::move(rules);
  limits_ = rules_->limits();
  timeouts_ = rules_->timeouts();
}

Listener::~Listener() {
  while (Session* session = all_.pop_front()) delete session;
}

void Listener::accept_on(int fd) {
  sockets_.push_back(std::make_unique<Socket>(*this, fd));
  if (!paused_) sockets_.back()->watch();
}

void Listener::stop_accepting(int fd) {
  std::erase_if(sockets_, [fd](const auto& socket) { return socket->fd == fd; });
}

void Listener::accept_last(int fd) {
  net::refuse_new_connections(fd);
  for (const auto& socket : sockets_)
    if (socket->fd == fd)
      while (accept_from(*socket)) continue;
  stop_accepting(fd);
}

// True if there may be more.
bool Listener::accept_from(Socket& socket) {
  for (int i = 0; i < accepts_in_a_row; ++i) {
    if (context_.connections >= most_clients_) return pause_accepting();
    sockaddr_un peer;
    socklen_t size = sizeof(peer);
    int fd = ::accept4(socket.fd, reinterpret_cast<sockaddr*>(&peer), &size,
                       SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      // A Unix client chooses the name of its socket: logs and servers are not to believe it.
      if (peer.sun_family == AF_UNIX) size = sizeof(sa_family_t);
      start_session(fd, net::Address::from(reinterpret_cast<sockaddr*>(&peer), size));
      continue;
    }
    int error = errno;
    if (error == EAGAIN) return false;
    // The peer gave up meanwhile, or a signal came: the next one may be fine.
    if (error == ECONNABORTED || error == EINTR || error == EPROTO) continue;
    if ((error == EMFILE || error == ENFILE) && context_.shed_idle()) continue;
    log(Level::Warn, "listener ", identity_.name,
        ": cannot accept: ", std::string_view(strerror(error)), "; trying again in 100 ms");
    return pause_accepting();
  }
  return true;
}

void Listener::start_session(int fd, const net::Address& peer) {
  if (peer.family() != AF_UNIX) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  (new Session(context_, *this, fd, peer))->start();
}

// Level-triggered readiness would spin while there is nothing to accept with.
bool Listener::pause_accepting() {
  paused_ = true;
  for (const auto& socket : sockets_) socket->ready.stop();
  retry_.set(context_.net.loop, context_.net.loop.now() + pause_us);
  return false;
}

void Listener::on_deadline() noexcept {
  paused_ = false;
  for (const auto& socket : sockets_) socket->watch();
}

bool Listener::drain() {
  List<Session> sessions;
  sessions.splice_back(all_);
  while (Session* session = sessions.pop_front()) {
    all_.push_back(*session);
    session->drain();
  }
  return session_count_ == 0;
}

std::uint32_t Listener::describe(shm::Report& report, std::uint32_t at) {
  all_.for_each([&](Session& session) {
    if (shm::SessionRow* row = report.place(at)) {
      session.describe(*row);
      row->listener = identity_.number;
    }
    ++at;
  });
  return at;
}

}  // namespace weir::proxy
