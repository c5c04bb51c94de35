// SPDX-License-Identifier: Apache-2.0
//
// Filter: something that looks at one request and its answer, may change them, may answer in the server's place, and may
// wait for something before it decides.  A FilterKind is what a module (or weir itself) registers: the word that stands in
// weir.conf and the function that turns such a statement into a factory.  A factory serves all streams of all routes with
// the same statement; a filter serves one stream.  A factory is immutable, unless it asks for a life of its own on the loop by
// a FilterService (weir/service.h).
//
// All callbacks come on the thread of the worker's event loop.  None may block, throw, or keep a reference to the StreamView.
// Filters are called in the order in which they are written, for answers in reverse.
#pragma once

#include <weir/arena.h>
#include <weir/message.h>
#include <weir/result.h>
#include <weir/service.h>
#include <weir/stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir {

/// What happens after a filter had its say.  A verdict where it is not allowed, or without the call that belongs to it, is a
/// breach of the contract: the request fails with filter_breach, and the log names the filter.
enum class Verdict : std::uint8_t {
  Continue,  ///< the next filter, then on
  Respond,  ///< StreamView::respond or refuse was called.  From every callback until the head of the answer has left
  Reroute,  ///< forward_path or host changed in a way that wants another look at the routes.  From on_request and its
            ///< on_wake, before a piece of the body was seen; not on the way to a fallback
  Suspend,  ///< StreamView::ask, sleep or signal was called, and on_wake is to follow.  From every callback but on_attempt
  Abort     ///< the connection, or stream of HTTP/2, is broken off
};

/// What a filter wants to see of a body.
enum class Body : std::uint8_t {
  None,
  Observe,    ///< each piece as it passes
  Transform,  ///< each piece, and to write something else in its place
  Whole       ///< all of it at once, up to a limit, before anything of it goes on
};

/// What a factory's filters want to be called for.  What nobody needs costs nothing.
struct Needs {
  bool request = false;   ///< on_request
  bool refused = false;   ///< on_request also for requests that weir refuses
  bool response = false;  ///< on_response
  bool trailers = false;  ///< on_request_end, on_response_end
  bool attempt = false;   ///< on_attempt
  bool finish = false;    ///< on_finish
  Body request_body = Body::None;
  Body response_body = Body::None;
  std::uint64_t whole_limit = 0;  ///< bytes, for Body::Whole
  Over over = Over::Reject;       ///< and what is done with more
  bool ranges = false;            ///< Transform also gets parts of something (206, Content-Range)
};

/// One try at one server, before anything is sent.
struct AttemptView {
  std::string_view backend;
  std::string_view server;
  std::uint32_t number = 1;  ///< 1 for the first
};

/// How a stream ended.
struct Outcome {
  std::uint16_t status = 0;    ///< that the client got; 499: it left before; 0: none
  std::string_view failure{};  ///< the name of what failed, as in logs; empty if nothing did
  bool is_rerouted =
      false;  ///< the stream goes on without this filter: by another route, or, since the backend in which it
  ///< stands has no server left, to a fallback.  `status` and `failure` are then those so far
  std::uint64_t bytes_in = 0;   ///< of the request: head and body
  std::uint64_t bytes_out = 0;  ///< of the answer
};

class Filter {
 public:
  /// The request's head is complete.  The body is not read before all filters have continued.  A filter that stands in the
  /// fallback of a backend is made and called when that takes over: part of the body may have been read for others by then, if
  /// it does not want to see it.
  /// With Needs::refused also when weir refuses a request that this filter has not been asked about, just before on_response of
  /// that: it is malformed, too large or too late, or no route serves it.  StreamView::refusal says why.  Then only Continue,
  /// Respond (in place of weir's page) and Abort are allowed.  What has crashed workers is refused without this call.
  virtual Verdict on_request(StreamView&) { return Verdict::Continue; }
  /// A piece of the request's body, on its way to the server.
  virtual Verdict on_request_body(StreamView&, BodyPiece&) { return Verdict::Continue; }
  virtual Verdict on_request_end(StreamView&, Headers& /*trailers*/) { return Verdict::Continue; }

  /// Before each try at a server, which may be one of several.
  virtual void on_attempt(StreamView&, const AttemptView&) {}

  /// Before the head of a server's answer, or of one that weir makes itself, is written; not for interim answers.  In the
  /// latter case `on_request` may not have run: StreamView::refusal.
  virtual Verdict on_response(StreamView&) { return Verdict::Continue; }
  virtual Verdict on_response_body(StreamView&, BodyPiece&) { return Verdict::Continue; }
  virtual Verdict on_response_end(StreamView&, Headers& /*trailers*/) { return Verdict::Continue; }

