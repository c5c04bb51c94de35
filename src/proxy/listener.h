// SPDX-License-Identifier: Apache-2.0
//
// Listener: what this worker does with clients of one `listener` of the configuration: it accepts on
// the socket slots assigned to it and starts Sessions.  It lives on over reloads, with its clients; what
// changes is its Rules.
#pragma once

#include "base/fd.h"
#include "event/deadline.h"
#include "event/watch.h"
#include "http/h1_parser.h"
#include "proxy/clients.h"
#include "proxy/context.h"
#include "proxy/rules.h"
#include "shm/drain.h"
#include "shm/report.h"

#include <functional>
#include <memory>
#include <vector>

namespace weir::proxy {

class Listener final : private event::DeadlineEvents {
 public:
  Listener(Context& context, std::shared_ptr<const Rules> rules);
  ~Listener();

  /// Other rules from now on, for new requests of all its clients.
  void adopt(std::shared_ptr<const Rules> rules);
  const Rules& rules() const { return *rules_; }

  /// Its name and number, which never change.
  const config::ListenerTerms& identity() const { return identity_; }
  // Copies, since sessions refer to them over reloads.
  const http::HeadLimits& limits() const { return limits_; }
  const ClientTimeouts& timeouts() const { return timeouts_; }

  /// Starts to accept on a listening socket (not owned), which is bound to this address.
  void accept_on(int fd, const std::string& address);
  /// Stops accepting on it: another worker or listener goes on.
  void stop_accepting(int fd);
  /// Nobody listens on its address any more: closes the socket, which may be shared with other processes, by
  /// its gate.  To be gone on with by `go_on`.
  void let_go(Fd fd);
  /// Addresses have come back: closes its own descriptors of their sockets, and nothing else.
  void leave_to_others(const std::function<bool(const std::string&)>& is_theirs);
  /// A socket that was let go of is still on the way.
  bool is_letting_go() const { return !closing_.empty(); }
  /// This worker's clients, over all listeners, are to be no more than so many.
  void limit_clients(std::uint64_t most) { most_clients_ = most; }

  /// It is of no configuration any more: its clients are served, but not for another request.
  void leave() { draining_ = true; }

  // Leaving the pool.

  /// From now on an answer is the last of its connection; false takes that back.
  void set_draining(bool draining) { draining_ = draining; }
  bool is_draining() const { return draining_; }
  /// Lets no new clients in: nobody new at once, nobody at all once those on the way have come.
  void close_gates();
  /// Lets clients in again.
  void open_gates();
  /// No client can come any more, by any socket.
  bool is_shut() const;
  /// Goes on with closing gates and letting sockets go and, while it drains, closes clients that have been idle for a while.
  /// `expels`: ends all clients, politely first and at once some time later.  To be called again and again, since each loop
  /// iteration has time for some clients only; returns how many are left, see Clients::left.
  shm::ClientsLeft go_on(bool expels = false);
  /// Connections or descriptors have run out: this worker accepts nobody at this moment.
  bool is_full() const { return paused_ || context_.connections >= most_clients_; }

  /// From a client's connection: it is open, it has ended.
  void enter(ClientConnection& client) { clients_.enter(client); }
  void count_client(int change);

  /// Writes down what its clients are doing, from row `at` on; returns the row behind the last.
  std::uint32_t describe(shm::Report& report, std::uint32_t at) {
    return clients_.describe(report, at);
  }
  std::size_t sessions() const { return session_count_; }

 private:
  struct Socket;

  bool accept_from(Socket& socket);
  static bool note_shut(Socket& socket);
  void start_session(int fd, const net::Address& peer, bool tls);
  void prepare(Socket& socket) const;
  bool pause_accepting();
  std::unique_ptr<Socket> take(int fd);
  void narrow(Socket& socket);
  void go_on_closing(Socket& socket);
  void open_gate(int fd);
  void on_deadline() noexcept override;

  Context& context_;
  config::ListenerTerms identity_;
  std::shared_ptr<const Rules> rules_;
  http::HeadLimits limits_;
  ClientTimeouts timeouts_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::vector<std::unique_ptr<Socket>> closing_;  ///< of addresses that are gone
  std::size_t session_count_ = 0;
  std::uint64_t most_clients_ = 0;
  event::Deadline retry_;
  bool paused_ = false;
  bool draining_ = false;
  bool gates_closed_ = false;
  std::uint64_t welcome_until_ = 0;  ///< clients may have come through a narrow gate
  Clients clients_;                  ///< destroyed first, since they refer to the rest
};

}  // namespace weir::proxy
