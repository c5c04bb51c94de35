// SPDX-License-Identifier: Apache-2.0
//
// StreamView: what a filter may see of one request and its answer, and do to them.  Everything here happens on the thread
// of the worker's event loop, and only from inside a callback of the filter that it is for.  Texts that are handed in are
// copied into the stream's arena; what is handed out lives as long as the stream.
#pragma once

#include <weir/arena.h>
#include <weir/message.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace weir {

/// Why a filter refuses a request; logs and error pages name it.
enum class Refusal : std::uint8_t {
  MalformedPath,  ///< 400 request_target: what the filter makes of the path is none
  RegexLimit,     ///< 500 regex_limit: a Regex gave up, so nobody knows whether it matches
  Failed,         ///< 500 filter_failed: the filter cannot do its work
  Overloaded      ///< 503 overloaded
};

/// What becomes of a body that is longer than a filter with Body::Whole wants.
enum class Over : std::uint8_t {
  Reject,  ///< the request is refused with 413, an answer is replaced by 502
  Prefix,  ///< the filter sees the first part, and the rest goes on behind it unseen
  Pass     ///< all goes on unseen
};

/// The two halves of a stream, which a filter may wait in independently of each other.
enum class Direction : std::uint8_t { Request, Response };

/// A piece of a body, or for Body::Whole all of it.
class BodyPiece {
 public:
  /// The bytes in order; one span for Observe and Transform.  They live until the callback returns.
  virtual std::span<const std::span<const char>> spans() const = 0;
  std::span<const char> bytes() const {
    return spans().empty() ? std::span<const char>() : spans().front();
  }
  /// Nothing follows.  Observe is told that by the callback for the end instead.
  virtual bool is_last() const = 0;
  /// Only part of the body is here, for Over::Prefix.
  virtual bool is_cut() const = 0;
  /// Transform: what goes on instead of this piece, copied; any number of times, also never.  Whole: the first call drops
  /// what was there.  All that is written in one call lies in memory until it can go on; what there is no memory for is dropped,
  /// and the request fails as overloaded.  For Observe a breach of the contract.
  virtual void write(std::span<const char> bytes) = 0;

 protected:
  ~BodyPiece() = default;
};

/// A request of weir's own to a backend, on behalf of a stream or of a FilterService.  It takes a pooled connection, counts at
/// its server like any other and meets no filters.
struct Subrequest {
  std::uint32_t backend = 0;  ///< FilterContext::backend
  std::string_view method = "GET";
  std::string_view path = "/";      ///< with its query; begins with a slash
  std::span<const Field> fields{};  ///< Host is added if there is none
  std::string_view body{};
  std::uint32_t take =
      64 * 1024;  ///< bytes of the answer's body that are kept; the rest is dropped
  /// For all of it; of a stream's, `timeout filter` counts as well.
  std::uint32_t timeout_ms = 1000;
  std::uint32_t tag = 0;  ///< comes back in the answer
};

/// What came of a Subrequest.  One that is not well-formed (method, path, names and values of fields) is not sent: its
/// `failure` is "request_syntax".
struct SubAnswer {
  std::uint16_t status = 0;  ///< 0: there was none
  const Headers* fields = nullptr;
  std::string_view body{};
  bool is_cut = false;  ///< the body was longer than `take`
  std::string_view
      failure{};          ///< the name of what failed, as in logs; empty if there was an answer
  std::uint32_t tag = 0;  ///< that of the Subrequest
};

/// Why a filter that had suspended its stream is called again.
struct Wake {
  enum class Why : std::uint8_t { Answers, Timer, Signal };
  Why why = Why::Timer;
  Direction direction = Direction::Request;
  /// Of Answers: in the order in which they were asked for.
  std::span<const SubAnswer> answers{};
};

/// Wakes a suspended stream, once: from a later event of the same worker.  A plain value; fired for a stream that has
/// ended, or for the second time, it does nothing.
class Waker {
 public:
  void fire() const { table_ ? table_->fire(index_, serial_) : void(); }

  /// Where wakers are kept; weir's own.
  class Table {
   public:
    virtual void fire(std::uint32_t index, std::uint32_t serial) = 0;

   protected:
    ~Table() = default;
  };
  Waker() = default;
  Waker(Table& table, std::uint32_t index, std::uint32_t serial)
      : table_(&table), index_(index), serial_(serial) {}

