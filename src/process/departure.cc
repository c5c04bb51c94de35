// SPDX-License-Identifier: Apache-2.0
#include "process/departure.h"

#include <utility>

namespace weir::process {

using shm::DrainPhase;

namespace {

constexpr std::uint64_t round_us = 50'000;  // from one look at the clients to the next

}  // namespace

Departure::Departure(event::Loop& loop, const shm::Segment& segment, std::uint32_t worker,
                     std::function<void(const Visit&)> each, std::function<void()> answer)
    : loop_(loop),
      drain_(segment),
      worker_(worker),
      each_(std::move(each)),
      answer_(std::move(answer)),
      next_(*this) {}

void Departure::look() {
  std::uint64_t generation = drain_.generation();
  if (generation != seen_ || drain_.ending() != ending_) start();
}

void Departure::start() {
  seen_ = drain_.generation();
  ending_ = drain_.ending();
  apply();
  drain_.saw(worker_, seen_);
  answer_();
}

void Departure::apply() {
  each_([this](std::uint32_t number, proxy::Listener& listener) {
    DrainPhase phase = drain_.phase(number);
    bool serving = phase < DrainPhase::Draining;
    listener.set_draining(!serving || ended_);
    if (!serving)
      listener.close_gates();
    else if (!alone_)
      listener.open_gates();
  });
  on_deadline();
}

void Departure::end(std::function<bool()> ended) {
  ended_ = std::move(ended);
  apply();
}

void Departure::end_alone(std::function<bool()> ended) {
  alone_ = true;
  end(std::move(ended));
}

void Departure::stop(std::function<bool()> ended) {
  stops_ = true;
  end(std::move(ended));
}

void Departure::close_gates() {
  each_([](std::uint32_t, proxy::Listener& listener) { listener.close_gates(); });
}

// True if there will be more to do.
bool Departure::follow(std::uint32_t number, proxy::Listener& listener) {
  DrainPhase phase = drain_.phase(number);
  if (phase == DrainPhase::Serving && !ended_) {
    drain_.tell(worker_, number, {}, 0);
    return false;
  }
  shm::ClientsLeft left = listener.go_on(stops_ || phase == DrainPhase::Drained);
  bool shut = listener.is_shut();
  drain_.tell(worker_, number, left, shut ? seen_ : 0);
  return phase != DrainPhase::Drained || !shut || listener.sessions() > 0;
}

void Departure::on_deadline() noexcept {
  bool more = false, empty = true;
  each_([&](std::uint32_t number, proxy::Listener& listener) {
    more = follow(number, listener) || more;
    bool may_come = listener.is_letting_go() || (!listener.is_shut() && !gives_up_sockets());
    empty = empty && listener.sessions() == 0 && (stops_ || !may_come);
  });
  if (ended_ && empty && ended_()) return;
  if (more || ended_) next_.set(loop_, loop_.now() + round_us);
}

}  // namespace weir::process
