// SPDX-License-Identifier: Apache-2.0
#include "proxy/body_pipe.h"

#include "base/assert.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

class BodyPipe::Piece final : public BodyPiece {
 public:
  /// `out`: where its filter may write; null: nowhere.
  Piece(std::span<const std::span<const char>> spans, Buffer* out, bool is_last, bool is_cut)
      : spans_(spans), out_(out), is_last_(is_last), is_cut_(is_cut) {}

  std::span<const std::span<const char>> spans() const override { return spans_; }
  bool is_last() const override { return is_last_; }
  bool is_cut() const override { return is_cut_; }
  void write(std::span<const char> bytes) override {
    has_written = true;
    if (out_) out_->append(bytes.data(), bytes.size());
  }

  bool has_written = false;
  bool may_write() const { return out_ != nullptr; }

 private:
  std::span<const std::span<const char>> spans_;
  Buffer* out_;
  bool is_last_, is_cut_;
};

void BodyPipe::add(const StageWish& wish) {
  Stage& stage = stages_.emplace_back(wish);
  stage.is_pending = wish.body == Body::Whole;
  was_collecting_ |= stage.is_pending;
}

void BodyPipe::take(std::span<const char> bytes) {
  if (is_stopped_) return;
  feed(0, bytes);
  run();
}

void BodyPipe::take_end(Headers&& trailers) {
  if (is_stopped_) return;
  WEIR_ASSERT(!empty() && !stages_.front().has_ended);
  trailers_ = std::move(trailers);
  stages_.front().has_ended = true;
  run();
}

// Past a filter at once if it may have the bytes now, else into the buffer before it.
void BodyPipe::feed(std::size_t at, std::span<const char> bytes) {
  if (is_stopped_ || bytes.empty()) return;
  const bool must_wait = is_behind(at) ? !outlet_.has_room() || is_collecting()
                                       : is_suspended_ || stages_[at].is_pending;
  if (must_wait || !buffer(at).empty()) return buffer(at).append(bytes.data(), bytes.size());
  if (is_behind(at)) {
    out_.passed += bytes.size();
    return outlet_.pass(bytes);
  }
  switch (stages_[at].wish.body) {
    case Body::Transform: return transform(at, bytes, false);
    case Body::Observe: break;
    default: return feed(at + 1, bytes);
  }
  Piece piece({&bytes, 1}, nullptr, false, false);
  if (call(at, piece)) return feed(at + 1, bytes);
  stages_[at].in.append(bytes.data(), bytes.size());
  stages_[at].seen = bytes.size();
}

// True if its filter has continued.
bool BodyPipe::call(std::size_t at, Piece& piece) {
  const std::uint32_t filter = stages_[at].wish.filter;
  const Pass pass = filters_.body(direction_, filter, piece);
  if (piece.has_written && !piece.may_write()) {
    return settle(filters_.breach(filter, "has written to a body that it only observes"));
  }
  return settle(pass);
}

void BodyPipe::transform(std::size_t at, std::span<const char> bytes, bool is_end) {
  stages_[at].has_changed = true;
  Piece piece({&bytes, 1}, &buffer(at + 1), is_end, false);
  (void)call(at, piece);
}

bool BodyPipe::settle(Pass pass) {
  if (pass == Pass::Through) return true;
  if (pass == Pass::Waits) {
    is_suspended_ = true;
    return false;
  }
  stop();
  events_.on_decided(direction_, pass);
  return false;
}

void BodyPipe::run() {
  if (is_running_) return;
  is_running_ = true;
  // What is nearer to the end goes first, so that little lies in the pipe.
  for (bool has_moved = true; has_moved && !is_stopped_;) {
    has_moved = drain();
    for (std::size_t at = stages_.size(); at-- > 0 && !is_stopped_;) has_moved |= step(at);
    if (!is_stopped_ && was_collecting_ && !is_collecting()) {
      was_collecting_ = false;
      events_.on_collected(direction_);
      has_moved = true;
    }
  }
  is_running_ = false;
}

// Moves something of what lies before a stage; true if it did.
bool BodyPipe::step(std::size_t at) {
  Stage& stage = stages_[at];
  if (is_suspended_) return false;
  if (stage.is_pending) return step_whole(at);
  if (stage.in.empty()) return stage.has_ended && finish(at);
  const bool next_collects = !is_behind(at + 1) && stages_[at + 1].is_pending;
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
  Stage& stage = stages_[at];
  iovec block;
  stage.in.peek(&block, 1);
  std::span<const char> bytes(static_cast<const char*>(block.iov_base), block.iov_len);
  const bool is_seen = stage.seen > 0;
  if (is_seen) bytes = bytes.first(std::min(bytes.size(), stage.seen));
  if (!is_seen && stage.wish.body == Body::Transform) {
    transform(at, bytes, false);
  } else {
    if (!is_seen && stage.wish.body == Body::Observe) {
      Piece piece({&bytes, 1}, nullptr, false, false);
      if (!call(at, piece)) {
        stage.seen = bytes.size();
        return;
      }
    }
    feed(at + 1, bytes);
    outlet_.flush();
  }
  stage.in.consume(bytes.size());
  stage.seen -= std::min(stage.seen, bytes.size());
}

