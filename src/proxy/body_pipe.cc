// SPDX-License-Identifier: Apache-2.0
#include "proxy/body_pipe.h"

#include "base/assert.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

class BodyPipe::Piece final : public BodyPiece {
 public:
  /// `out`: where its filter may write; null: nowhere.
  Piece(BodyPipe& pipe, std::span<const std::span<const char>> spans, Buffer* out, bool is_last,
        bool is_cut)
      : pipe_(pipe), spans_(spans), out_(out), is_last_(is_last), is_cut_(is_cut) {}

  std::span<const std::span<const char>> spans() const override { return spans_; }
  bool is_last() const override { return is_last_; }
  bool is_cut() const override { return is_cut_; }
  void write(std::span<const char> bytes) override {
    has_written = true;
    if (!out_ || is_too_much) return;
    is_too_much = !pipe_.memory_.claim(*out_, bytes.size(), pipe_.is_collecting());
    if (!is_too_much) out_->append(bytes.data(), bytes.size());
  }

  bool has_written = false;
  bool is_too_much = false;  ///< there is no memory for all that it has written
  bool may_write() const { return out_ != nullptr; }

 private:
  BodyPipe& pipe_;
  std::span<const std::span<const char>> spans_;
  Buffer* out_;
  bool is_last_, is_cut_;
};

void BodyPipe::add(const StageWish& wish) {
  was_collecting_ |= stages_.emplace_back(wish).is_pending;
}

// What a filter that changes it makes of it has another length.
bool BodyPipe::takes(std::uint64_t length) {
  for (std::size_t at = 0; at < stages_.size(); ++at) {
    const BodyStage& stage = stages_[at];
    if (stage.wish.body == Body::Transform) break;
    if (stage.is_pending && stage.wish.over == Over::Reject && length > stage.wish.limit)
      return judge_length(at);
  }
  return true;
}

void BodyPipe::take(std::span<const char> bytes) {
  if (is_stopped_) return;
  const bool is_outermost = !std::exchange(is_running_, true);
  feed(0, bytes);
  if (!is_outermost) return;
  is_running_ = false;
  // Most pieces have gone through all stages by now, and nothing is left that could move.
  if (memory_.share.held() > 0 || was_collecting_) run();
}

void BodyPipe::take_end(Headers&& trailers) {
  if (is_stopped_) return;
  WEIR_ASSERT(!empty() && !stages_.front().has_ended);
  out_.trailers = std::move(trailers);
  stages_.front().has_ended = true;
  run();
}

// Past a filter at once if it may have the bytes now, else into the buffer before it.
void BodyPipe::feed(std::size_t at, std::span<const char> bytes) {
  if (is_stopped_ || bytes.empty()) return;
  const bool must_wait = at == stages_.size() ? !around_.outlet.has_room() || is_collecting()
                                              : is_suspended_ || stages_[at].is_pending;
  if (must_wait || !buffer(at).empty()) return void(hold(buffer(at), bytes));
  if (at == stages_.size()) {
    out_.passed += bytes.size();
    return around_.outlet.pass(bytes);
  }
  switch (stages_[at].wish.body) {
    case Body::Transform: return transform(at, bytes, false);
    case Body::Observe: break;
    default: return feed(at + 1, bytes);
  }
  Piece piece(*this, {&bytes, 1}, nullptr, false, false);
  if (call(at, piece)) return feed(at + 1, bytes);
  if (!is_stopped_ && hold(stages_[at].in, bytes)) stages_[at].seen = bytes.size();
}

// ---- Memory ------------------------------------------------------------------------------------

// A body that passes is held back, so that little of it lies here; it would break off if there were no room for that.
bool BodyPipe::Memory::claim(const Buffer& buffer, std::size_t more, bool is_collecting) {
  const std::size_t then = buffer.memory(more);
  const std::size_t growth = then - buffer.memory();
  if (is_collecting || then > most_passing) return share.grow(growth);
  share.add(growth);
  return true;
}

// Lays bytes down; false if there is no memory for them, and the body is refused.
bool BodyPipe::hold(Buffer& buffer, std::span<const char> bytes) {
  if (!memory_.claim(buffer, bytes.size(), is_collecting())) return refuse_for_memory();
  buffer.append(bytes.data(), bytes.size());
  return true;
}

void BodyPipe::Memory::let_go() {
  share.shrink_to(share.held() - std::min<std::uint64_t>(share.held(), Buffer::block_memory));
}

// Who has seen some of the body is not shown what takes its place: that might have to lie here, too.
bool BodyPipe::refuse_for_memory() {
  stop();
  for (const BodyStage& stage : stages_)
    if (stage.wants_body) around_.filters.refuse(around_.direction, stage.wish.filter);
  around_.events.on_refused(around_.direction, http::Failure::Overloaded);
  return false;
}

void BodyPipe::stop() {
  is_stopped_ = true;
  if (!is_running_) drop();  // else somebody may be in the middle of being told of it
}

void BodyPipe::drop() {
  out_.held.clear();
  for (BodyStage& stage : stages_) stage.in.clear();
  memory_.share.shrink_to(0);
}

