// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter_run.h"

#include <weir/log.h>

#include "base/assert.h"
#include "proxy/client_side.h"
#include "proxy/stream_state.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

namespace {

constexpr std::size_t most_calls = 8;  // of one wait

void note_breach(const FilterLink& link, std::string_view what) {
  log(Level::Error, "filter ", link.word, " (", link.place, ") ", what);
}

Outcome outcome_of(const Record& record, bool is_rerouted) {
  const bool is_failed = record.failure != http::Failure::None;
  return {record.status, is_failed ? http::traits(record.failure).name : std::string_view(),
          is_rerouted, record.bytes_in(), record.bytes_out};
}

}  // namespace

FilterRun::FilterRun(StreamState& state, FilterHost& host, const PipeOutlets& outlets)
    : state_(state), host_(host), outlets_(outlets), deadline_(*this), soon_(*this) {}

FilterRun::~FilterRun() { finish(); }

// ---- Which filters -----------------------------------------------------------------------------

void FilterRun::enter(const FilterChain& chain) {
  const std::span<const FilterLink> links = chain.links();
  const std::span<FilterEntry> former =
      std::exchange(entries_, state_.arena.array<FilterEntry>(links.size()));
  for (std::uint32_t i = 0; i < links.size(); ++i) {
    const auto same = std::find_if(former.begin(), former.end(), [&](const FilterEntry& entry) {
      return entry.filter && entry.link->factory == links[i].factory &&
             entry.link->place == links[i].place;
    });
    if (same == former.end())
      entries_[i].begin(links[i], i);
    else
      entries_[i].take(*same, links[i], i);
    entries_[i].go_to(0, state_.arena);
  }
  const Outcome rerouted = outcome_of(state_.record, true);
  for (FilterEntry& entry : former) entry.finish(*this, rerouted);
  way(Direction::Request).at = 0;
}

bool FilterRun::may_fall_back(const FilterChain& chain, std::size_t backend, bool has_body_begun) {
  if (entries_.empty()) enter(chain);  // none of which has held so far
  if (!has_body_begun) return true;
  // Only one filter of a direction can wait, and those to come may want to.
  if (way(Direction::Request).is_suspended) return false;
  const BodyPipe* const through = pipe(Direction::Request);
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    const FilterLink& link = *entries_[i].link;
    const bool holds = link.holds_for(backend);
    if (holds != entries_[i].is_away) continue;
    if (holds && (link.needs.request_body != Body::None || link.needs.trailers)) return false;
    if (!holds && through && through->part_of(i) == BodyStage::Part::Changing) return false;
  }
  return true;
}

void FilterRun::fall_back(std::size_t backend) {
  const Outcome rerouted = outcome_of(state_.record, true);
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    FilterEntry& entry = entries_[i];
    entry.go_to(backend, state_.arena);
    if (!entry.is_away) continue;
    if (BodyPipe* through = pipe(Direction::Request)) through->leave(i);
    if (!entry.link->holds_behind(backend)) entry.finish(*this, rerouted);
  }
  may_reroute_ = false;
  way(Direction::Request).at = 0;
}

bool FilterRun::has_missed_body() const {
  const BodyPipe* const through = pipe(Direction::Request);
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    const FilterEntry& entry = entries_[i];
    const bool wants = entry.wish(Direction::Request, nullptr) != Body::None ||
                       (entry.is_called() && entry.link->needs.trailers);
    if (wants && (!through || through->part_of(i) == BodyStage::Part::None)) return true;
  }
  return false;
}

void FilterRun::finish() {
  if (std::exchange(is_finished_, true)) return;
  stop();
  const Outcome last = outcome_of(state_.record, false);
  for (FilterEntry& entry : entries_) entry.finish(*this, last);
}

// ---- Calls and verdicts ------------------------------------------------------------------------

