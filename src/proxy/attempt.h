// SPDX-License-Identifier: Apache-2.0
//
// Attempt: one try at one server, for a stream or for a request of weir's own.  It holds the server's slot and the lease of a
// connection, and lets go of both exactly once, however it ends.
#pragma once

#include "proxy/record.h"
#include "upstream/backend.h"
#include "upstream/server_side.h"

namespace weir::proxy {

struct Context;

/// What an attempt works with; all of it outlives the attempt.
struct AttemptScope {
  Context& context;
  Arena& arena;
  Record& record;
  const RequestHead& request;
  const upstream::ServerTimeouts& timeouts;
  const event::Subject* subject;  ///< null: no client's
};

/// Who tries.
class AttemptUser {
 public:
  /// There is a connection now: the request may be written.
  virtual void on_attempt_ready() = 0;
  virtual void on_attempt_sent() = 0;
  virtual void on_attempt_failed(http::Failure failure) = 0;
  virtual void on_interim(ResponseHead& head) = 0;
  /// The head of the answer; `give_to` says who takes the rest.
  virtual void on_response(ResponseHead& head) = 0;
  /// The body of an answer whose head has not come yet could be moved in the kernel: not much of it is read with the head then.
  virtual bool may_move_answer() const = 0;
  /// As upstream::ConnectionUser says of bytes that were taken from the client.
  virtual bool holds_upload() const = 0;
  /// After an upgrade: the connection has something to read.
  virtual void on_raw_readable() = 0;

 protected:
  ~AttemptUser() = default;
};

/// Takes what follows to the head of an answer.
class AnswerSink {
 public:
  virtual bool wants_answer() const = 0;
  /// The bytes stay as http::MessageSink::on_body has them.
  virtual void take_answer(std::span<const char> bytes) = 0;
  virtual void take_answer_end(const Headers& trailers) = 0;
  /// As upstream::ConnectionUser says of bodies.
  virtual bool can_move_answer() const = 0;
  virtual net::IoResult move_answer() = 0;

 protected:
  ~AnswerSink() = default;
};

class Attempt final : public upstream::ConnectionUser {
 public:
  /// The server's slot has been taken for this attempt.  `probe`: it is a half-open server's one request.
  Attempt(const AttemptScope& scope, AttemptUser& user, upstream::Backend& backend,
          upstream::Server& server, bool probe);
  ~Attempt() override;

  /// Takes a pooled connection, and is ready, or begins a new one, and tells the user later.  A failure is told by its
  /// result alone.
  http::Failure start();

  /// Lets go of connection and slot, and tells the backend's policy how it went.  `reusable`: both messages are complete.
  void end(bool reusable);

  /// Who takes what follows to the head of the answer; before it there must be one.
  void give_to(AnswerSink& sink) { sink_ = &sink; }

  const upstream::Server& server() const { return server_; }
  upstream::Server& server() { return server_; }
  upstream::ServerSide* connection() const { return connection_; }
  bool is_ready() const { return ready_ && connection_; }
  bool is_reused() const { return reused_; }
  bool has_response_begun() const { return response_begun_; }

 private:
  Arena& arena() override;
  void on_head(MessageHead& head) override;
  bool wants_body() const override;
  void on_body(std::span<const char> bytes) override;
  void on_end(const Headers& trailers) override;
  void on_connected(upstream::ServerSide& on) override;
  void on_sent() override;
  void on_failed(http::Failure failure) override;
  void on_raw_readable() override;
  bool can_move_body() const override;
  net::IoResult move_body() override;
  bool has_unsent() const override;
  const RequestHead& request() const override;
  const event::Subject* subject() const override;
  void become_ready();
  void note_end(http::Failure failure);
  void note_failure(http::Failure failure);
  std::uint64_t age_us() const;

  const AttemptScope scope_;
  AttemptUser& user_;
  AnswerSink* sink_ = nullptr;
  upstream::Backend& backend_;
  upstream::Server& server_;
  upstream::ServerSide* connection_ = nullptr;
  bool probe_;
  bool ready_ = false;
  bool reused_ = false;
  bool response_begun_ = false;
  bool good_ = false;  ///< the response's status does not count against the server
  bool ended_ = false;
  std::uint64_t chosen_us_;  ///< when its server was
  AttemptOutcome outcome_;   ///< as far as it has come
};

}  // namespace weir::proxy