// ---- Stages ------------------------------------------------------------------------------------

// True if its filter has continued.
bool BodyPipe::call(std::size_t at, Piece& piece) {
  const std::uint32_t filter = stages_[at].wish.filter;
  const Pass pass = around_.filters.body(around_.direction, filter, piece);
  if (piece.has_written && !piece.may_write()) {
    return settle(around_.filters.breach(filter, "has written to a body that it only observes"));
  }
  return piece.is_too_much ? refuse_for_memory() : settle(pass);
}

void BodyPipe::transform(std::size_t at, std::span<const char> bytes, bool is_end) {
  stages_[at].has_changed = true;
  Piece piece(*this, {&bytes, 1}, &buffer(at + 1), is_end, false);
  (void)call(at, piece);
}

bool BodyPipe::settle(Pass pass) {
  if (pass == Pass::Through) return true;
  if (pass == Pass::Waits) {
    is_suspended_ = true;
    return false;
  }
  stop();
  around_.events.on_decided(around_.direction, pass);
  return false;
}

// Until nothing moves any more.
void BodyPipe::run() {
  if (std::exchange(is_running_, true)) return;
  // What is nearer to the end goes first, so that little lies in the pipe.
  for (bool has_moved = true; has_moved && !is_stopped_;) {
    has_moved = drain();
    for (std::size_t at = stages_.size(); at-- > 0 && !is_stopped_;) has_moved |= step(at);
    if (!is_stopped_ && was_collecting_ && !is_collecting()) {
      was_collecting_ = false;
      around_.events.on_collected(around_.direction);
      has_moved = true;
    }
  }
  is_running_ = false;
  if (is_stopped_) return drop();
  if (memory_.share.held() == 0) return;
  std::uint64_t all = out_.held.memory();
  for (const BodyStage& stage : stages_) all += stage.in.memory();
  memory_.share.shrink_to(all);
}

// Moves something of what lies before a stage; true if it did.
bool BodyPipe::step(std::size_t at) {
  BodyStage& stage = stages_[at];
  if (is_suspended_) return false;
  if (stage.is_pending) return step_whole(at);
  if (stage.in.empty()) return stage.has_ended && finish(at);
  const bool next_collects = at + 1 < stages_.size() && stages_[at + 1].is_pending;
  if (!buffer(at + 1).empty() && !next_collects) return false;
  if (stage.seen == stage.in.size() && buffer(at + 1).empty()) {
    buffer(at + 1).take(stage.in);
    stage.seen = 0;
  } else {
    step_piece(at);
  }
  return true;
}

void BodyPipe::step_piece(std::size_t at) {
  BodyStage& stage = stages_[at];
  iovec block;
  stage.in.peek(&block, 1);
  std::span<const char> bytes(static_cast<const char*>(block.iov_base), block.iov_len);
  const bool is_seen = stage.seen > 0;
  if (is_seen) bytes = bytes.first(std::min(bytes.size(), stage.seen));
  const bool is_whole_block = bytes.size() == block.iov_len;
  if (!is_seen && stage.wish.body == Body::Transform) {
    transform(at, bytes, false);
    if (is_whole_block) memory_.let_go();
  } else {
    if (!is_seen && stage.wish.body == Body::Observe) {
      Piece piece(*this, {&bytes, 1}, nullptr, false, false);
      if (!call(at, piece)) {
        stage.seen = bytes.size();
        return;
      }
    }
    if (is_whole_block) memory_.let_go();
    feed(at + 1, bytes);
    around_.outlet.flush();
  }
  stage.in.consume(bytes.size());
  stage.seen -= std::min(stage.seen, bytes.size());
}

// Its filter wants all there is, but no more than the limit.
bool BodyPipe::step_whole(std::size_t at) {
  BodyStage& stage = stages_[at];
  if (stage.is_told) {  // it was suspended then, and continues now
    stage.is_pending = false;
    return true;
  }
  if (stage.in.size() > stage.wish.limit) return judge_length(at);
  if (!stage.has_ended) return false;
  tell_whole(at, false);
  return true;
}

bool BodyPipe::judge_length(std::size_t at) {
  BodyStage& stage = stages_[at];
  switch (stage.wish.over) {
    case Over::Reject:
      stop();
      around_.filters.refuse(around_.direction, stage.wish.filter);
      around_.events.on_refused(around_.direction, around_.direction == Direction::Request
                                                       ? http::Failure::RequestBodyTooLarge
                                                       : http::Failure::ResponseBodyTooLarge);
      return false;
    case Over::Prefix: tell_whole(at, true); break;
    case Over::Pass:
      stage.is_pending = false;
      stage.wish.body = Body::None;
      break;
  }
  return true;
}

