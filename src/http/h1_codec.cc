// SPDX-License-Identifier: Apache-2.0
#include "http/h1_codec.h"

#include "base/assert.h"
#include "http/partial_head.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace weir::http {

namespace {

// As far as it looks like a head; what follows it does not matter here.
constexpr std::string_view h2_preface = "PRI * HTTP/2.0\r\n\r\n";

// Whether an answer may begin with these bytes.
bool may_be_answer(std::span<const char> bytes) {
  constexpr std::string_view version = "HTTP/1.";
  const std::size_t size = std::min(bytes.size(), version.size());
  return std::string_view(bytes.data(), size) == version.substr(0, size);
}

}  // namespace

std::size_t H1Codec::feed(std::span<char> bytes) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    std::size_t step = 0;
    switch (state_) {
      case State::Head: step = read_head(bytes.subspan(used)); break;
      case State::Length:
      case State::Close: step = read_body(bytes.subspan(used)); break;
      case State::Chunked: step = read_chunks(bytes.subspan(used)); break;
      case State::Trailers: step = read_trailers(bytes.subspan(used)); break;
      case State::Done:
      case State::Broken: return used;
    }
    if (step == 0) return used;
    used += step;
  }
  return used;
}

void H1Codec::feed_end() {
  if (state_ == State::Close) return end_message(Headers());
  if (state_ == State::Done || state_ == State::Broken) return;
  if (role_ == Role::Server) return give_up(Failure::ClientGone);
  give_up(state_ == State::Head && !begun_ ? Failure::ServerClosed : Failure::ResponseTruncated);
}

void H1Codec::tell_partly(std::span<const char> bytes) {
  if (role_ != Role::Server || bytes.empty()) return;
  MessageSink* const sink = events_.sink();
  if (!sink) return;
  char* copy = sink->arena().text(bytes.size());
  std::memcpy(copy, bytes.data(), bytes.size());
  auto& head = sink->arena().array<RequestHead>(1)[0];
  read_partly({copy, bytes.size()}, head);
  sink->on_refused_head(head);
}

std::size_t H1Codec::read_head(std::span<char> bytes) {
  if (!begun_) {
    begun_ = true;
    events_.on_begin();
  }
  switch (scanner_.scan(bytes, limits_, role_ == Role::Server)) {
    case HeadScanner::State::Incomplete:
      // What speaks something else may wait for us to say more.
      if (role_ == Role::Client && !may_be_answer(bytes)) give_up(Failure::ResponseSyntax);
      return 0;
    case HeadScanner::State::Failed: tell_partly(bytes); return give_up(scanner_.failure()), 0;
    case HeadScanner::State::Complete: break;
  }
  std::size_t length = scanner_.length();
  scanner_.reset();
  if (length == h2_preface.size() && is_first_ && role_ == Role::Server &&
      std::memcmp(bytes.data(), h2_preface.data(), length) == 0 && events_.on_preface())
    return state_ = State::Broken, 0;
  sink_ = events_.sink();
  if (!sink_) return state_ = State::Broken, 0;
  // The stream keeps the head: it is copied once, and understood in place there.
  char* copy = sink_->arena().text(length);
  std::memcpy(copy, bytes.data(), length);
  Failure failure = understand({copy, length}, *sink_);
  if (failure != Failure::None) return give_up(failure), 0;
  return length;
}

Failure H1Codec::understand(std::span<char> text, MessageSink& sink) {
  Arena& arena = sink.arena();
  if (role_ == Role::Server) {
    auto& head = arena.array<RequestHead>(1)[0];
    Failure failure = parse_request(text, arena, head);
    if (failure != Failure::None) {
      read_partly(text, head);
      sink.on_refused_head(head);
      return failure;
    }
    begin_body(head.framing);
    sink.on_head(head);
  } else {
    auto& head = arena.array<ResponseHead>(1)[0];
    Failure failure = parse_response(text, arena, asked_, head);
    if (failure != Failure::None) return failure;
    if (head.is_interim()) {
      if (!interim_.spend(text.size())) return Failure::ResponseInterimFlood;
      begun_ = false;  // of the answer itself nothing has been read
      sink.on_head(head);
      return Failure::None;
    }
    begin_body(head.framing);
    sink.on_head(head);
  }
  if (state_ == State::Done) end_message(Headers());
  return Failure::None;
}