 private:
  Table* table_ = nullptr;
  std::uint32_t index_ = 0, serial_ = 0;
};

/// A body that is produced while the client takes it.  It lies in the stream's arena, or lives longer.
class BodySource {
 public:
  struct Produced {
    std::size_t bytes = 0;
    bool is_end =
        false;  ///< nothing follows.  Neither bytes nor the end: the stream waits for the Waker of `wait`
  };
  /// Fills `into`, as far as there is something now.
  virtual Produced produce(std::span<char> into) = 0;
  /// What to fire when there is more, after `produce` had nothing.
  virtual void wait(Waker waker) = 0;

 protected:
  ~BodySource() = default;
};

/// A field line of a request as its client has sent it.
struct ReceivedField {
  /// As spelled, without the colon; empty if the line has none: there is no colon, or a blank in front.
  std::string_view name;
  std::string_view value;   ///< without surrounding blanks; of a line without a name all of it
  bool is_dropped = false;  ///< weir does not pass it on, because of a `_` in its name
};

/// The head of a request as it came.
struct Received {
  std::string_view line;  ///< the request line, without its end; nothing came if it is empty
  std::span<const ReceivedField> fields{};  ///< in order, each line for itself
  /// All up to the empty line is here.  Else no more came, or weir did not want to hear more: the last line may be cut off.
  bool is_complete = false;
};

/// A text with `$variables`, understood once: FilterContext::text.
class Text {
 public:
  virtual ~Text() = default;
};

class StreamView {
 public:
  /// Of a request that is refused before it was understood: what is known of it, which may be nothing at all; method, target
  /// and host need not be well-formed, and the target may be cut off.
  virtual RequestHead& request() = 0;
  /// The request's head as the client sent it, whatever weir and filters have made of `request()` since, also of a request that
  /// is refused.  In any callback, as often as one likes: it is taken apart once, when it is first asked for.  Over HTTP/2 it is
  /// what HTTP/1.1 would have sent: `:authority` is the field host, and all cookies are one field, the last one.
  virtual const Received& received() = 0;
  /// Why weir refuses the request before any filter had its say: the name of the failure, as in logs.  Empty in the ordinary
  /// case.  From on_request, which is called then for Needs::refused only, to on_finish.
  virtual std::string_view refusal() = 0;
  /// Only in callbacks for the answer.
  virtual ResponseHead& response() = 0;
  virtual Arena& arena() = 0;
  /// A text with its `$variables` filled in as of now; bytes that may not stand in a field are dropped.
  virtual std::string_view expand(const Text& text) = 0;
  /// The loop's clock in microseconds, the same during one iteration.
  virtual std::uint64_t now() = 0;

  // For Verdict::Respond, until the head of the answer has left: it is made in place of the server's.

  /// A status (200-599) and a text.  A gRPC call gets the status that corresponds.
  virtual void respond(std::uint16_t status, std::string_view text) = 0;
  /// A head of which status and fields count, in the stream's arena, and a body that is produced.
  virtual void respond(ResponseHead& head, BodySource& body) = 0;
  /// The page of that failure.
  virtual void refuse(Refusal why) = 0;

  // For Verdict::Suspend: exactly one of these before it is returned.  The callback on_wake follows, never from inside another
  // callback.  `timeout filter` bounds the first and the last.

  /// Up to 8, by calling it that often: the wake comes when all have been answered.
  virtual void ask(const Subrequest& subrequest) = 0;
  virtual void sleep(std::uint32_t ms) = 0;
  virtual Waker signal() = 0;

  // Bodies, until the head has left; `skip_body` also later, from the next piece on.

  /// As if the factory had said Body::Whole in this direction.
  virtual void want_whole(std::uint64_t limit, Over over) = 0;
  /// As if it had said Body::None.
  virtual void skip_body() = 0;
  /// What a Transform filter makes of the body has this many bytes: it is not sent in chunks then.
  virtual void set_length(std::uint64_t bytes) = 0;

  /// Something for the access log: `notes` of the JSON format, and $note_NAME.  16 a stream, of values 256 bytes; what is more is
  /// dropped.
  virtual void note(std::string_view name, std::string_view value) = 0;

 protected:
  ~StreamView() = default;
};

}  // namespace weir
