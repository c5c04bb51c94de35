// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener.h"

#include <weir/log.h>

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
  void on_ready(event::Ready) noexcept override { listener.accept_from(*this); }
  const char* call_name() const noexcept override { return "listener"; }

  Listener& listener;
  int fd;
  event::Watch ready;
};

Listener::Listener(Context& context, const config::Listener& config, RouteTable routes)
    : context_(context),
      config_(config),
      routes_(std::move(routes)),
      limits_{config.max_line, config.max_header, config.max_fields},
      timeouts_(client_timeouts(config)),
      retry_(*this) {}

Listener::~Listener() {
  while (Session* session = all_.pop_front()) delete session;
}

Result<std::unique_ptr<Listener>> Listener::build(Context& context,
                                                  const config::Listener& config) {
  auto routes = RouteTable::build(config);
  if (!routes) return routes.error();
  std::unique_ptr<Listener> listener(new Listener(context, config, std::move(*routes)));
  for (const config::Route& route : config.routes) {
    auto policy = RoutePolicy::build(context.config, config, route);
    if (!policy) return policy.error();
    listener->policies_.push_back(std::move(*policy));
  }
  return listener;
}

void Listener::accept_on(int fd, std::uint64_t most_clients) {
  most_clients_ = most_clients;
  sockets_.push_back(std::make_unique<Socket>(*this, fd));
  if (!paused_) sockets_.back()->watch();
}

void Listener::stop_accepting(int fd) {
  std::erase_if(sockets_, [fd](const auto& socket) { return socket->fd == fd; });
}

void Listener::accept_from(Socket& socket) {
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
    if (error == EAGAIN) return;
    // The peer gave up meanwhile, or a signal came: the next one may be fine.
    if (error == ECONNABORTED || error == EINTR || error == EPROTO) continue;
    if ((error == EMFILE || error == ENFILE) && context_.shed_idle()) continue;
    log(Level::Warn, "listener ", config_.name,
        ": cannot accept: ", std::string_view(strerror(error)), "; trying again in 100 ms");
    return pause_accepting();
  }
}

void Listener::start_session(int fd, const net::Address& peer) {
  if (peer.family() != AF_UNIX) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  (new Session(context_, *this, fd, peer))->start();
}

// Level-triggered readiness would spin while there is nothing to accept with.
void Listener::pause_accepting() {
  paused_ = true;
  for (const auto& socket : sockets_) socket->ready.stop();
  retry_.set(context_.net.loop, context_.net.loop.now() + pause_us);
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
      row->listener = config_.number;
    }
    ++at;
  });
  return at;
}

}  // namespace weir::proxy
