// SPDX-License-Identifier: Apache-2.0
#include "upstream/pipeline_connection.h"

#include "upstream/pipeline.h"

#include <algorithm>
#include <utility>

namespace weir::upstream {

namespace {

constexpr int most_steps = 8;  // in one turn, before others get their share

}  // namespace

PipelineConnection::PipelineConnection(Pipeline& pipeline)
    : context_(pipeline.context()),
      pipeline_(pipeline),
      tcp_(context_.loop, *this),
      answers_(pipeline.answer_limits(), *this),
      deadline_(*this),
      soon_(*this) {
  pipeline_.count(shm::SharedCount::Pipelines);
}

PipelineConnection::~PipelineConnection() {
  // One that is dead may outlive its server.
  if (phase_ != Phase::Dead) pipeline_.count_closed();
  context_.outbox.forget(transport());
}

void PipelineConnection::take_over(net::TcpTransport& tcp, std::unique_ptr<tls::Transport> tls,
                                   const Dial& dial, std::uint64_t idle_limit) {
  tcp_.take_over(tcp);
  dial_ = dial;
  idle_limit_ = idle_limit;
  tls_ = std::move(tls);
  if (tls_) {
    tls_->move_to(tcp_);
    tls_->report_to(*this);
  }
  tcp_.watch();
}

// ---- The line ----------------------------------------------------------------------------------

// Not behind one that is slow, nor behind more than a server of its pace answers in half of the time.
bool PipelineConnection::has_room() {
  const PipelineTerms& terms = pipeline_.terms();
  if (!is_shared() || transport().is_closing() || length() >= terms.depth) return false;
  if (line_.empty()) return true;
  const PipelineCall& first = line_.first();
  return !first.is_long() && context_.loop.now() < first.written_at() + terms.slow_us &&
         pipeline_.expected_us(length()) <= terms.slow_us / 2;
}

PipelineCall* PipelineConnection::begin_call() {
  auto* call = new PipelineCall(*this);
  line_.add(*call);
  return call;
}

Gather& PipelineConnection::begin_request(PipelineCall& call, const ServerTimeouts& timeouts) {
  line_.enter(call, !net::Outbox::holds(transport()));
  idle_limit_ = timeouts.idle;
  wake_by(call.due());
  if (length() == 2) wake_by(call.written_at() + pipeline_.terms().slow_us);
  pipeline_.count(shm::SharedCount::Pipelined);
  return context_.outbox.to(transport());
}

void PipelineConnection::on_answered(PipelineCall& call) {
  const std::uint64_t now = context_.loop.now();
  pipeline_.note_answer_time(line_.leave(call, now));
  if (!line_.empty()) wake_by(now + pipeline_.terms().slow_us);
  answers_.turn();
  if (is_left_to_first()) abandon();
}

// Not from inside the codec, or of one of the calls.
void PipelineConnection::leave_to_first() {
  if (is_left_to_first()) return;
  phase_ = Phase::LeftToFirst;
  context_.loop.post(soon_);
}

void PipelineConnection::abandon() {
  if (phase_ >= Phase::Over) return;
  phase_ = Phase::Over;
  answers_.stop();
  context_.loop.post(soon_);
}

void PipelineConnection::move_others() {
  List<PipelineCall> others;
  line_.give_others(others);
  while (PipelineCall* call = others.pop_front()) call->on_lost(http::Failure::None);
}

void PipelineConnection::on_task() noexcept {
  const event::About about(context_.loop, nullptr);
  if (phase_ == Phase::Dead) return;
  if (phase_ == Phase::Over) return drop(http::Failure::None);
  if (phase_ == Phase::LeftToFirst) move_others();
  pump();
}

// ---- Reading -----------------------------------------------------------------------------------

void PipelineConnection::on_readable() noexcept {
  const event::About about(context_.loop, nullptr);
  if (phase_ < Phase::Over) pump();
}

void PipelineConnection::pump() {
  if (busy_) return;
  busy_ = true;
  for (int steps = 0; phase_ < Phase::Over; ++steps) {
    if (is_left_to_first() && !line_.empty() && !line_.first().wants_body()) break;
    if (steps == most_steps) {
      context_.loop.post(soon_);
      break;
    }
    const net::IoResult result =
        net::feed_once(context_, transport(), answers_, inbox_, context_.read_buffer.size());
    if (result.io == net::Io::Again) break;
    if (result.io != net::Io::Done) {
      ended(result.io);
      break;
    }
    if (line_.empty() || phase_ >= Phase::Over) continue;
    line_.first().note_progress(context_.loop.now());
    wake_by(line_.first().due());
    transport().expect_more();
  }
  busy_ = false;
  settle();
}

// What is read before a request has left cannot be its answer.
PipelineCall* PipelineConnection::expected() {
  if (line_.empty() || (net::Outbox::holds(transport()) && line_.is_first_unsent())) return nullptr;
  return &line_.first();
}

void PipelineConnection::on_begin() { line_.first().note_arrival(context_.loop.now()); }

void PipelineConnection::on_unasked() { fault("it answers what it was not asked"); }

void PipelineConnection::on_broken(http::Failure failure) {
  fault(http::traits(failure).name, failure);
}

void PipelineConnection::ended(net::Io how) {
  if (line_.empty()) return drop(http::Failure::None);
  if (how == net::Io::Failed) return on_broken(http::Failure::ServerReset);
  answers_.feed_end();
  // An answer that ends with the connection is complete now.
  context_.outbox.flush();
}

// ---- Time --------------------------------------------------------------------------------------

void PipelineConnection::wake_by(std::uint64_t moment) {
  if (moment != 0 && (deadline_.at() == 0 || moment < deadline_.at()))
    deadline_.set(context_.loop, moment);
}

void PipelineConnection::check_first(std::uint64_t now) {
  PipelineCall& first = line_.first();
  if (first.due() == 0 || now < first.due()) return;
  if (!first.may_time_out()) return first.note_progress(now);
  drop(first.timeout());
}

// It may come early: what it was set for may have passed.
void PipelineConnection::on_deadline() noexcept {
  const event::About about(context_.loop, nullptr);
  if (phase_ >= Phase::Over) return;
  const std::uint64_t now = context_.loop.now();
  deadline_.clear();
  if (line_.empty()) {
    if (idle_limit_ == 0) return;
    return now < idle_since_ + idle_limit_ ? wake_by(idle_since_ + idle_limit_)
                                           : drop(http::Failure::None);
  }
  check_first(now);
  if (phase_ != Phase::Dead) check_waiting(now);
}

// What stood behind another request may never have been read: a server may have thrown it away with that answer.
void PipelineConnection::check_waiting(std::uint64_t now) {
  wake_by(line_.first().due());
  const std::uint64_t slow = pipeline_.terms().slow_us;
  const std::uint64_t first = line_.first_since(), second = line_.second_since();
  if (first != 0 && now >= first + slow) {
    pipeline_.note_slow();
    return drop(http::Failure::None);
  }
  if (first != 0) wake_by(first + slow);
  if (second == 0 || is_left_to_first()) return;
  if (now < second + slow) return wake_by(second + slow);
  pipeline_.note_slow();
  leave_to_first();
}

// ---- The end -----------------------------------------------------------------------------------

void PipelineConnection::settle() {
  if (phase_ >= Phase::Over || !line_.is_idle()) return;
  if (phase_ != Phase::Shared) return die();
  idle_since_ = context_.loop.now();
  if (idle_limit_ > 0) wake_by(idle_since_ + idle_limit_);
}

void PipelineConnection::leave() {
  if (phase_ != Phase::Shared) return;
  phase_ = Phase::Leaving;
  context_.loop.post(soon_);
}

void PipelineConnection::fault(std::string_view what, http::Failure failure) {
  if (phase_ == Phase::Dead) return;
  pipeline_.note_fault(what);
  const bool has_begun = !line_.empty() && line_.first().has_begun();
  drop(has_begun ? failure : http::Failure::None);
}

void PipelineConnection::drop(http::Failure of_first) {
  if (phase_ == Phase::Dead) return;
  List<PipelineCall> ending;
  line_.give_all(ending);
  die();
  while (PipelineCall* call = ending.pop_front())
    call->on_lost(std::exchange(of_first, http::Failure::None));
}

void PipelineConnection::die() {
  if (phase_ == Phase::Dead) return;
  pipeline_.count_closed();
  phase_ = Phase::Dead;
  answers_.stop();
  deadline_.clear();
  soon_.unlink();
  Hook::unlink();
  context_.outbox.forget(transport());
  context_.loop.reap(*this);
}

}  // namespace weir::upstream