  /// What it suspended the stream for has come.  The verdict is that of the callback that suspended it, which is not called
  /// again.
  virtual Verdict on_wake(StreamView&, const Wake&) { return Verdict::Continue; }

  /// The last call, exactly one for each filter that was made, whatever happened.  The place to give back what a filter holds
  /// outside of the stream.
  virtual void on_finish(StreamView&, const Outcome&) {}

 protected:
  // Filters lie in arenas, whose contents nobody destroys one by one.
  ~Filter() = default;
};

/// A filter of its own for a stream, in its arena.
template <typename T, typename... Arguments>
Filter& make_filter(Arena& arena, Arguments&&... arguments) {
  static_assert(std::is_trivially_destructible_v<T>, "give back in on_finish what a filter holds");
  return *new (arena.allocate(sizeof(T), alignof(T))) T(std::forward<Arguments>(arguments)...);
}

/// A statement of weir.conf as a factory sees it: its words, already unquoted, and where it stands.
struct Statement {
  std::string_view word;
  std::vector<std::string> values;
  std::string place;  ///< "weir.conf:12:9"
};

/// What a factory may ask while it is built: on the builder's thread of a worker, beside the event loop.  So `build` may take its
/// time and read what the statement names, but must not touch anything that streams or services use, and no descriptor that
/// it opens is one of the loop's: that thread has a table of its own.  Many factories are built and destroyed without ever
/// being at work: by who checks a configuration, or when a reload is abandoned.  Timers and subrequests are for the service.
class FilterContext {
 public:
  /// The number of a backend of the configuration, for Subrequest; nothing if there is none of that name.
  virtual std::optional<std::uint32_t> backend(std::string_view name) const = 0;
  /// A text with variables, for StreamView::expand; an error names the variable that does not exist.
  virtual Result<std::unique_ptr<const Text>> text(std::string_view text) const = 0;

 protected:
  ~FilterContext() = default;
};

/// What `weirctl explain request` says of one statement.
class Explanation {
 public:
  /// What would be done, in a few words for an operator: "sets X-User: alice".  Copied; what is said by several calls
  /// stands on one line.
  virtual void say(std::string_view text) = 0;
  /// The request would be answered here and go no further: with that status (0: its connection is closed without an
  /// answer), for that reason.  Only the first call counts.
  virtual void answer(std::uint16_t status, std::string_view text) = 0;

 protected:
  ~Explanation() = default;
};

/// What one statement of weir.conf became.
class FilterFactory {
 public:
  /// On any thread; on the loop's if its service was started.
  virtual ~FilterFactory() = default;
  /// On the builder's thread, also while filters and the service are at work: it may look only at what `build` has made of it.
  virtual Needs needs() const = 0;
  /// The filter of one stream: made in its arena by `make_filter`, or one without state that all share, which then is part of
  /// the factory.  When the stream's route is known, or when the fallback in which it stands takes over.
  virtual Filter& make(Arena& arena) const = 0;
  /// What its filters would do with a request that somebody asks about, in the process that operators talk to: the same
  /// decision, without counting or asking.  The view has request(), received(), arena(), expand() and now(); response() is
  /// empty, and whatever counts, asks, waits or answers does nothing.  What a filter would change in request() is changed: the
  /// factories behind this one, the routes' actions and balancers see it.  Called in the order of on_request; factories whose
  /// filters see nothing but answers come last, when the request is what a server gets.
  ///
  /// In expand() a variable that only a real request has (its identifier, the client's port, times) stays as it is written; for
  /// factories that see only answers also one that depends on the answer.
  virtual void explain(StreamView&, Explanation&) const {}
  /// What lives on the loop, a part of this factory and always the same; null: nothing.  Asked once, after `build`.
  virtual FilterService* service() const { return nullptr; }
};

/// One word of weir.conf that makes a filter.
struct FilterKind {
  const char* word;
  const char* help;  ///< one line
  /// Errors need not name the place.  Called once for all equal statements, and not again by a reload that leaves them.
  Result<std::unique_ptr<FilterFactory>> (*build)(const Statement&, const FilterContext&);
  /// What the statement's meaning depends on beside its words, such as the content of a file that it names; null if nothing.
  std::uint64_t (*content_hash)(const Statement&) = nullptr;
};

}  // namespace weir