// Its filter wants all there is, but no more than the limit.
bool BodyPipe::step_whole(std::size_t at) {
  Stage& stage = stages_[at];
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
  Stage& stage = stages_[at];
  switch (stage.wish.over) {
    case Over::Reject:
      stop();
      filters_.refuse(direction_, stage.wish.filter);
      events_.on_too_long(direction_);
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
  Stage& stage = stages_[at];
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
  Piece piece(spans, &instead, !is_cut, is_cut);
  stage.is_told = true;
  stage.wish.body = Body::None;
  const bool continues = call(at, piece);
  if (piece.has_written) {
    is_replaced_ = true;
    std::uint64_t skipped = is_cut ? stage.wish.limit : stage.in.size();
    for (const iovec& block : blocks) {
      const std::uint64_t gone = std::min<std::uint64_t>(skipped, block.iov_len);
      skipped -= gone;
      instead.append(static_cast<const char*>(block.iov_base) + gone, block.iov_len - gone);
    }
    stage.in.clear();
    stage.in.take(instead);
  }
  stage.seen = stage.in.size();
  if (continues) stage.is_pending = false;
}

// Nothing more comes: the last calls of a filter, one at a time, since each of them may suspend.
bool BodyPipe::finish(std::size_t at) {
  Stage& stage = stages_[at];
  switch (stage.progress) {
    case Progress::Body:
      stage.progress = Progress::LastTold;
      if (stage.wish.body == Body::Transform) transform(at, {}, true);
      return true;
    case Progress::LastTold:
      stage.progress = Progress::EndTold;
      if (stage.wish.wants_end)
        (void)settle(filters_.end(direction_, stage.wish.filter, trailers_));
      return true;
    case Progress::EndTold:
      stage.progress = Progress::Done;
      (is_behind(at + 1) ? out_.has_ended : stages_[at + 1].has_ended) = true;
      return true;
    case Progress::Done: break;
  }
  return false;
}

bool BodyPipe::drain() {
  bool has_moved = false;
  while (!out_.held.empty() && !is_collecting() && outlet_.has_room()) {
    iovec block;
    out_.held.peek(&block, 1);
    out_.passed += block.iov_len;
    outlet_.pass({static_cast<const char*>(block.iov_base), block.iov_len});
    outlet_.flush();
    out_.held.consume(block.iov_len);
    has_moved = true;
    if (is_stopped_) return true;
  }
  if (!out_.has_ended || out_.is_end_passed || !out_.held.empty() || !outlet_.has_room())
    return has_moved;
  WEIR_ASSERT(!is_stopped_);
  out_.is_end_passed = true;
  outlet_.pass_end(trailers_);
  return true;
}

bool BodyPipe::wants() const {
  if (is_stopped_ || is_suspended_) return false;
  for (const Stage& stage : stages_) {
    if (stage.is_pending) return !stage.is_told;
    if (!stage.in.empty()) return false;
  }
  return out_.held.empty() && outlet_.has_room();
}

bool BodyPipe::is_collecting() const {
  return std::any_of(stages_.begin(), stages_.end(),
                     [](const Stage& stage) { return stage.is_pending; });
}

void BodyPipe::go_on() {
  WEIR_ASSERT(is_suspended_);
  is_suspended_ = false;
  run();
}

void BodyPipe::skip(std::uint32_t filter) {
  for (Stage& stage : stages_)
    if (stage.wish.filter == filter) {
      stage.wish.body = Body::None;
      if (!stage.is_told) stage.is_pending = false;
    }
}

BodyPipe::Part BodyPipe::part_of(std::uint32_t filter) const {
  const auto its = std::find_if(stages_.begin(), stages_.end(), [filter](const Stage& stage) {
    return stage.wish.filter == filter;
  });
  if (its == stages_.end()) return Part::None;
  const bool has_begun = its->wish.body == Body::Transform && its->has_changed;
  return has_begun && its->progress == Progress::Body ? Part::Changing : Part::Idle;
}

void BodyPipe::leave(std::uint32_t filter) {
  WEIR_ASSERT(part_of(filter) != Part::Changing);
  for (Stage& stage : stages_)
    if (stage.wish.filter == filter) {
      is_replaced_ |= stage.wish.body == Body::Transform && stage.has_changed;
      stage.wish.wants_end = false;
    }
  skip(filter);
}

std::uint64_t BodyPipe::held() const {
  std::uint64_t all = out_.held.size();
  for (const Stage& stage : stages_) all += stage.in.size();
  return all;
}

Framing BodyPipe::framing(const Framing& from) const {
  const bool is_transformed = std::any_of(stages_.begin(), stages_.end(), [](const Stage& stage) {
    return stage.wish.body == Body::Transform;
  });
  if (!is_transformed && !is_replaced_) return from;
  if (is_transformed || !stages_.front().has_ended) return {BodyEnd::Chunked, 0};
  return {BodyEnd::Length, out_.passed + held()};
}

}  // namespace weir::proxy