template <typename Call>
Pass FilterRun::call(std::uint32_t filter, Callback callback, Call&& call) {
  WEIR_ASSERT(!is_calling_ && !is_finished_ && entries_[filter].filter);
  current_ = filter;
  direction_ = direction_of(callback);
  has_replied_ = false;
  is_calling_ = true;
  const Verdict verdict = call(*entries_[filter].filter);
  is_calling_ = false;
  // What filters say nearly always.
  if (verdict == Verdict::Continue && way(direction_).asked == For::Nothing) return Pass::Through;
  return judge(verdict, callback);
}

Pass FilterRun::judge(Verdict verdict, Callback callback) {
  Way& its = way(direction_);
  WEIR_ASSERT(!its.is_suspended);
  if (verdict == Verdict::Suspend) {
    if (its.asked == For::Nothing)
      return breach(current_, "has suspended the stream and waits for nothing");
    if (callback == Callback::Refused)
      return breach(current_, "may not suspend a stream whose request is refused");
    its.is_suspended = true;
    its.filter = current_;
    its.callback = callback;
    if (its.has_come) state_.context.net.loop.post(soon_);
    arm();
    return Pass::Waits;
  }
  if (its.asked != For::Nothing) cancel(direction_);
  switch (verdict) {
    case Verdict::Continue: return Pass::Through;
    case Verdict::Abort: return Pass::Aborts;
    case Verdict::Respond:
      if (!has_replied_) return breach(current_, "has answered without an answer");
      if (!host_.can_respond())
        return breach(current_, "has answered a request that has its answer");
      refuse(direction_, current_);
      return Pass::Responds;
    case Verdict::Reroute:
      if (callback == Callback::Request && may_reroute_) return Pass::Reroutes;
      return breach(current_, "wants another route too late");
    case Verdict::Suspend: break;
  }
  return breach(current_, "has said what is no verdict");
}

void FilterRun::refuse(Direction direction, std::uint32_t filter) {
  if (direction == Direction::Response) entries_[filter].has_replaced = true;
}

Pass FilterRun::breach(std::uint32_t filter, std::string_view what) {
  current_ = filter;
  note_breach(*entries_[filter].link, what);
  cancel(direction_);
  entries_[filter].is_out = true;
  return Pass::Breaches;
}

Pass FilterRun::run_request(Callback callback) {
  std::uint32_t& at = way(Direction::Request).at;
  for (; at < entries_.size(); ++at) {
    FilterEntry& entry = entries_[at];
    const Needs& needs = entry.link->needs;
    const bool is_wanted = callback == Callback::Refused ? needs.refused : needs.request;
    if (!is_wanted || !entry.is_called() || std::exchange(entry.has_run, true)) continue;
    const Pass pass =
        call(at, callback, [this](Filter& filter) { return filter.on_request(*this); });
    if (pass == Pass::Waits) return pass;
    if (pass != Pass::Through) {
      ++at;
      return pass;
    }
  }
  return Pass::Through;
}

Pass FilterRun::run_response() {
  cancel(Direction::Request);
  cancel(Direction::Response);
  way(Direction::Response).at = static_cast<std::uint32_t>(entries_.size());
  return walk_response();
}

// An answer that is given here takes the place of the one that the rest of the filters would have seen.
Pass FilterRun::walk_response() {
  std::uint32_t& left = way(Direction::Response).at;
  while (left > 0) {
    const std::uint32_t at = left - 1;
    Pass pass = Pass::Through;
    if (entries_[at].link->needs.response && entries_[at].hears_of(Direction::Response))
      pass = call(at, Callback::Response,
                  [this](Filter& filter) { return filter.on_response(*this); });
    if (pass == Pass::Waits) return pass;
    --left;
    if (pass == Pass::Responds)
      host_.replace_answer();
    else if (pass != Pass::Through)
      return pass;
  }
  return Pass::Through;
}

void FilterRun::tell_attempt(const AttemptView& attempt) {
  for (std::uint32_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].link->needs.attempt && entries_[i].is_called()) {
      current_ = i;
      direction_ = Direction::Request;
      is_calling_ = true;
      entries_[i].filter->on_attempt(*this, attempt);
      is_calling_ = false;
      if (way(Direction::Request).asked != For::Nothing && !way(Direction::Request).is_suspended)
        cancel(Direction::Request);
    }
}

