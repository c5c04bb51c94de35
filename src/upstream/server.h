// SPDX-License-Identifier: Apache-2.0
//
// Server: one origin as this worker sees it: what control says of it (its row in shared memory), its
// share of the in-flight counts that all workers keep together, what requests show about it, and this
// worker's idle connections to it (newest first, because the newest is the least likely to be closed
// by the other side at this moment).
//
// A server that is removed lives on while a stream refers to it.
#pragma once

#include "base/list.h"
#include "config/config.h"
#include "net/address.h"
#include "net/feed.h"
#include "shm/balancing.h"
#include "shm/in_flight.h"
#include "shm/notices.h"
#include "shm/outliers.h"
#include "shm/queues.h"
#include "shm/server_table.h"
#include "shm/shared_connections.h"
#include "tls/client_context.h"
#include "upstream/addresses.h"
#include "upstream/answer_limits.h"
#include "upstream/connection.h"
#include "upstream/h2_connection.h"
#include "upstream/pipeline.h"
#include "upstream/standing.h"

#include <cstdint>
#include <memory>
#include <utility>

namespace weir::upstream {

/// Takes what a worker has to tell control.
class NoticeSink {
 public:
  virtual void notice(const shm::Notice& notice) = 0;

 protected:
  ~NoticeSink() = default;
};

/// What the servers of a worker share with other processes.
struct Sharing {
  shm::InFlight& in_flight;
  shm::SharedConnections& shared_connections;
  shm::Outliers& outliers;
  shm::Queues& queues;
  shm::Balancing& balancing;
  NoticeSink& notices;
  std::uint32_t worker = 0;
  std::uint32_t incarnation = 0;  ///< of the worker
  std::uint32_t workers = 1;
  const shm::ServerTable* servers = nullptr;  ///< where the names of servers are
};

class Server final : public event::Reaped {
 public:
  /// `backend`, `tls` (null = in the clear) and `limits` are the backend's own, and change with it.
  Server(const net::Context& context, const Sharing& sharing, const config::Backend& backend,
         const std::shared_ptr<const tls::ClientContext>& tls, const AnswerLimits& limits,
         std::uint32_t slot, const shm::ServerRow& row);
  ~Server() override;

  const config::Backend& backend() const { return backend_; }
  const std::shared_ptr<const tls::ClientContext>& tls() const { return tls_; }
  /// Of the heads of its answers; a reload changes them in place.
  const http::HeadLimits& answer_limits() const { return limits_.head; }
  /// Its name and limits, for logs and variables.
  const config::Server& config() const { return config_; }
  /// Its number in shared memory.
  std::uint32_t slot() const { return slot_; }
  /// What it is called, as a number; see ServerSet::identity.
  std::uint64_t stable_id() const { return stable_id_; }
  /// Its position among those that its backend's balancer sees.
  std::uint32_t seat() const { return seat_; }
  void sit(std::uint32_t seat) { seat_ = seat; }
  shm::Use use() const { return use_; }
  std::uint32_t weight() const { return weight_; }
  bool is_backup() const { return is_backup_; }
  bool is_forced_out() const { return is_forced_out_; }
  const Addresses& addresses() const { return addresses_; }
  /// Everything that decides whether requests may come here.
  Standing standing() const {
    return {
        use_, weight_, is_backup_, is_forced_out_, !addresses_.empty(), config_.max_in_flight > 0};
  }
  /// As net::keep_alive.
  std::uint64_t tcp_keepalive() const;

  /// Takes over what control says now; idle connections that are of no more use are closed.
  void apply(const shm::ServerRow& row);
  /// The backend's `keepalive` or the number of workers has changed: not more idle connections than now.
  void limit_idle();
  /// The backend's TLS or protocol is another one: what was opened or agreed on with the former one is of no
  /// more use.
  void forget_terms();
  /// It is no server any more: it ends once nobody refers to it.
  void retire();

  /// Under its limit.
  bool can_take() const {
    return config_.max_in_flight == 0 || in_flight() < config_.max_in_flight;
  }
  std::uint32_t in_flight() const { return sharing_.in_flight.load(slot_); }

  /// As ServerSet has it.
  std::uint32_t latency_us() const { return sharing_.balancing.latency(slot_); }
  void note_latency(std::uint64_t us) { sharing_.balancing.note_latency(slot_, us); }

  /// Counts one more request; false if that would exceed max_in_flight over all workers.
  bool take_slot();
  /// One request less.  Returns the set of other workers that wait for a slot here, as a bit mask.
  std::uint64_t give_slot() { return sharing_.in_flight.release(slot_); }
  /// This worker has (or no longer has) requests waiting for a slot of this server.
  void want_slot(bool wanted);
  /// Tries to become the one request of a half-open server.
  bool claim();
  /// That request came to no verdict.
  void unclaim() { sharing_.outliers.unclaim(slot_); }

