// SPDX-License-Identifier: Apache-2.0
//
// Stream: one request and its answer, walking the phases of proxy/stream_phase.  It decides what comes next; the work is
// done by its parts:
//
//   Routing      which route, and whether the request may take it
//   FilterRun    the route's filters, on the way of the request and, in reverse, of the answer
//   Dispatch     the server that is chosen or waited for, the attempt at it, and another one
//   RequestBody  the body of the request, from the client to the server
//   Answer       head and body of the answer, from a server or weir itself to the client
//   HttpTunnel   what an upgrade or CONNECT has become
//   RequestLog   the line in the access log and the counters, also after failure
//
// Bodies overlap with phases: request and answer each keep their own small state, the phase names the slower fact.
// Whatever fails is looked up in the failure table: try again, answer in the server's place, or, if the answer has begun,
// break the connection.
#pragma once

#include "base/pooled.h"
#include "net/send_stall.h"
#include "proxy/answer.h"
#include "proxy/dispatch.h"
#include "proxy/http_tunnel.h"
#include "proxy/request_body.h"
#include "proxy/request_log.h"
#include "proxy/routing.h"
#include "proxy/stream_phase.h"
#include "proxy/stream_state.h"
#include "shm/report.h"

#include <memory>

namespace weir::proxy {

class ClientSide;

class Stream final : public Pooled<Stream>,
                     public http::MessageSink,
                     private AttemptUser,
                     private DispatchUser,
                     private RequestBodyUser,
                     private AnswerUser,
                     private FilterHost,
                     private TunnelEvents {
 public:
  Stream(Context& context, ClientSide& client, std::uint64_t begun);
  ~Stream() override;

  // From the client's side: the request.
  Arena& arena() override { return state_.arena; }
  void on_head(MessageHead& head) override;
  void on_refused_head(RequestHead& head) override;
  bool wants_body() const override;
  void on_body(std::span<const char> bytes) override;
  void on_end(const Headers& trailers) override;
  const RequestBody& request_body() const { return body_; }
  /// A large body follows plainly: moves what can be moved; as ConnectionUser::move_body.
  net::IoResult move_body() { return body_.move(); }
  /// The request cannot be completed, or took too long, or its client has gone for good.  None: it is to end at once.
  void fail(http::Failure failure);
  /// Room in the client's socket.
  void on_client_sent();
  bool is_request_complete() const;
  bool has_unsent() const { return answer_.held() > 0; }
  /// The client has ended its direction, and all of it was read: there is nobody left to serve.
  bool ends_with_client() const;
  /// For the time limit of sending to the client.
  net::SendStall& client_stall() { return answer_.stall(); }
  /// Lets go of server and queue; the connection to the client is ending.
  void stop();
  /// Writes the access log; once, when nothing more will happen.
  void log() { log_.write(); }

  std::string_view phase_name() const;
  /// Writes down what it is doing.
  void describe(shm::SessionRow& row, std::uint64_t now) const;

  /// What it has become; null if it is a request and its answer.
  Tunnel* tunnel() const { return tunnel_ ? &tunnel_->tunnel : nullptr; }

  const RoutePolicy& policy() const { return *state_.policy; }
  Record& record() { return state_.record; }
  const Record& record() const { return state_.record; }

 private:
  // From the attempt.
  void on_attempt_ready() override;
  void on_attempt_sent() override;
  void on_attempt_failed(http::Failure failure) override;
  void on_interim(ResponseHead& head) override { answer_.write_interim(head); }
  void on_response(ResponseHead& head) override;
  bool may_move_answer() const override { return answer_.can_move_answer(); }
  bool holds_upload() const override { return body_.held() > 0; }
  void on_raw_readable() override;
  StreamView& view() override;
  bool can_replay() const override { return body_.is_kept() && !answer_.has_begun(); }
  bool may_fall_back(std::size_t backend) override;
  void enter(Phase next) override;
  void on_dispatched(const Dispatched& where) override;
  void on_request_sent() override;
  void on_answered() override;
  void on_client_lost() override { fail(http::Failure::ClientGone); }

  // From the filters.
  bool holds_slot_of(std::uint32_t backend) const override;
  bool can_respond() const override { return !answer_.has_begun(); }
  void replace_answer() override;
  void on_request_pass(Pass pass) override;
  void on_response_pass(Pass pass) override;
  void on_filter_timeout() override { fail(http::Failure::FilterTimeout); }
  void on_collected(Direction direction) override;
  void on_released(Direction direction) override;
  void on_decided(Direction direction, Pass pass) override;
  void on_refused(Direction direction, http::Failure why) override;

  // From the tunnel.
  const event::Subject& subject() const override;
  void on_tunnelled(Way way, std::size_t bytes) override;
  void on_tunnel_end(bool whole) override;

  FilterRun& filters();
  void route();
  void pass_request();
  void begin_request_body();
  void act();
  void forward();
  void answer(http::Failure failure);
  void answer(const LocalReply& reply, BodySource* source = nullptr);
  void pass_answer();
  void write_answer();
  bool is_switch(const ResponseHead& head) const;
  bool is_proven(const ResponseHead& head) const;
  void start_tunnel();
  void finish(bool keep);
  void abort();

  StreamState state_;
  RequestLog log_;
  Routing routing_;
  Dispatch dispatch_;
  RequestBody body_;
  Answer answer_;
  std::unique_ptr<HttpTunnel> tunnel_;
  Phase phase_ = Phase::Receive;
};

}  // namespace weir::proxy
