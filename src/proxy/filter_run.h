// SPDX-License-Identifier: Apache-2.0
//
// FilterRun: the filters of one stream: what is called when, what a verdict means, and what happens while one of them waits.
//
// Heads pass the filters in order, answers in reverse; bodies pass a BodyPipe of those that want to see them.  In each
// direction at most one filter at a time has suspended the stream, for exactly one wake, which is always told by a posted call:
// on_wake never runs inside another callback.  A wake nobody waits for is cancelled.  After `finish` nothing is called.
#pragma once

#include "base/pooled.h"
#include "event/deadline.h"
#include "proxy/filter_entry.h"
#include "proxy/local_reply.h"
#include "proxy/subcall.h"
#include "proxy/wakers.h"

#include <memory>
#include <span>
#include <vector>

namespace weir::proxy {

struct StreamState;

/// An answer that a filter has given.
struct FilterReply {
  LocalReply local{};
  BodySource* source = nullptr;                 ///< of its body, in place of local.body
  http::Failure failure = http::Failure::None;  ///< the page of this one, in place of all that
};

/// The stream that filters run for.
class FilterHost : public PipeEvents {
 public:
  /// It has a place at a server of that backend, for which a call of its own must not wait.
  virtual bool holds_slot_of(std::uint32_t backend) const = 0;
  /// Nothing of the final answer has left.
  virtual bool can_respond() const = 0;
  /// A filter on the way of an answer has given another one, which takes its place.
  virtual void replace_answer() = 0;

  // A walk that had been suspended came to its end.
  virtual void on_request_pass(Pass pass) = 0;
  virtual void on_response_pass(Pass pass) = 0;
  /// More of a body may come, that a filter had held up.
  virtual void on_released(Direction direction) = 0;
  virtual void on_filter_timeout() = 0;

 protected:
  ~FilterHost() = default;
};

/// Where bodies go behind the filters.
struct PipeOutlets {
  PipeOutlet &request, &response;
};

class FilterRun final : public Pooled<FilterRun>,
                        public StreamView,
                        private PipeFilters,
                        private Sleeper,
                        private SubcallUser,
                        private event::DeadlineEvents,
                        private event::TaskEvents {
 public:
  /// All outlive it.
  FilterRun(StreamState& state, FilterHost& host, const PipeOutlets& outlets);
  ~FilterRun();

  /// The route is known: makes the filters that hold for its backend.  Those of a former route that stand here too go on, the
  /// others end.
  void enter(const FilterChain& chain);

  /// Whether the request may go to that backend of its route's chain as far as filters go: none of those that hold there misses
  /// something of its body, and none of the others is in the middle of changing it.
  bool may_fall_back(const FilterChain& chain, std::size_t backend, bool has_body_begun);
  /// It goes there: makes the filters that hold there and are not made yet.  The others are called no more; those that hold
  /// for no later fallback end.  `run_request` follows, in which nobody may change the route any more.
  void fall_back(std::size_t backend);
  /// A filter wants to see a body that has begun without it.
  bool has_missed_body() const;

  /// Calls `on_request` of those that have not had that call; Callback::Refused: that want it for a request that is refused.
  Pass run_request(Callback callback = Callback::Request);
  /// Calls `on_response` in reverse, from the beginning.
  Pass run_response();
  void tell_attempt(const AttemptView& attempt);

  /// The pipe for a body that is about to come; null if no filter wants to see it.
  BodyPipe* open_pipe(Direction direction);
  BodyPipe* pipe(Direction direction) const {
    return ways_[static_cast<std::size_t>(direction)].pipe.get();
  }
  /// The framing of what goes on, where that of what comes is `from`.
  Framing framing(Direction direction, const Framing& from) const;
  /// The length of what goes on is not that of what comes, nor known: where no body follows (HEAD, 304) none is told.
  bool hides_length(Direction direction) const;

  /// What a filter has answered.
  FilterReply take_reply() { return std::exchange(reply_, {}); }
  /// The request goes no further, and the answer that was under way is given up: nobody waits any more.
  void stop();
  /// The last call of each.
  void finish();

 private:
  enum class For : std::uint8_t { Nothing, Answers, Timer, Signal };

  /// A direction: its body, and what a filter waits for.
  struct Way {
    std::unique_ptr<BodyPipe> pipe;
    std::uint32_t at = 0;  ///< entries whose on_request is done, or whose on_response is to come
    std::vector<std::unique_ptr<Subcall>> calls;
    std::uint64_t due = 0;     ///< when the timer fires, or the wait has lasted too long
    std::uint32_t filter = 0;  ///< the one that waits
    std::uint32_t waker = 0;
    std::uint32_t unanswered = 0;  ///< of `calls`
    Callback callback = Callback::Request;
    For asked = For::Nothing;
    bool is_suspended = false;
    bool has_come = false;
  };

  Way& way(Direction direction) { return ways_[static_cast<std::size_t>(direction)]; }
  template <typename Call>
  Pass call(std::uint32_t filter, Callback callback, Call&& call);
  Pass judge(Verdict verdict, Callback callback);
  Pass walk_response();
  void wake(Direction direction);
  void go_on(Direction direction, Callback callback, Pass pass);
  bool asks(For what);
  void cancel(Direction direction);
  void arm();

  // StreamView
  RequestHead& request() override;
  const Received& received() override;
  std::string_view refusal() override;
  ResponseHead& response() override;
  Arena& arena() override;
  std::string_view expand(const Text& text) override;
  std::uint64_t now() override;
  void respond(std::uint16_t status, std::string_view text) override;
  void respond(ResponseHead& head, BodySource& body) override;
  void refuse(Refusal why) override;
  void ask(const Subrequest& subrequest) override;
  void sleep(std::uint32_t ms) override;
  Waker signal() override;
  void want_whole(std::uint64_t limit, Over over) override;
  void skip_body() override;
  void set_length(std::uint64_t bytes) override;
  void note(std::string_view name, std::string_view value) override;

  Pass body(Direction direction, std::uint32_t filter, BodyPiece& piece) override;
  Pass end(Direction direction, std::uint32_t filter, Headers& trailers) override;
  void refuse(Direction direction, std::uint32_t filter) override;
  Pass breach(std::uint32_t filter, std::string_view what) override;
  void on_fired(Direction direction) override;
  void on_answered(Direction direction) override;
  void on_task() noexcept override;
  void on_deadline() noexcept override;

  StreamState& state_;
  FilterHost& host_;
  const PipeOutlets outlets_;
  std::span<FilterEntry> entries_;
  std::vector<std::unique_ptr<BodyPipe>> former_pipes_;  ///< of answers that were given up
  Way ways_[2];
  FilterReply reply_;
  event::Deadline deadline_;
  event::Task soon_;
  std::uint32_t current_ = 0;                 ///< the filter that is being called
  Direction direction_ = Direction::Request;  ///< and for what
  bool may_reroute_ = true;
  bool is_calling_ = false;
  bool has_replied_ = false;
  bool is_finished_ = false;
};

}  // namespace weir::proxy
