// SPDX-License-Identifier: Apache-2.0
//
// Producer: gives a client what a BodySource produces, as fast as it is taken.
#pragma once

#include <weir/stream.h>

#include "proxy/context.h"

namespace weir::proxy {

class ProducerUser {
 public:
  virtual bool wants_produced() const = 0;
  /// The bytes stay until the outbox is flushed.
  virtual void on_produced(std::span<const char> bytes) = 0;
  virtual void on_produced_end() = 0;
  virtual const event::Subject& subject() const = 0;

 protected:
  ~ProducerUser() = default;
};

class Producer final : private Sleeper, private event::TaskEvents {
 public:
  Producer(Context& context, ProducerUser& user, BodySource& source)
      : context_(context), user_(user), source_(source), soon_(*this) {}
  ~Producer() { forget_waker(); }

  /// Nothing more is produced, and the user is not called again.
  void stop() {
    has_ended_ = true;
    forget_waker();
    soon_.unlink();
  }

  /// The client has room.
  void run() {
    if (is_waiting_ || has_ended_) return;
    for (int rounds = 0; user_.wants_produced(); ++rounds) {
      if (rounds == most_rounds) return context_.net.loop.post(soon_);
      const std::span<char> room = context_.net.read_buffer;
      const BodySource::Produced produced = source_.produce(room);
      if (produced.bytes > 0) {
        user_.on_produced(room.first(produced.bytes));
        context_.net.outbox.flush();
      }
      if (has_ended_) return;  // what was produced has had the answer replaced
      if (produced.is_end) {
        has_ended_ = true;
        return user_.on_produced_end();
      }
      if (produced.bytes > 0) continue;
      is_waiting_ = true;
      return source_.wait(context_.wakers.take(*this, Direction::Response, waker_));
    }
  }

 private:
  static constexpr int most_rounds = 4;  // in one iteration, before others get their share

  void forget_waker() {
    if (is_waiting_) context_.wakers.release(waker_);
    is_waiting_ = false;
  }
  void on_fired(Direction) override {
    forget_waker();
    context_.net.loop.post(soon_);
  }
  void on_task() noexcept override {
    event::About about(context_.net.loop, user_.subject());
    run();
  }

  Context& context_;
  ProducerUser& user_;
  BodySource& source_;
  event::Task soon_;
  std::uint32_t waker_ = 0;
  bool is_waiting_ = false;
  bool has_ended_ = false;
};

}  // namespace weir::proxy