void H1Codec::begin_body(const Framing& framing) {
  switch (framing.end) {
    case BodyEnd::None: state_ = State::Done; break;
    case BodyEnd::Length:
      left_ = framing.length;
      state_ = left_ > 0 ? State::Length : State::Done;
      break;
    case BodyEnd::Chunked:
      chunks_.reset();
      state_ = State::Chunked;
      break;
    case BodyEnd::Close: state_ = State::Close; break;
  }
}

std::size_t H1Codec::read_body(std::span<char> bytes) {
  if (!sink_->wants_body()) return 0;
  std::size_t count = bytes.size();
  if (state_ == State::Length)
    count = static_cast<std::size_t>(std::min<std::uint64_t>(count, left_));
  if (state_ == State::Length) left_ -= count;
  sink_->on_body(bytes.first(count));
  if (state_ == State::Length && left_ == 0) end_message(Headers());
  return count;
}

std::size_t H1Codec::read_chunks(std::span<char> bytes) {
  if (!sink_->wants_body()) return 0;
  ChunkDecoder::Step step = chunks_.decode(bytes);
  switch (step.state) {
    case ChunkDecoder::State::More: break;
    case ChunkDecoder::State::Data: sink_->on_body(step.data); break;
    case ChunkDecoder::State::Trailers:
      scanner_.reset();
      state_ = State::Trailers;
      break;
    case ChunkDecoder::State::Failed: give_up(bad_framing()); return 0;
  }
  return step.used;
}

std::size_t H1Codec::read_trailers(std::span<char> bytes) {
  switch (scanner_.scan_trailers(bytes, limits_, role_ == Role::Server)) {
    case HeadScanner::State::Incomplete: return 0;
    case HeadScanner::State::Failed: return give_up(bad_framing()), 0;
    case HeadScanner::State::Complete: break;
  }
  std::size_t length = scanner_.length();
  scanner_.reset();
  Arena& arena = sink_->arena();
  char* copy = arena.text(length);
  std::memcpy(copy, bytes.data(), length);
  Headers trailers;
  Failure failure = parse_trailers({copy, length}, arena, trailers);
  if (failure != Failure::None) return give_up(bad_framing()), 0;
  end_message(trailers);
  return length;
}

void H1Codec::end_message(const Headers& trailers) {
  state_ = State::Done;
  begun_ = false;
  if (MessageSink* sink = sink_) {
    sink_ = nullptr;
    sink->on_end(trailers);
  }
}

void H1Codec::give_up(Failure failure) {
  state_ = State::Broken;
  sink_ = nullptr;
  events_.on_broken(failure);
}

void H1Codec::next() {
  WEIR_ASSERT(state_ == State::Done);
  state_ = State::Head;
  scanner_.reset();
  interim_ = {};
  is_first_ = false;
}

std::uint64_t H1Codec::plain_body() const {
  if (state_ == State::Length) return left_;
  return 0;
}

void H1Codec::skip_body(std::uint64_t bytes) {
  WEIR_ASSERT(state_ == State::Length && bytes <= left_);
  left_ -= bytes;
  if (left_ == 0) end_message(Headers());
}

void H1Codec::write_request(const RequestHead& head, const WriteOptions& options, Gather& out) {
  asked_ = head.method;
  writing_ = options.framing.end;
  out.commit(http::write_request(out.reserve(request_size(head)), head, options));
}

void H1Codec::write_response(const ResponseHead& head, const WriteOptions& options, Gather& out) {
  writing_ = options.framing.end;
  out.commit(http::write_response(out.reserve(response_size(head)), head, options));
}

void H1Codec::write_body(std::span<const char> bytes, Gather& out) {
  if (bytes.empty()) return;
  if (writing_ != BodyEnd::Chunked) return out.refer(bytes);
  out.commit(chunk_head(out.reserve(chunk_head_size), bytes.size()));
  out.refer(bytes);
  std::memcpy(out.reserve(2), "\r\n", 2);
  out.commit(2);
}

void H1Codec::write_end(const Headers& trailers, Gather& out) {
  if (writing_ == BodyEnd::Chunked)
    out.commit(write_last_chunk(out.reserve(trailers_size(trailers)), trailers));
  writing_ = BodyEnd::None;
}

}  // namespace weir::http
