// SPDX-License-Identifier: Apache-2.0
//
// BodyPipe: a body on its way through the filters that want to see it, in one direction of a stream.  Each filter is a stage.
// Pieces go through all stages at once as long as nobody waits: what filters only observe is not copied.  What a stage may not
// take yet (its filter is suspended, or wants all of the body) lies before it, and then no more is read.
#pragma once

#include <weir/filter.h>

#include "base/buffer.h"

#include <cstdint>
#include <span>
#include <vector>

namespace weir::proxy {

/// What a filter, or several of them, decided.
enum class Pass : std::uint8_t {
  Through,   ///< all have continued
  Waits,     ///< one has suspended the stream
  Responds,  ///< one has given an answer
  Reroutes,
  Aborts,
  Breaches  ///< one has broken the contract, as the log says
};

/// The filters of a stream as its pipes see them: by number.
class PipeFilters {
 public:
  virtual Pass body(Direction direction, std::uint32_t filter, BodyPiece& piece) = 0;
  virtual Pass end(Direction direction, std::uint32_t filter, Headers& trailers) = 0;
  /// The body is longer than it takes, and is refused.
  virtual void refuse(Direction direction, std::uint32_t filter) = 0;
  /// It has broken the contract; Pass::Breaches.
  virtual Pass breach(std::uint32_t filter, std::string_view what) = 0;

 protected:
  ~PipeFilters() = default;
};

/// Where a body goes behind the filters.
class PipeOutlet {
 public:
  virtual bool has_room() const = 0;
  /// The bytes stay until `flush` returns, or until the end of the iteration.
  virtual void pass(std::span<const char> bytes) = 0;
  virtual void pass_end(Headers& trailers) = 0;
  virtual void flush() = 0;

 protected:
  ~PipeOutlet() = default;
};

/// What a pipe tells of.
class PipeEvents {
 public:
  /// All filters that wanted the body as a whole have continued, and what they left can go on.
  virtual void on_collected(Direction direction) = 0;
  /// A filter has decided otherwise than to continue or to wait; or the body is longer than one wants.
  virtual void on_decided(Direction direction, Pass pass) = 0;
  virtual void on_too_long(Direction direction) = 0;

 protected:
  ~PipeEvents() = default;
};

/// What a filter wants of a body.
struct StageWish {
  std::uint32_t filter = 0;
  Body body = Body::None;
  std::uint64_t limit = 0;  ///< of Body::Whole
  Over over = Over::Reject;
  bool wants_end = false;
};

class BodyPipe {
 public:
  /// All outlive it.
  BodyPipe(Direction direction, PipeFilters& filters, PipeOutlet& outlet, PipeEvents& events)
      : direction_(direction), filters_(filters), outlet_(outlet), events_(events) {}

  /// Before the first piece, in the order in which pieces pass.
  void add(const StageWish& wish);
  bool empty() const { return stages_.empty(); }

  /// A piece; it stays as PipeOutlet::pass wants it.
  void take(std::span<const char> bytes);
  /// The body is complete.
  void take_end(Headers&& trailers);
  /// More would be taken on at once.
  bool wants() const;

  /// Some filter still wants all of it before anything goes on.
  bool is_collecting() const;
  /// The outlet has room.
  void run();
  /// The filter that had suspended the stream continues.
  void go_on();
  /// From the next piece on a filter sees nothing more.
  void skip(std::uint32_t filter);
  /// What a filter has to do with the body.
  enum class Part : std::uint8_t {
    None,      ///< it has no stage here
    Idle,      ///< it could be left out from here on
    Changing,  ///< it is in the middle of writing something else in place of the body
  };
  Part part_of(std::uint32_t filter) const;
  /// It is left out from here on, and told no end.  Not while it is Changing.
  void leave(std::uint32_t filter);
  /// No more is passed, and nobody is called.
  void stop() { is_stopped_ = true; }

  /// Bytes that lie in it.
  std::uint64_t held() const;
  /// The framing of what goes on, where that of what comes is `from`.  Once nothing is collected any more.
  Framing framing(const Framing& from) const;

 private:
  enum class Progress : std::uint8_t { Body, LastTold, EndTold, Done };

  struct Stage {
    explicit Stage(const StageWish& its) : wish(its) {}
    Stage(Stage&& other) noexcept  // only while it is empty, see `add`
        : wish(other.wish), is_pending(other.is_pending) {}
    StageWish wish;
    Buffer in;
    std::size_t seen = 0;      ///< of `in`, the filter knows already
    bool has_ended = false;    ///< nothing more comes into it
    bool is_pending = false;   ///< its filter wants all of the body, and has not continued yet
    bool is_told = false;      ///< it was given that
    bool has_changed = false;  ///< its filter was asked to write something in place of what came
    Progress progress = Progress::Body;
  };
  class Piece;

  bool is_behind(std::size_t at) const { return at == stages_.size(); }
  Buffer& buffer(std::size_t at) { return is_behind(at) ? out_.held : stages_[at].in; }
  void feed(std::size_t at, std::span<const char> bytes);
  bool call(std::size_t at, Piece& piece);
  void transform(std::size_t at, std::span<const char> bytes, bool is_end);
  bool judge_length(std::size_t at);
  void tell_whole(std::size_t at, bool is_cut);
  bool step(std::size_t at);
  bool step_whole(std::size_t at);
  void step_piece(std::size_t at);
  bool finish(std::size_t at);
  bool drain();
  bool settle(Pass pass);

  const Direction direction_;
  PipeFilters& filters_;
  PipeOutlet& outlet_;
  PipeEvents& events_;
  std::vector<Stage> stages_;
  /// Behind the last stage.
  struct Out {
    Buffer held;
    std::uint64_t passed = 0;  ///< bytes that went on, and may go on once more to another server
    bool has_ended = false;
    bool is_end_passed = false;
  };
  Out out_;
  Headers trailers_;
  bool is_running_ = false;
  bool is_replaced_ = false;  ///< a filter has written something else in place of the whole body
  bool was_collecting_ = false;
  bool is_suspended_ = false;  ///< by one of its filters: none is called until that goes on
  bool is_stopped_ = false;
};

}  // namespace weir::proxy