  // What requests show.  `probe`: it was the one request of a half-open server.

  void note_connect(bool connected, bool probe);
  /// The head of an answer has come; false if its status counts against the server.
  bool note_head(const ResponseHead& head, bool probe);
  /// A good answer has come whole.
  void note_whole();
  /// An answer did not come, or not whole.
  void note_failure(bool probe);
  /// An answer was refused: if for a limit of this backend, the log names it.
  void note_refusal(http::Failure failure);

  // `tunnel`: the request wants to switch protocols.

  /// An idle connection, or a place on one that others use too; null if there is none.  `shareable`: the request, if
  /// nothing speaks against its having a place in a Pipeline but what it says itself; else null.
  ServerSide* take_ready(bool tunnel, const RequestHead* shareable = nullptr);
  /// Begins a new connection, to be leased at once.  Null if it failed at once; `error` is the errno.
  ServerSide* connect(int& error, bool tunnel);
  /// Closes idle connections, at most so many; returns how many.
  std::size_t shed_idle(std::size_t most);

 private:
  friend class Connection;
  friend class ServerRef;
  friend class H2Connection;
  friend class Pipeline;
  void give_idle(Connection& connection);
  /// Connects to the next address that takes it; an errno if none does at once.
  int dial(net::TcpTransport& tcp, Dial& dial);
  /// The address in `dial` failed; true if there is another one to be tried.
  bool may_dial_on(const Dial& dial, http::Failure failure);
  void note_address_failed(const Dial& dial, std::string_view why);
  void take_row(const shm::ServerRow& row);
  bool speaks_h2(bool tunnel) const;
  H2Call* take_h2();
  /// The connection has agreed to speak HTTP/2: a call on it, or on another one if that is not needed.
  H2Call* begin_h2(net::TcpTransport& tcp, std::unique_ptr<tls::Transport> tls, const Dial& dial);
  /// It has shown that it prefers HTTP/1.1; with `protocol auto` that is what it gets.
  void note_http1() { h2_.chosen = false; }
  /// One that nobody uses may stay.
  bool keeps_idle(const H2Connection& connection);
  tls::ServerIdentity& identity();
  std::string identity_name() const;
  void note_tls_failure(const tls::Transport& transport);
  bool may_complain();
  void close_idle();
  void leave_addresses();
  Pipeline& pipeline();
  void tell(shm::NoticeKind kind, std::uint32_t detail);
  void reap_if_unused();

  const net::Context& context_;
  const Sharing& sharing_;
  const config::Backend& backend_;
  const std::shared_ptr<const tls::ClientContext>& tls_;
  const AnswerLimits& limits_;
  tls::ServerIdentity identity_;  ///< for TLS; its name is empty until it is needed
  std::uint64_t complained_at_ = 0;
  config::Server config_;
  Addresses addresses_;
  // Of its row:
  std::uint32_t incarnation_ = 0, weight_ = 1;
  shm::Use use_ = shm::Use::Free;
  bool is_backup_ = false, is_forced_out_ = false;
  std::uint64_t stable_id_;
  std::uint32_t slot_, seat_ = 0;
  std::uint32_t idle_most_ = 0;  ///< this worker's share of the backend's `keepalive`
  std::uint32_t idle_count_ = 0;
  std::uint32_t references_ = 0;
  bool retired_ = false;
  List<Connection> idle_;
  List<Connection> busy_;
  struct {
    List<H2Connection>
        connections;  ///< the one with the most room is not the first: few are to be busy
    std::uint32_t streams = UINT32_MAX;  ///< it allows on one of them, as the last one has shown
    bool chosen = false;                 ///< with `protocol auto`: it did when it was last asked
  } h2_;
  std::unique_ptr<Pipeline> pipeline_;  ///< if there was a use for it
};

/// Keeps a server alive.
class ServerRef {
 public:
  ServerRef() = default;
  explicit ServerRef(Server* server) : server_(server) {
    if (server_) ++server_->references_;
  }
  ServerRef(ServerRef&& other) noexcept : server_(std::exchange(other.server_, nullptr)) {}
  ServerRef& operator=(ServerRef&& other) noexcept {
    std::swap(server_, other.server_);
    return *this;
  }
  ~ServerRef() {
    if (!server_) return;
    --server_->references_;
    server_->reap_if_unused();
  }
  Server* get() const { return server_; }

 private:
  Server* server_ = nullptr;
};

}  // namespace weir::upstream
