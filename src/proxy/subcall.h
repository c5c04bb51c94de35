// SPDX-License-Identifier: Apache-2.0
//
// Subcall: a Subrequest under way: one attempt at one server of a backend, for nobody's account but the stream's or service's
// that asked.  It waits for a free server as any request does, unless it would wait for its own stream.
#pragma once

#include <weir/stream.h>

#include "event/deadline.h"
#include "proxy/attempt.h"
#include "proxy/context.h"

#include <optional>

namespace weir::proxy {

class SubcallUser {
 public:
  /// One of its calls of that direction has its answer, or will never have one.  May be from inside `Subcall::start`.
  virtual void on_answered(Direction direction) = 0;

 protected:
  ~SubcallUser() = default;
};

class Subcall final : private AttemptUser,
                      private AnswerSink,
                      private upstream::Waiter,
                      private event::DeadlineEvents {
 public:
  /// What the request's texts and the answer lie in is `arena`.  `subject`: the client it is for; null if it is for none.
  Subcall(Context& context, Arena& arena, const event::Subject* subject, SubcallUser& user,
          Direction direction, const Subrequest& subrequest);
  ~Subcall();

  /// `may_wait`: for a server, if all are busy.
  void start(bool may_wait);
  /// It has its answer, or will never have one.
  bool is_over() const { return is_over_; }
  const SubAnswer& answer() const { return answer_; }

 private:
  void fail(http::Failure failure);
  void end(bool reusable);
  void choose(upstream::Turn turn);
  void on_slot() override;
  void on_deadline() noexcept override;

  void on_attempt_ready() override;
  void on_attempt_sent() override {}
  void on_attempt_failed(http::Failure failure) override { fail(failure); }
  void on_interim(ResponseHead&) override {}
  void on_response(ResponseHead& head) override;
  bool may_move_answer() const override { return false; }
  bool holds_upload() const override { return false; }
  void on_raw_readable() override {}
  bool wants_answer() const override { return true; }
  void take_answer(std::span<const char> bytes) override;
  void take_answer_end(const Headers& trailers) override;
  bool can_move_answer() const override { return false; }
  net::IoResult move_answer() override { return {net::Io::Again}; }

  Context& context_;
  Arena& arena_;
  const event::Subject* const subject_;
  SubcallUser& user_;
  const Direction direction_;
  Record record_;
  RequestHead head_;
  std::string_view body_;
  upstream::ServerTimeouts timeouts_{};
  upstream::Backend* backend_ = nullptr;
  upstream::ServerRef server_;
  std::optional<Attempt> attempt_;
  event::Deadline deadline_;
  SubAnswer answer_;
  std::span<char> room_;  ///< for the answer's body
  std::size_t taken_ = 0;
  bool may_wait_ = true;
  bool is_over_ = false;
};

}  // namespace weir::proxy
