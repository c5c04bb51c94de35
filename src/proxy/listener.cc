// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener.h"

#include <weir/log.h>

#include "config/units.h"
#include "net/gate.h"
#include "net/socket.h"
#include "proxy/session.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr int accepts_in_a_row = 32;  // before others get their share
constexpr int accepts_at_least = 4;   // in a turn that is long already
constexpr std::uint64_t welcome_us =
    10'000'000;                              // for who came through a narrow gate to be accepted
constexpr std::uint64_t pause_us = 100'000;  // without descriptors, until we try again

}  // namespace

/// One listening socket and its watch; its events lead back here.
struct Listener::Socket final : private event::ReadyEvents {
  Socket(Listener& owner, int socket, std::string at)
      : listener(owner), fd(socket), address(std::move(at)) {}

  void watch() {
    if (!ready.is_started() && !shut)
      ready.start(listener.context_.net.loop, fd, event::Watch::Edge::LevelRead, *this);
  }
  void on_ready(event::Ready) noexcept override { (void)listener.accept_from(*this); }
  const char* call_name() const noexcept override { return "listener"; }

  Listener& listener;
  int fd;
  Fd owned;             ///< once it was let go of
  std::string address;  ///< as in the configuration
  bool tls = false;     ///< clients speak TLS there
  event::Watch ready;
  std::uint64_t narrowed_at = 0;  ///< since when nobody new is let in; 0 = clients are welcome
  bool shut = false;
};

Listener::Listener(Context& context, std::shared_ptr<const Rules> rules)
    : context_(context), retry_(*this), clients_(context.net.loop) {
  identity_.name = rules->listener().name;
  identity_.number = rules->listener().number;
  adopt(std::move(rules));
}

void Listener::adopt(std::shared_ptr<const Rules> rules) {
  if (rules_ && rules_ != rules) rules_->keep_pinned();
  rules_ = std::move(rules);
  limits_ = rules_->limits();
  timeouts_ = rules_->timeouts();
  for (const auto& socket : sockets_) prepare(*socket);
}

// What the rules say of those who come by it.  Accepted sockets inherit the options of theirs.
void Listener::prepare(Socket& socket) const {
  const auto& keepalive = rules_->listener().limits.tcp_keepalive;
  net::keep_alive(socket.fd, config::microseconds(keepalive.value_or(config::Limit())));
  const auto& binds = rules_->listener().binds;
  socket.tls = std::any_of(binds.begin(), binds.end(), [&](const config::Bind& bind) {
    return bind.tls && bind.at.text == socket.address;
  });
}

Listener::~Listener() = default;

void Listener::accept_on(int fd, const std::string& address) {
  sockets_.push_back(std::make_unique<Socket>(*this, fd, address));
  prepare(*sockets_.back());
  // The worker that watched it before may have died while it closed or opened the gate.
  if (gates_closed_)
    close_gates();
  else
    open_gate(fd);
  if (!paused_) sockets_.back()->watch();
}

std::unique_ptr<Listener::Socket> Listener::take(int fd) {
  auto found = std::find_if(sockets_.begin(), sockets_.end(),
                            [fd](const auto& socket) { return socket->fd == fd; });
  if (found == sockets_.end()) return nullptr;
  std::unique_ptr<Socket> taken = std::move(*found);
  sockets_.erase(found);
  return taken;
}

void Listener::stop_accepting(int fd) { (void)take(fd); }

void Listener::let_go(Fd fd) {
  std::unique_ptr<Socket> socket = take(fd.get());
  if (!socket) return;
  socket->owned = std::move(fd);
  narrow(*socket);
  closing_.push_back(std::move(socket));
}

void Listener::leave_to_others(const std::function<bool(const std::string&)>& is_theirs) {
  std::erase_if(closing_, [&](const auto& socket) { return is_theirs(socket->address); });
}

// Another process has shut it before us: there is nobody in its queue.
bool Listener::note_shut(Socket& socket) {
  socket.ready.stop();
  socket.shut = true;
  return false;
}

