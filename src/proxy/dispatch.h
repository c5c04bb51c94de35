// SPDX-License-Identifier: Apache-2.0
//
// Dispatch: takes a request to a server: chooses one, or waits until one is free, makes the attempt there, and another one
// where that is allowed.  When a backend has no server left, its fallback takes over: at once, or, if other filters hold
// there, when those have had their say.
#pragma once

#include "event/deadline.h"
#include "proxy/attempt.h"
#include "proxy/retries.h"
#include "proxy/stream_phase.h"

#include <cstddef>
#include <optional>

namespace weir::proxy {

struct StreamState;

/// How far a request has come on its way to a server.
struct Dispatched {
  enum class To : std::uint8_t {
    Queue,       ///< it waits for a server
    Connection,  ///< one is being made: on_attempt_ready or on_attempt_failed will tell
    Server,      ///< it may be written
    Fallback,    ///< `fall_back` and, when its filters have passed the request, `go_on`
    Nobody       ///< `failure` says why
  } to;
  http::Failure failure = http::Failure::None;
};

class DispatchUser {
 public:
  /// The request as policies that look at it see it.
  virtual StreamView& view() = 0;
  /// All that was sent can be sent again, and the client has got nothing.
  virtual bool can_replay() const = 0;
  /// The filters of that backend of the chain can take over as things stand now.
  virtual bool may_fall_back(std::size_t backend) = 0;
  /// It is in this phase now: Choose or Connect.
  virtual void enter(Phase next) = 0;
  /// It had waited, and goes on.
  virtual void on_dispatched(const Dispatched& where) = 0;

 protected:
  ~DispatchUser() = default;
};

class Dispatch final : private upstream::Waiter, private event::DeadlineEvents {
 public:
  /// All outlive it.
  Dispatch(StreamState& state, DispatchUser& user, AttemptUser& attempts);

  /// To the backend that the route names.
  Dispatched begin();
  /// After To::Fallback: it is with the next backend of the chain now.
  void fall_back();
  /// And looks for a server there.
  Dispatched go_on();
  /// Where in the chain of its route's backends it is.
  std::size_t place() const { return place_; }
  /// The last attempt has failed: another one; nothing if none is allowed.
  std::optional<Dispatched> try_again(http::Failure failure);
  /// The last attempt was answered with a status: another server; nothing if that answer counts, also because there is
  /// none.
  std::optional<Dispatched> ask_another(std::uint16_t status);

  /// The connection to the server, when the request may be written to it; null else.
  upstream::ServerSide* server() const {
    return attempt_ && attempt_->is_ready() ? attempt_->connection() : nullptr;
  }
  /// What follows to the head of the answer goes to.
  void give_answer_to(AnswerSink& sink) { attempt_->give_to(sink); }
  /// Its backend; null if it has not begun.
  const upstream::Backend* backend() const { return backend_; }
  /// Why there is no server for it.
  http::Failure last_failure() const;
  /// It has a place at a server of that backend.
  bool holds_slot_of(std::uint32_t backend) const;

  /// The exchange with the server is over.  `reusable`: both messages are complete.
  void end(bool reusable);
  /// Gives up the attempt, and the answer that it may have got.
  void drop() { attempt_.reset(); }
  /// The same, and waits no more.
  void stop();

 private:
  void go_to(std::size_t place);
  bool is_last() const;
  bool can_fall_back_to_server();
  Dispatched choose(upstream::Turn turn);
  upstream::Chosen choose_server(upstream::Turn turn);
  http::Failure start(const upstream::Chosen& chosen);
  Dispatched wait();
  Dispatched give_up();
  void record_backend();
  bool may_try_again(http::Failure failure);
  LastAttempt last_attempt() const;
  void on_slot() override;
  void on_deadline() noexcept override;

  StreamState& state_;
  DispatchUser& user_;
  AttemptUser& attempts_;
  upstream::Backend* backend_ = nullptr;
  std::size_t place_ = 0;       ///< of that in the chain
  upstream::ServerRef server_;  ///< of the last attempt: the record tells of it until the end
  const upstream::Backend* server_backend_ = nullptr;  ///< whose that is
  http::Failure failure_ = http::Failure::None;        ///< of the last attempt
  std::optional<Attempt> attempt_;
  Retries retries_;
  std::string_view reason_;        ///< for another attempt, if there will be one
  std::uint64_t waits_since_ = 0;  ///< for a server, microseconds; 0 = it does not
  event::Deadline deadline_;
};

}  // namespace weir::proxy
