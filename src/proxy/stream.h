// SPDX-License-Identifier: Apache-2.0
//
// Stream: one request and its answer, walking the phases
//
//   receive   head complete and legal
//   route     the listener's route table says which Route
//   request   the route's filters, which may wait, and may want the whole body first
//   choose    the backend picks a Server, or the stream waits for one
//   connect   an Attempt takes a pooled connection or makes one
//   send      head and body go out
//   await     until the response head
//   respond   the filters again, in reverse; the head waits for those that wait
//   relay     bodies in both directions, each as fast as the slower side takes it
//   finish    access log, counters; always reached, also after failure
//
// Send to relay overlap: the request's body (RequestBody) and the answer each keep their own small state, the phase names
// the slower fact.  Whatever fails is looked up in the failure table: try again, answer in the server's place, or, if
// the answer has begun, break the connection.
#pragma once

#include "base/pooled.h"
#include "event/deadline.h"
#include "net/pump.h"
#include "net/send_stall.h"
#include "proxy/attempt.h"
#include "proxy/context.h"
#include "proxy/filter_run.h"
#include "proxy/http_tunnel.h"
#include "proxy/listener.h"
#include "proxy/local_reply.h"
#include "proxy/producer.h"
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
                     private AttemptUser,
                     private FilterHost,
                     private ProducerUser,
                     private TunnelEvents,
                     private upstream::Waiter,
                     private event::DeadlineEvents {
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
  /// The server's connection is not shared with others, and nobody else wants to see the body.
  bool can_move_body() const;
  /// A large body follows plainly: moves what can be moved; as ConnectionUser::move_body.
  net::IoResult move_body();
  /// Bytes of the request's body are on their way inside the kernel, and the server does not take them yet.
  bool holds_upload() const override { return body_.held() > 0; }
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

  /// Either side of a tunnel can move.
  void run_tunnel() override { tunnel_ ? tunnel_->tunnel.run() : void(); }
  /// Tunnel::leave.
  void leave_tunnel() { tunnel_ ? tunnel_->tunnel.leave() : void(); }

  const RoutePolicy& policy() const { return *policy_; }
  Record& record() override { return record_; }
  const Record& record() const { return record_; }

 private:
  // From the attempt: the answer.
  const RequestHead& request_head() const override { return *request_; }
  const upstream::ServerTimeouts& server_timeouts() const override { return policy_->server; }
  const event::Subject& subject() const override;
  Context& context() override { return context_; }
  void on_attempt_ready() override;
  void on_attempt_sent() override;
  void on_attempt_failed(http::Failure failure) override;
  void on_interim(ResponseHead& head) override;
  void on_response(ResponseHead& head) override;
  bool wants_response() const override;
  void on_response_body(std::span<const char> bytes) override;
  void on_response_end(const Headers& trailers) override;
  bool can_move_response() const override;
  net::IoResult move_response() override;

  // From the filters.
  RequestHead& filtered_request() override;
  ResponseHead& filtered_response() override { return *response_; }
  bool holds_slot_of(std::uint32_t backend) const override;
  std::uint64_t filter_timeout() const override { return policy_ ? policy_->filter : 0; }
  bool can_respond() const override { return !response_begun_; }
  void replace_answer() override;
  void on_request_pass(Pass pass) override;
  void on_response_pass(Pass pass) override;
  void on_filter_timeout() override { fail(http::Failure::FilterTimeout); }
  bool has_room(Direction direction) const override;
  void pass(Direction direction, std::span<const char> bytes) override;
  void pass_end(Direction direction, Headers& trailers) override;
  void flush() override { context_.net.outbox.flush(); }
  void on_collected(Direction direction) override;
  void on_released(Direction direction) override;
  void on_decided(Direction direction, Pass pass) override;
  void on_too_long(Direction direction) override;

  bool is_quarantined() const;
  bool is_misdirected() const;
  void identify();
  bool is_early() const;
  void route();
  void reroute();
  http::Failure take_policy();
  http::Failure check_rewritten();
  void enter_filters();
  BodyPipe* pipe(Direction direction) const {
    return filters_ ? filters_->pipe(direction) : nullptr;
  }
  void begin_request_body();
  void answer_expect();
  void act();
  void forward();
  void choose(upstream::Turn turn);
  upstream::Chosen choose_server(upstream::Turn turn);
  upstream::Asker asker();
  void start_attempt(const upstream::Chosen& chosen);
  void end_request_body(Headers&& trailers);
  bool may_end_call() const;
  void end_call(http::Failure failure);
  void answer(http::Failure failure);
  void answer(const LocalReply& reply);
  void give(const FilterReply& reply);
  void replace_with(const FilterReply& reply);
  void take_local(const LocalReply& reply);
  bool try_again(http::Failure failure);
  LastAttempt last_attempt() const;
  bool ask_another(std::uint16_t status);
  void count_head_out(std::size_t bytes) { record_.bytes_out += bytes, record_.heads_out += bytes; }
  bool is_switch(const ResponseHead& head) const;
  void begin_answer(ResponseHead& head);
  void take_head(ResponseHead& head);
  bool has_body() const;
  void write_answer();
  Framing framing_of_answer(bool& keep) const;
  bool may_keep_local() const;
  void feed_local();
  void start_response(const Framing& framing, bool keep);
  void finish_response(const Headers& trailers);
  void take_response_back();
  void add_date(ResponseHead& head);
  bool wants_produced() const override { return wants_response(); }
  void on_produced(std::span<const char> bytes) override;
  void on_produced_end() override;
  void start_tunnel(ResponseHead& head);
  bool is_proven(const ResponseHead& head) const;
  void on_tunnelled(Way way, std::size_t bytes) override;
  void on_tunnel_end(bool whole) override;
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
  std::unique_ptr<FilterRun> filters_;  ///< null if its route has none
  std::string_view entered_path_;       ///< forward_path before the filters
  upstream::Backend* backend_ = nullptr;
  upstream::ServerRef server_;  ///< of the last attempt: the record tells of it until the end
  std::optional<Attempt> attempt_;
  LocalReply local_;  ///< an answer of weir's own
  std::unique_ptr<Producer> producer_;
  event::Deadline deadline_;
  RequestBody body_;
  Retries retries_;
  net::Pump down_;
  net::SendStall client_stall_;
  std::unique_ptr<HttpTunnel> tunnel_;
  Headers trailers_;  ///< of an answer that has ended before its head could leave
  Phase phase_ = Phase::Receive;
  std::uint8_t reroutes_ = 0;
  bool response_begun_ = false;  ///< its head has been written
  bool response_ended_ = false;  ///< all of it has come from the server
  bool response_done_ = false;   ///< all of it has been written
  bool is_local_ = false;
  bool is_fed_ = false;  ///< the body of `local_` is on its way
  bool keep_ = false;
  bool logged_ = false;
};

}  // namespace weir::proxy