void BodyPipe::tell_whole(std::size_t at, bool is_cut) {
  BodyStage& stage = stages_[at];
  WEIR_ASSERT(stage.is_pending && !stage.is_told);
  std::vector<iovec> blocks(stage.in.size() / Buffer::block_payload + 2);
  blocks.resize(
      static_cast<std::size_t>(stage.in.peek(blocks.data(), static_cast<int>(blocks.size()))));
  std::vector<std::span<const char>> spans;
  std::uint64_t left = is_cut ? stage.wish.limit : stage.in.size();
  Buffer instead;
  for (const iovec& block : blocks) {
    const std::span<const char> all(static_cast<const char*>(block.iov_base), block.iov_len);
    const auto part =
        all.first(static_cast<std::size_t>(std::min<std::uint64_t>(all.size(), left)));
    left -= part.size();
    if (!part.empty()) spans.push_back(part);
  }
  Piece piece(*this, spans, &instead, !is_cut, is_cut);
  stage.is_told = true;
  stage.wish.body = Body::None;
  const bool continues = call(at, piece);
  if (is_stopped_) return;
  if (piece.has_written) {
    is_replaced_ = true;
    std::uint64_t skipped = is_cut ? stage.wish.limit : stage.in.size();
    for (const iovec& block : blocks) {
      const std::uint64_t gone = std::min<std::uint64_t>(skipped, block.iov_len);
      skipped -= gone;
      if (!hold(instead, {static_cast<const char*>(block.iov_base) + gone, block.iov_len - gone}))
        return;
    }
    stage.in.clear();
    stage.in.take(instead);
  }
  stage.seen = stage.in.size();
  if (continues) stage.is_pending = false;
}

// Nothing more comes: the last calls of a filter, one at a time, since each of them may suspend.
bool BodyPipe::finish(std::size_t at) {
  BodyStage& stage = stages_[at];
  switch (stage.progress) {
    case BodyStage::Progress::Body:
      stage.progress = BodyStage::Progress::LastTold;
      if (stage.wish.body == Body::Transform) transform(at, {}, true);
      return true;
    case BodyStage::Progress::LastTold:
      stage.progress = BodyStage::Progress::EndTold;
      if (stage.wish.wants_end)
        (void)settle(around_.filters.end(around_.direction, stage.wish.filter, out_.trailers));
      return true;
    case BodyStage::Progress::EndTold:
      stage.progress = BodyStage::Progress::Done;
      (at + 1 == stages_.size() ? out_.has_ended : stages_[at + 1].has_ended) = true;
      return true;
    case BodyStage::Progress::Done: break;
  }
  return false;
}

bool BodyPipe::drain() {
  bool has_moved = false;
  while (!out_.held.empty() && !is_collecting() && around_.outlet.has_room()) {
    iovec block;
    out_.held.peek(&block, 1);
    memory_.let_go();
    out_.passed += block.iov_len;
    around_.outlet.pass({static_cast<const char*>(block.iov_base), block.iov_len});
    around_.outlet.flush();
    out_.held.consume(block.iov_len);
    has_moved = true;
    if (is_stopped_) return true;
  }
  if (!out_.has_ended || out_.is_end_passed || !out_.held.empty() || !around_.outlet.has_room())
    return has_moved;
  WEIR_ASSERT(!is_stopped_);
  out_.is_end_passed = true;
  around_.outlet.pass_end(out_.trailers);
  return true;
}

bool BodyPipe::wants() const {
  if (is_stopped_ || is_suspended_) return false;
  for (const BodyStage& stage : stages_) {
    if (stage.is_pending) return !stage.is_told;
    if (!stage.in.empty()) return false;
  }
  return out_.held.empty() && around_.outlet.has_room();
}

bool BodyPipe::is_collecting() const {
  return std::any_of(stages_.begin(), stages_.end(),
                     [](const BodyStage& stage) { return stage.is_pending; });
}

void BodyPipe::go_on() {
  WEIR_ASSERT(is_suspended_);
  is_suspended_ = false;
  run();
}

void BodyPipe::skip(std::uint32_t filter) {
  for (BodyStage& stage : stages_)
    if (stage.wish.filter == filter) stage.skip();
}

BodyStage::Part BodyPipe::part_of(std::uint32_t filter) const {
  const auto its = std::find_if(stages_.begin(), stages_.end(), [filter](const BodyStage& stage) {
    return stage.wish.filter == filter;
  });
  return its == stages_.end() ? BodyStage::Part::None : its->part();
}

void BodyPipe::leave(std::uint32_t filter) {
  WEIR_ASSERT(part_of(filter) != BodyStage::Part::Changing);
  for (BodyStage& stage : stages_)
    if (stage.wish.filter == filter) {
      is_replaced_ |= stage.wish.body == Body::Transform && stage.has_changed;
      stage.wish.wants_end = false;
    }
  skip(filter);
}

std::uint64_t BodyPipe::held() const {
  std::uint64_t all = out_.held.size();
  for (const BodyStage& stage : stages_) all += stage.in.size();
  return all;
}

Framing BodyPipe::framing(const Framing& from) const {
  const bool is_transformed =
      std::any_of(stages_.begin(), stages_.end(),
                  [](const BodyStage& stage) { return stage.wish.body == Body::Transform; });
  if (!is_transformed && !is_replaced_) return from;
  if (is_transformed || !stages_.front().has_ended) return {BodyEnd::Chunked, 0};
  return {BodyEnd::Length, out_.passed + held()};
}

}  // namespace weir::proxy
