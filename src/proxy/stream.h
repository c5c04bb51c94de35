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
#include "http/websocket_frames.h"
#include "net/pump.h"
#include "net/send_stall.h"
#include "proxy/attempt.h"
#include "proxy/context.h"
#include "proxy/listener.h"
#include "proxy/local_reply.h"
#include "shm/report.h"

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
                     private event::TaskEvents {
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
  bool holds_upload() const { return up_.held() > 0; }
  /// The request cannot be completed, or took too long.
  void fail(http::Failure failure);
  /// The client has gone for good.
  void client_gone();
  /// Room in the client's socket.
  void on_client_sent();
  bool is_request_complete() const { return request_done_; }
  bool has_unsent() const { return down_.held() > 0; }
  bool is_tunnel() const { return tunnel_; }
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
  void run_tunnel();
  /// Ends a tunnel once what was read from one side has left to the other; of WebSocket, both sides are told
  /// so between two frames.  Takes a few seconds at most.
  void end_tunnel();
  bool is_leaving_tunnel() const { return leaving_; }

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
  /// The two directions of a tunnel: to the server, to the client.
  enum class Way : std::uint8_t { Up, Down };
  struct Frames {
    http::WebsocketFrames up, down;
  };

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
  bool may_resend() const;
  bool ask_another(std::uint16_t status);
  bool may_replay() const;
  void count_head_out(std::size_t bytes) { record_.bytes_out += bytes, record_.heads_out += bytes; }
  void run_response_policies(ResponseHead& head);
  void start_response(ResponseHead& head, const Framing& framing, bool keep);
  void take_response_back();
  void add_date(ResponseHead& head);
  void start_tunnel(ResponseHead& head);
  void start_framed_tunnel(ResponseHead& head);
  void send_tunnelled(std::span<const char> bytes);
  void take_tunnelled(std::span<const char> bytes);
  void give_tunnelled(std::span<const char> bytes);
  void tell_client(std::span<const char> bytes);
  bool move_up(const net::Wire& client);
  void move_down(const net::Wire& server);
  void run_framed_tunnel();
  void say_framed_farewells();
  void count_tunnelled(Way way, std::size_t bytes) {
    (way == Way::Up ? record_.content_in : record_.bytes_out) += bytes;
  }
  bool move_direction(Way way, net::Transport& from, net::Transport& to, Inbox& early);
  void follow_frames(std::string_view protocol);
  http::WebsocketFrames* frames_of(Way way) const {
    return !frames_ ? nullptr : way == Way::Up ? &frames_->up : &frames_->down;
  }
  std::size_t pass_frames(Way way, std::span<const char> bytes);
  net::IoResult relay(Way way, net::Transport& from, net::Transport& to);
  bool is_farewell_due(Way way) const;
  std::span<const char> farewell(Way way, std::span<char, http::websocket_close_size> room);
  bool has_server_ended();
  void finish(bool keep);
  bool stage_log(std::uint64_t bytes);
  void settle_log(bool whole, std::uint64_t bytes);
  void on_slot() override;
  void on_deadline() noexcept override;
  void on_task() noexcept override;

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
  std::vector<upstream::Server*> tried_;
  LocalReply local_;
  http::Failure refusal_ = http::Failure::None;  ///< by a filter, in place of local_
  event::Deadline deadline_;
  event::Task tunnel_start_;
  Buffer replay_;  ///< body bytes already sent, while they may have to be sent again
  net::Pump up_, down_;
  net::SendStall client_stall_;
  Frames* frames_ = nullptr;  ///< of a WebSocket tunnel, in the arena
  std::uint64_t body_seen_ = 0;
  Phase phase_ = Phase::Receive;
  Headers trailers_;  ///< of the request, for another attempt
  bool request_done_ = false;
  bool response_begun_ = false;
  bool response_done_ = false;
  bool discarding_ = false;    ///< the rest of the request's body is of no interest
  bool is_kept_ = true;        ///< all of the body that was sent lies in replay_
  std::uint8_t refusals_ = 0;  ///< by servers that have not looked at it
  bool keep_ = false;
  bool tunnel_ = false, up_ended_ = false, down_ended_ = false;
  bool leaving_ = false;          ///< the tunnel is to end
  bool server_was_told_ = false;  ///< by a Close frame
  bool server_ended_ = false;     ///< its stream of HTTP/2
  bool logged_ = false;
};

}  // namespace weir::proxy