// ---- Bodies ------------------------------------------------------------------------------------

BodyPipe* FilterRun::open_pipe(Direction direction) {
  Way& its = way(direction);
  const std::size_t side = static_cast<std::size_t>(direction);
  PipeFilters& filters = *this;
  PipeOutlet& outlet = direction == Direction::Request ? outlets_.request : outlets_.response;
  auto pipe =
      std::make_unique<BodyPipe>(direction, filters, outlet, host_, state_.context.body_memory);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const bool forwards = direction == Direction::Request;
    const FilterEntry& entry = entries_[forwards ? i : entries_.size() - 1 - i];
    if (!entry.hears_of(direction)) continue;
    StageWish wanted = entry.wishes[side];
    wanted.body = entry.wish(direction, state_.response);
    if (wanted.body != Body::None || wanted.wants_end) pipe->add(wanted);
  }
  if (its.pipe) former_pipes_.push_back(std::move(its.pipe));  // it may be on the stack
  its.pipe = pipe->empty() ? nullptr : std::move(pipe);
  return its.pipe.get();
}

Framing FilterRun::framing(Direction direction, const Framing& from) const {
  for (const FilterEntry& entry : entries_)
    if (const auto& length = entry.length[static_cast<std::size_t>(direction)];
        length && entry.wish(direction, state_.response) == Body::Transform)
      return {BodyEnd::Length, *length};
  const BodyPipe* const through = pipe(direction);
  return through ? through->framing(from) : from;
}

bool FilterRun::hides_length(Direction direction) const {
  const std::size_t side = static_cast<std::size_t>(direction);
  return std::any_of(
      entries_.begin(), entries_.end(), [this, direction, side](const FilterEntry& entry) {
        return entry.wish(direction, state_.response) == Body::Transform && !entry.length[side];
      });
}

Pass FilterRun::body(Direction direction, std::uint32_t filter, BodyPiece& piece) {
  if (direction == Direction::Request)
    return call(filter, Callback::RequestBody,
                [&](Filter& its) { return its.on_request_body(*this, piece); });
  return call(filter, Callback::ResponseBody,
              [&](Filter& its) { return its.on_response_body(*this, piece); });
}

Pass FilterRun::end(Direction direction, std::uint32_t filter, Headers& trailers) {
  if (direction == Direction::Request)
    return call(filter, Callback::RequestEnd,
                [&](Filter& its) { return its.on_request_end(*this, trailers); });
  return call(filter, Callback::ResponseEnd,
              [&](Filter& its) { return its.on_response_end(*this, trailers); });
}

void FilterRun::stop() {
  for (Direction direction : {Direction::Request, Direction::Response}) {
    cancel(direction);
    Way& its = way(direction);
    if (!its.pipe) continue;
    its.pipe->stop();
    former_pipes_.push_back(std::move(its.pipe));  // it may be on the stack
  }
}

// ---- Waiting -----------------------------------------------------------------------------------

void FilterRun::cancel(Direction direction) {
  Way& its = way(direction);
  if (its.asked == For::Signal) state_.context.wakers.release(its.waker);
  its.calls.clear();
  its.unanswered = 0;
  its.due = 0;
  its.asked = For::Nothing;
  its.is_suspended = its.has_come = false;
  arm();
}

// Exactly one kind of wake, and only by who is being called.
bool FilterRun::asks(For what) {
  Way& its = way(direction_);
  const bool is_first = its.asked == For::Nothing;
  if (!is_calling_ || is_finished_ || its.is_suspended) return false;
  if (!is_first && (its.asked != what || what != For::Answers)) {
    note_breach(*entries_[current_].link, "asks for a second wake, which it does not get");
    return false;
  }
  its.asked = what;
  const std::uint64_t limit = state_.policy ? state_.policy->filter : 0;
  if (is_first && what != For::Timer && limit > 0) its.due = state_.context.net.loop.now() + limit;
  return true;
}