// True if there may be more.
bool Listener::accept_from(Socket& socket) {
  for (int i = 0; i < accepts_in_a_row; ++i) {
    if (context_.connections >= most_clients_) return pause_accepting();
    if (i >= accepts_at_least && context_.is_turn_long(context_.net.loop.read_clock())) return true;
    sockaddr_un peer;
    socklen_t size = sizeof(peer);
    int fd = ::accept4(socket.fd, reinterpret_cast<sockaddr*>(&peer), &size,
                       SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      // A Unix client chooses the name of its socket: logs and servers are not to believe it.
      if (peer.sun_family == AF_UNIX) size = sizeof(sa_family_t);
      start_session(fd, net::Address::from(reinterpret_cast<sockaddr*>(&peer), size), socket.tls);
      continue;
    }
    int error = errno;
    if (error == EAGAIN) return false;
    if (error == EINVAL && gates_closed_) return note_shut(socket);
    // The peer gave up meanwhile, or a signal came: the next one may be fine.
    if (error == ECONNABORTED || error == EINTR || error == EPROTO) continue;
    if ((error == EMFILE || error == ENFILE) && context_.shed_idle()) continue;
    log(Level::Warn, "listener ", identity_.name,
        ": cannot accept: ", std::string_view(strerror(error)), "; trying again in 100 ms");
    return pause_accepting();
  }
  return true;
}

void Listener::start_session(int fd, const net::Address& peer, bool tls) {
  if (peer.family() != AF_UNIX) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (gates_closed_ || is_letting_go() || context_.net.loop.now() < welcome_until_)
    net::welcome(fd);
  count_client(+1);
  (new Session(context_, *this, fd, peer, tls))->start();
}

// Level-triggered readiness would spin while there is nothing to accept with.
bool Listener::pause_accepting() {
  paused_ = true;
  for (const auto* some : {&sockets_, &closing_})
    for (const auto& socket : *some) socket->ready.stop();
  retry_.set(context_.net.loop, context_.net.loop.now() + pause_us);
  return false;
}

void Listener::on_deadline() noexcept {
  paused_ = false;
  for (const auto* some : {&sockets_, &closing_})
    for (const auto& socket : *some) socket->watch();
}

void Listener::close_gates() {
  gates_closed_ = true;
  for (const auto& socket : sockets_) narrow(*socket);
}

void Listener::narrow(Socket& socket) {
  if (socket.narrowed_at != 0) return;
  socket.narrowed_at = context_.net.loop.now();
  socket.shut = !net::is_listening(socket.fd);
  if (!socket.shut) net::narrow_gate(socket.fd);
}

void Listener::open_gate(int fd) {
  if (net::open_gate(fd)) welcome_until_ = context_.net.loop.now() + welcome_us;
}

void Listener::open_gates() {
  gates_closed_ = false;
  clients_.welcome();
  for (const auto& socket : sockets_) {
    socket->narrowed_at = 0;
    socket->shut = false;
    open_gate(socket->fd);
    if (!paused_) socket->watch();
  }
}

bool Listener::is_shut() const {
  return gates_closed_ && closing_.empty() &&
         std::all_of(sockets_.begin(), sockets_.end(),
                     [](const auto& socket) { return socket->shut; });
}

// For clients in the accept queue the connection is established, so they are accepted first.
void Listener::go_on_closing(Socket& socket) {
  std::uint64_t now = context_.net.loop.now();
  if (socket.shut || now < socket.narrowed_at + net::on_the_way_us || paused_) return;
  if (accept_from(socket) || paused_ || net::has_waiting(socket.fd)) return;
  socket.ready.stop();
  socket.shut = true;
  // One that was let go of is closed.  Should its address have come back meanwhile, others let clients in by it.
  if (!socket.owned.is_open()) net::shut_gate(socket.fd);
}

shm::ClientsLeft Listener::go_on(bool expels) {
  if (gates_closed_)
    for (const auto& socket : sockets_) go_on_closing(*socket);
  for (const auto& socket : closing_) go_on_closing(*socket);
  std::erase_if(closing_, [](const auto& socket) { return socket->shut; });
  clients_.begin({.closes_idle = draining_, .expels = expels});
  return clients_.left(session_count_);
}

void Listener::count_client(int change) {
  session_count_ += static_cast<std::size_t>(change);
  context_.connections += static_cast<std::uint64_t>(change);
  context_.journal.count_connection(change);
}

}  // namespace weir::proxy
