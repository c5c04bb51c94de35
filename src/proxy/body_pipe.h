// SPDX-License-Identifier: Apache-2.0
//
// BodyPipe: a body on its way through the filters that want to see it, in one direction of a stream.  Each filter is a stage.
// Pieces go through all stages at once as long as nobody waits: what filters only observe is not copied.  What a stage may not
// take yet (its filter is suspended, or wants all of the body) lies before it, and then no more is read.  All that lies here
// counts in the worker's BodyMemory; a body that is collected, or grows on its way, and would take more than there is, is refused.
#pragma once

#include <weir/filter.h>

#include "base/buffer.h"
#include "http/failure.h"
#include "proxy/body_memory.h"
#include "proxy/body_stage.h"

#include <cstdint>
#include <span>
#include <utility>
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
  /// The body is refused, which is longer than it takes or than there is memory for.
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
  /// A filter has decided otherwise than to continue or to wait.
  virtual void on_decided(Direction direction, Pass pass) = 0;
  /// The body is longer than a filter wants (RequestBodyTooLarge, ResponseBodyTooLarge), or than there is memory for
  /// (Overloaded).
  virtual void on_refused(Direction direction, http::Failure why) = 0;

 protected:
  ~PipeEvents() = default;
};

/// Bytes of memory that what a filter writes for a piece, or a piece that waits for a filter, takes whatever others hold: twice a
/// read.
inline constexpr std::size_t most_passing = 256 * 1024;

class BodyPipe {
 public:
  /// All outlive it.
  BodyPipe(Direction direction, PipeFilters& filters, PipeOutlet& outlet, PipeEvents& events,
           BodyMemory& memory)
      : around_{direction, filters, outlet, events}, memory_{.share = BodyMemory::Share(memory)} {}

  /// Before the first piece, in the order in which pieces pass.
  void add(const StageWish& wish);
  bool empty() const { return stages_.empty(); }
  /// Of a body whose length was told: false, and it is refused, if that is more than a filter takes.
  bool takes(std::uint64_t length);

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
  BodyStage::Part part_of(std::uint32_t filter) const;
  /// It is left out from here on, and told no end.  Not while it is BodyStage::Part::Changing.
  void leave(std::uint32_t filter);
  /// No more is passed, nobody is called, and what lies in it goes.
  void stop();

  /// Bytes that lie in it.
  std::uint64_t held() const;
  /// The framing of what goes on, where that of what comes is `from`.  Once nothing is collected any more.
  Framing framing(const Framing& from) const;

 private:
  class Piece;
  struct Around {
    Direction direction;
    PipeFilters& filters;
    PipeOutlet& outlet;
    PipeEvents& events;
  };
  /// What the buffers of all stages take.
  struct Memory {
    BodyMemory::Share share;
    /// For `more` bytes at the end of a buffer; false if there is none for them.
    bool claim(const Buffer& buffer, std::size_t more, bool is_collecting);
    /// The first block of a buffer goes on, to somebody who may lay it down and counts it then.
    void let_go();
  };
  /// Behind the last stage.
  struct Out {
    Buffer held;
    std::uint64_t passed = 0;  ///< bytes that went on, and may go on once more to another server
    Headers trailers;
    bool has_ended = false;
    bool is_end_passed = false;
  };

  Buffer& buffer(std::size_t at) { return at < stages_.size() ? stages_[at].in : out_.held; }
  void feed(std::size_t at, std::span<const char> bytes);
  bool hold(Buffer& buffer, std::span<const char> bytes);
  void drop();
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
  bool refuse_for_memory();

  const Around around_;
  Memory memory_;
  std::vector<BodyStage> stages_;
  Out out_;
  bool is_running_ = false;
  bool is_replaced_ = false;  ///< a filter has written something else in place of the whole body
  bool was_collecting_ = false;
  bool is_suspended_ = false;  ///< by one of its filters: none is called until that goes on
  bool is_stopped_ = false;
};

}  // namespace weir::proxy
