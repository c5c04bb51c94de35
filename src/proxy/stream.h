// SPDX-License-Identifier: Apache-2.0
//
// Stream: one request and its response, walking the phases
//
//   receive   head complete and legal
//   route     the listener's route table says which Route
//   request   the route's filters
//   choose    the backend picks a Server, or the stream waits for one
//   connect   an Attempt takes a pooled connection or makes one
//   send      head and body go out
//   await     until the response head
//   respond   the filters again, in reverse
//   relay     bodies in both directions, each as fast as the slower side takes it
//   finish    access log, counters; always reached, also after failure
//
// Send to relay overlap: the request's body and the response each keep their own small state, the
// phase names the slower fact.  Whatever fails is looked up in the failure table: try again, answer
// in the server's place, or, if the answer has begun, break the connection.
#pragma once

#include <weir/filter.h>

#include "base/pooled.h"
#include "event/deadline.h"
#include "net/pump.h"
#include "net/send_stall.h"
#include "proxy/attempt.h"
#include "proxy/context.h"
#include "proxy/http_tunnel.h"
#include "proxy/listener.h"
#include "proxy/local_reply.h"
#include "proxy/request_body.h"
#include "proxy/retries.h"
#include "shm/report.h"

#include <memory>
#include <optional>
#include <vector>

namespace weir::proxy {

class ClientSide;

enum class Phase : std::uint8_t {
  Receive,
  Route,
  Request,
  Choose,
  Connect,
  Send,
  Await,
  Respond,
  Relay,
  Finish
};

class Stream final : public Pooled<Stream>,
                     public http::MessageSink,
                     public StreamView,
                     private upstream::Waiter,
                     private event::DeadlineEvents,
                     private TunnelEvents {
 public:
  Stream(Context& context, ClientSide& session, std::uint64_t begun);
  ~Stream() override;

  // From the session: the request.
  Arena& arena() override { return arena_; }
  void on_head(MessageHead& head) override;
  void on_refused_head(const RequestHead& head) override { record_.request = &head; }
  bool wants_body() const override;
  void on_body(std::span<const char> bytes) override;
  void on_end(const Headers& trailers) override;
  /// The server's connection is not shared with others.
  bool can_move_body() const;
  /// A large body follows plainly: moves what can be moved; as ConnectionUser::move_body.
  net::IoResult move_body();
  /// Bytes of the request's body are on their way inside the kernel, and the server does not take them yet.
  bool holds_upload() const { return body_.held() > 0; }
  /// The request cannot be completed, or took too long.
  void fail(http::Failure failure);
  /// The client has gone for good.
  void client_gone();
  /// Room in the client's socket.
  void on_client_sent();
  bool is_request_complete() const {
    return body_.is_complete() && !(tunnel_ && tunnel_->tunnel.awaits_client());
  }
  bool has_unsent() const { return down_.held() > 0; }
  bool is_tunnel() const { return tunnel_ != nullptr; }
  bool is_finished() const { return phase_ == Phase::Finish; }
  /// The client has ended its direction, and all of it was read: there is nobody left to serve.
  bool ends_with_client() const;
  /// For the time limit of sending to the client.
  net::SendStall& client_stall() { return client_stall_; }
  /// Lets go of server and queue; the connection to the client is ending.
  void stop();
  /// Writes the access log; once, when nothing more will happen.
  void log();

  std::string_view phase_name() const;
  /// Writes down what it is doing.
  void describe(shm::SessionRow& row, std::uint64_t now) const;

  // From the attempt: the response.
  void on_attempt_ready();
  void on_attempt_sent();
  void on_attempt_failed(http::Failure failure);
  void on_interim(ResponseHead& head);
  void on_response(ResponseHead& head);
  bool wants_response() const;
  void on_response_body(std::span<const char> bytes);
  void on_response_end(const Headers& trailers);
  bool can_move_response() const;
  net::IoResult move_response();
  /// Either side of a tunnel can move.
  void run_tunnel() { tunnel_ ? tunnel_->tunnel.run() : void(); }
  /// Tunnel::leave.
  void leave_tunnel() { tunnel_ ? tunnel_->tunnel.leave() : void(); }

  // For filters.
  RequestHead& request() override { return request_ ? *request_ : arena_.array<RequestHead>(1)[0]; }
  ResponseHead& response() override { return *response_; }
  std::string_view expand(std::string_view text) override;
  void respond(std::uint16_t status, std::string_view text) override;
  void refuse(Refusal why) override;

  const RequestHead& request_head() const { return *request_; }
  const RoutePolicy& policy() const { return *policy_; }
  Record& record() { return record_; }
  const Record& record() const { return record_; }
  Context& context() { return context_; }
  const Context& context() const { return context_; }
  ClientSide& session() { return session_; }

 private:
  bool is_quarantined() const;
  bool is_misdirected() const;
  void identify();
  bool is_early() const;
  void route();
  http::Failure take_policy();
  http::Failure check_rewritten(std::string_view before);
  void act();
  void forward();
  void choose(upstream::Turn turn);
  upstream::Chosen choose_server(upstream::Turn turn);
  void start_attempt(const upstream::Chosen& chosen);
  bool may_end_call() const;
  void end_call(http::Failure failure);
  void answer(http::Failure failure);
  void answer(ResponseHead& head, std::string_view body);
  bool try_again(http::Failure failure);
  LastAttempt last_attempt() const;
  bool ask_another(std::uint16_t status);
  void count_head_out(std::size_t bytes) { record_.bytes_out += bytes, record_.heads_out += bytes; }
  void run_response_policies(ResponseHead& head);
  void start_response(ResponseHead& head, const Framing& framing, bool keep);
  void take_response_back();
  void add_date(ResponseHead& head);
  void start_tunnel(ResponseHead& head);
  bool is_proven(const ResponseHead& head) const;
  void on_tunnelled(Way way, std::size_t bytes) override;
  void on_tunnel_end(bool whole) override;
  const event::Subject& subject() const override { return session_; }
  void finish(bool keep);
  bool stage_log(std::uint64_t bytes);
  void settle_log(bool whole, std::uint64_t bytes);
  void on_slot() override;
  void on_deadline() noexcept override;

  Context& context_;
  ClientSide& session_;
  Arena arena_;
  Record record_;
  RequestHead* request_ = nullptr;
  ResponseHead* response_ = nullptr;
  net::Address client_;  ///< the peer, or who a trusted peer says it speaks for
  PolicyPin policy_;     ///< kept over a reload
  /// Those of routes it was sent away from: what their filters have set refers to them.
  std::vector<PolicyPin> former_policies_;
  upstream::Backend* backend_ = nullptr;
  upstream::ServerRef server_;  ///< of the last attempt: the record tells of it until the end
  std::optional<Attempt> attempt_;
  LocalReply local_;
  http::Failure refusal_ = http::Failure::None;  ///< by a filter, in place of local_
  event::Deadline deadline_;
  RequestBody body_;
  Retries retries_;
  net::Pump down_;
  net::SendStall client_stall_;
  std::unique_ptr<HttpTunnel> tunnel_;
  Phase phase_ = Phase::Receive;
  bool response_begun_ = false;
  bool response_done_ = false;
  bool keep_ = false;
  bool logged_ = false;
};

}  // namespace weir::proxy
