// SPDX-License-Identifier: Apache-2.0
//
// Dispatch: takes a request to a server: chooses one, or waits until one is free, makes the attempt there, and another one
// where that is allowed.  When a backend has no server left, its fallback takes over.
#pragma once

#include "event/deadline.h"
#include "proxy/attempt.h"
#include "proxy/retries.h"
#include "proxy/stream_phase.h"

#include <optional>

namespace weir::proxy {

struct StreamState;

/// How far a request has come on its way to a server.
struct Dispatched {
  enum class To : std::uint8_t {
    Queue,       ///< it waits for a server
    Connection,  ///< one is being made: on_attempt_ready or on_attempt_failed will tell
    Server,      ///< it may be written
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

  /// To a backend, by its number.
  Dispatched begin(std::uint32_t backend);
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
  /// It has a place at a server of that backend.
  bool holds_slot_of(std::uint32_t backend) const;

  /// The exchange with the server is over.  `reusable`: both messages are complete.
  void end(bool reusable);
  /// Gives up the attempt, and the answer that it may have got.
  void drop() { attempt_.reset(); }
  /// The same, and waits no more.
  void stop();

 private:
  Dispatched choose(upstream::Turn turn);
  upstream::Chosen choose_server(upstream::Turn turn);
  http::Failure start(const upstream::Chosen& chosen);
  Dispatched wait();
  bool may_try_again(http::Failure failure);
  LastAttempt last_attempt() const;
  void on_slot() override;
  void on_deadline() noexcept override;

  StreamState& state_;
  DispatchUser& user_;
  AttemptUser& attempts_;
  upstream::Backend* backend_ = nullptr;
  upstream::ServerRef server_;  ///< of the last attempt: the record tells of it until the end
  std::optional<Attempt> attempt_;
  Retries retries_;
  std::string_view reason_;  ///< for another attempt, if there will be one
  event::Deadline deadline_;
};

}  // namespace weir::proxy