void FilterRun::ask(const Subrequest& subrequest) {
  if (!asks(For::Answers)) return;
  Way& its = way(direction_);
  if (its.calls.size() == most_calls)
    return note_breach(*entries_[current_].link, "asks more than 8 at a time");
  ++its.unanswered;
  SubcallUser& user = *this;
  its.calls.push_back(std::make_unique<Subcall>(state_.context, state_.arena, &state_.client, user,
                                                direction_, subrequest));
  its.calls.back()->start(!host_.holds_slot_of(subrequest.backend));
}

void FilterRun::on_answered(Direction direction) {
  Way& its = way(direction);
  if (--its.unanswered > 0) return;
  its.has_come = true;
  if (its.is_suspended) state_.context.net.loop.post(soon_);
}

void FilterRun::sleep(std::uint32_t ms) {
  if (asks(For::Timer))
    way(direction_).due = state_.context.net.loop.now() + std::uint64_t{ms} * 1000;
}

Waker FilterRun::signal() {
  if (!asks(For::Signal)) return {};
  return state_.context.wakers.take(*this, direction_, way(direction_).waker);
}

void FilterRun::on_fired(Direction direction) {
  Way& its = way(direction);
  its.has_come = true;
  if (its.is_suspended) state_.context.net.loop.post(soon_);
}

void FilterRun::on_task() noexcept {
  event::About about(state_.context.net.loop, state_.client);
  for (Direction direction : {Direction::Request, Direction::Response})
    if (way(direction).is_suspended && way(direction).has_come) wake(direction);
}

void FilterRun::arm() {
  std::uint64_t at = 0;
  for (const Way& its : ways_)
    if (its.is_suspended && its.due > 0 && !its.has_come)
      at = at > 0 ? std::min(at, its.due) : its.due;
  deadline_.set(state_.context.net.loop, at);
}

void FilterRun::on_deadline() noexcept {
  event::About about(state_.context.net.loop, state_.client);
  const std::uint64_t now = state_.context.net.loop.now();
  for (Direction direction : {Direction::Request, Direction::Response}) {
    Way& its = way(direction);
    if (!its.is_suspended || its.due == 0 || now < its.due) continue;
    if (its.asked != For::Timer) {
      entries_[its.filter].is_out = true;
      return host_.on_filter_timeout();
    }
    its.has_come = true;
    wake(direction);
  }
  if (!is_finished_) arm();
}

void FilterRun::wake(Direction direction) {
  Way& its = way(direction);
  WEIR_ASSERT(its.is_suspended && its.has_come);
  const std::uint32_t filter = its.filter;
  const Callback callback = its.callback;
  Wake wake;
  wake.direction = direction;
  wake.why = its.asked == For::Timer    ? Wake::Why::Timer
             : its.asked == For::Signal ? Wake::Why::Signal
                                        : Wake::Why::Answers;
  const std::span<SubAnswer> answers = state_.arena.array<SubAnswer>(its.calls.size());
  std::transform(its.calls.begin(), its.calls.end(), answers.begin(),
                 [](const auto& call) { return call->answer(); });
  wake.answers = answers;
  cancel(direction);
  const Pass pass =
      call(filter, callback, [&](Filter& waiting) { return waiting.on_wake(*this, wake); });
  if (pass != Pass::Waits) go_on(direction, callback, pass);
}

void FilterRun::go_on(Direction direction, Callback callback, Pass pass) {
  switch (callback) {
    case Callback::Request:
      ++way(Direction::Request).at;
      return host_.on_request_pass(pass == Pass::Through ? run_request() : pass);
    case Callback::Response:
      --way(Direction::Response).at;
      if (pass == Pass::Responds) host_.replace_answer();
      return host_.on_response_pass(
          pass == Pass::Through || pass == Pass::Responds ? walk_response() : pass);
    default: break;
  }
  BodyPipe& through = *way(direction).pipe;
  if (pass == Pass::Through) {
    through.go_on();
    return is_finished_ ? void() : host_.on_released(direction);
  }
  through.stop();
  host_.on_decided(direction, pass);
}

}  // namespace weir::proxy
