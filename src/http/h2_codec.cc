// SPDX-License-Identifier: Apache-2.0
//
// nghttp2 keeps the protocol (frames, HPACK, windows, states of streams, the rules of RFC 9113 §8, order by
// RFC 9218); here its callbacks become the events of messages, and the bytes of bodies are kept.
#include "http/h2_codec.h"

#include "http/h2_codec_calls.h"
#include "http/message.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace weir::http {

namespace {

constexpr std::size_t most_dropped = 256 * 1024;
constexpr std::uint32_t few_requests = 4;
// Of DATA that was on its way when we closed its stream; the smallest messages may be many to a window.
constexpr std::uint32_t late_per_token = 64;
constexpr std::size_t frames_room = 4096;  // for the heads of frames, beside bytes that are lent
std::uint32_t code_for(Failure reason) {
  switch (reason) {
    case Failure::None:
    case Failure::ClientGone:
    case Failure::ClientSendTimeout:
    case Failure::RequestBodyTimeout:
    case Failure::RequestTimeout:
    case Failure::Denied: return NGHTTP2_CANCEL;
    case Failure::RequestSyntax:
    case Failure::RequestFraming: return NGHTTP2_PROTOCOL_ERROR;
    case Failure::Shutdown: return NGHTTP2_REFUSED_STREAM;
    default: return NGHTTP2_INTERNAL_ERROR;
  }
}

}  // namespace

H2Codec::H2Codec(const HeadLimits& limits, H2Events& events, const H2Room& room)
    : events_(events),
      limits_(limits),
      granted_(room),
      heads_(NGHTTP2_CLIENT_MAGIC_LEN),
      late_(room.streams) {
  nghttp2_mem memory = memory_in(memory_.emplace());
  nghttp2_session_server_new3(&session_, Calls::callbacks(), this, Calls::options(), &memory);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, room.streams},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.total},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, connection_window);
}

H2Codec::~H2Codec() { close(); }

void H2Codec::close() {
  if (!session_) return;
  stop();
  nghttp2_session_del(awake());
  session_ = nullptr;
  staged_.clear();
  memory_.reset();
  touched_.splice_back(open_);
  touched_.splice_back(held_);
  while (Message* m = touched_.pop_front()) delete m;
}

// ---- From the client ---------------------------------------------------------------------------

void H2Codec::feed(std::span<const char> bytes) {
  if (stopped_ || deaf_) return;
  feeding_ = true;
  ssize_t used = 0;
  for (std::span<const char> rest = bytes; used >= 0 && !deaf_ && !rest.empty();) {
    StreamId stream = 0;
    const std::size_t size = heads_.to_data(rest, stream);
    // The stream is looked at when all before the frame's head has been understood: the frame itself may close it.
    const std::size_t before = stream == 0 ? size : size - 1;
    used = understand(rest.first(before));
    if (before < size && used >= 0 && !deaf_) {
      const bool is_closed = stream % 2 == 1 && stream <= highest_ && !find(stream);
      used = understand(rest.subspan(before, 1));
      if (is_closed && used >= 0) discard(stream);
    }
    rest = rest.subspan(size);
  }
  feeding_ = false;
  if (used >= 0 || deaf_) return;
  if (used == NGHTTP2_ERR_FLOODED || used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
    count(H2Abuse::Floods);
  else
    events_.on_broken(Failure::RequestSyntax);
}

ssize_t H2Codec::understand(std::span<const char> bytes) {
  return nghttp2_session_mem_recv(awake(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                  bytes.size());
}

void H2Codec::discard(StreamId stream) {
  if (judge_closed(stream) && ++discarded_ % late_per_token == 0) count(H2Abuse::EmptyFrames);
}

// The session, whose pages may have been saved while the connection was idle.
nghttp2_session* H2Codec::awake() const {
  memory_->wake();
  return session_;
}

H2Codec::Message* H2Codec::find(StreamId stream) const {
  return session_ ? Calls::message(awake(), static_cast<std::int32_t>(stream)) : nullptr;
}

// A frame on a stream that is over.  True if it may have been on its way when we closed the stream, or if the
// client learns from our GOAWAY that nothing comes of it; otherwise it is an error (RFC 9113 §5.1).
bool H2Codec::judge_closed(StreamId stream) {
  const bool may_be = stream > served_ || late_.may_have(stream);
  if (!may_be) break_off(NGHTTP2_STREAM_CLOSED);
  return may_be;
}

void H2Codec::begin(StreamId stream) {
  if (stopped_) return;
  auto* m = new Message(stream);
  open_.push_back(*m);
  ++open_count_;
  ++begun_;
  nghttp2_session_set_stream_user_data(session_, m->id, m);
  m->sink = events_.sink(*m, stream);
  if (!m->sink)
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, m->id, NGHTTP2_REFUSED_STREAM);
}

// What is arriving is the head of the highest stream, or trailers, which name no method.
void H2Codec::tell_partly(Message& m) {
  const bool is_arriving = fields_ && static_cast<StreamId>(m.id) == highest_;
  if (!is_arriving || !m.sink || m.failure != Failure::None) return;
  auto& head = m.sink->arena().array<RequestHead>(1)[0];
  head.protocol = Protocol::Http2;
  fields_->name_partly(m.sink->arena(), head);
  if (head.method_text.empty()) return;
  fields_.reset();
  m.sink->on_refused_head(head);
}

void H2Codec::finish_head(Message& m, bool ended) {
  if (!m.sink || !fields_) return;
  Arena& arena = m.sink->arena();
  auto& head = arena.array<RequestHead>(1)[0];
  Failure failure = Failure::None;
  const Understood understood = fields_->finish_request(ended, arena, head, failure);
  fields_.reset();
  m.is_head = head.method == Method::Head;
  m.in_ended = ended;
  switch (understood) {
    case Understood::Fine: break;
    case Understood::Refused:
      m.end_told = true;
      if (!head.method_text.empty()) m.sink->on_refused_head(head);
      return events_.on_refused(*m.sink, failure);
    case Understood::Malformed:
      m.failure = failure;
      if (!head.method_text.empty()) m.sink->on_refused_head(head);
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, m.id, NGHTTP2_PROTOCOL_ERROR);
      return;
  }
  m.held = &head;
  events_.on_held(*m.sink, head);
  m.unlink();
  held_.push_back(m);
}

void H2Codec::tell(Message& m, RequestHead& head) {
  m.sink->on_head(head);
  if (!m.sink || !m.in_ended || !m.in.empty()) return deliver(m);
  m.end_told = true;
  m.sink->on_end(m.trailers);
}

// A client that asks for much at a time must not keep all others waiting.  The clock is read now and then only.
void H2Codec::tell_held() {
  std::uint32_t told = 0;
  feeding_ = true;
  while (Message* m = is_holding() ? nullptr : held_.pop_front()) {
    open_.push_back(*m);
    RequestHead& head = *std::exchange(m->held, nullptr);
    if (!m->sink || m->failure != Failure::None) continue;
    tell(*m, head);
    if (++told % few_requests == 0 && (is_wasteful() || events_.is_late())) break;
  }
  feeding_ = false;
}

void H2Codec::finish_trailers(Message& m) {
  if (!m.sink || !fields_) return;
  if (fields_->finish_trailers(m.sink->arena(), m.trailers) != Understood::Fine) {
    m.failure = Failure::RequestSyntax;
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, m.id, NGHTTP2_PROTOCOL_ERROR);
    return;
  }
  m.in_ended = true;
  deliver(m);
}

void H2Codec::take_body(Message& m, std::string_view bytes) {
  nghttp2_session_consume_connection(session_, bytes.size());
  // Nobody is told more of what was refused, or is about to be reset.
  if (!m.sink || m.end_told || m.failure != Failure::None) return drop_body(m, bytes.size());
  if (m.held || !m.in.empty() || !m.sink->wants_body())
    return m.in.append(bytes.data(), bytes.size());
  m.sink->on_body(bytes);
  m.open_window(session_, m.id, bytes.size(), granted_.window, growth_);
}

void H2Codec::deliver(Message& m) {
  if (m.failure != Failure::None || m.held || std::exchange(m.is_delivering, true)) return;
  while (m.sink && !m.in.empty() && m.sink->wants_body()) {
    iovec piece;
    m.in.peek(&piece, 1);
    m.sink->on_body({static_cast<const char*>(piece.iov_base), piece.iov_len});
    events_.flush();
    m.in.consume(piece.iov_len);
    m.open_window(session_, m.id, piece.iov_len, granted_.window, growth_);
  }
  m.is_delivering = false;
  if (!m.sink || !m.in.empty() || !m.in_ended || m.end_told || !m.sink->wants_body()) return;
  m.end_told = true;
  m.sink->on_end(m.trailers);
}

void H2Codec::resume(Message& m) { deliver(m); }

// Whatever else the request has to say is of no interest.  Some clients take a reset right behind an answer
// (RFC 9113 §8.1) for its failure, so a rest of ordinary size is let in and dropped.
void H2Codec::finish_out(Message& m) {
  m.end_sent = true;
  drop_body(m, m.in.size());
  m.in.clear();
  if (MessageSink* sink = std::exchange(m.sink, nullptr); sink && !stopped_)
    events_.on_closed(*sink, Failure::None);
}

void H2Codec::drop_body(Message& m, std::size_t bytes) {
  m.dropped += bytes;
  if (m.dropped <= most_dropped) {
    nghttp2_session_consume_stream(session_, m.id, bytes);
    return;
  }
  if (m.dropped - bytes <= most_dropped)
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, m.id, NGHTTP2_NO_ERROR);
}

void H2Codec::close(Message& m, std::uint32_t error) {
  m.over = true;
  if (!m.in_ended && m.failure != Failure::ClientGone) late_.add(static_cast<StreamId>(m.id));
  --open_count_;
  growth_ -= m.window - first_window;
  m.in.clear();
  Failure failure = m.failure;
  if (failure == Failure::None && !m.end_sent)
    failure = error == NGHTTP2_NO_ERROR ? Failure::None : Failure::RequestSyntax;
  if (MessageSink* sink = std::exchange(m.sink, nullptr); sink && !stopped_)
    events_.on_closed(*sink, failure);
  // Otherwise what lies in a Gather goes first.
  if (m.leaving + m.lent_out == 0) delete &m;
}

// Streams are counted only while the client cannot know their limit: however many, they are no error of the connection.
void H2Codec::count(H2Abuse kind) {
  if (stopped_ || calmed_ || !abuse_.count(kind, events_.now())) return;
  if (kind == H2Abuse::Streams) {
    calmed_ = true;
    return events_.on_overrun();
  }
  break_off(NGHTTP2_ENHANCE_YOUR_CALM);
  blame(kind);
}

// Decoding what else has been read would cost more than it did the client to send it.
void H2Codec::break_off(std::uint32_t error) {
  deaf_ = true;
  nghttp2_session_terminate_session(awake(), error);
}

int H2Codec::goes_on() const { return deaf_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0; }

void H2Codec::blame(H2Abuse kind) {
  if (stopped_ || std::exchange(calmed_, true)) return;
  events_.on_abuse(kind);
}

// SETTINGS that make a window flow over are an error of the connection (RFC 9113 §6.9.2), while nghttp2
// only resets the stream.
void H2Codec::note_windows(bool before) {
  const std::int64_t common =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
  if (!before) {
    if (widest_ + common > INT32_MAX) break_off(NGHTTP2_FLOW_CONTROL_ERROR);
    return;
  }
  widest_ = 0;
  const auto look = [&](const Message& m) {
    const int window = nghttp2_session_get_stream_remote_window_size(session_, m.id);
    widest_ = std::max(widest_, window - common);
  };
  open_.for_each(look);
  held_.for_each(look);
  touched_.for_each(look);
}

// ---- To the client -----------------------------------------------------------------------------

void H2Codec::write_response(Message& m, const ResponseHead& head, const WriteOptions& options) {
  if (m.out_begun) return;
  m.staged = &head;
  m.staged_framing = options.framing;
  if (head.is_interim()) return submit(m);
  m.out_begun = true;
  const Framing& framing = options.framing;
  m.out_ended = m.is_head || framing.end == BodyEnd::None ||
                (framing.end == BodyEnd::Length && framing.length == 0);
  m.staged_body = !m.out_ended;
  staged_.push_back(static_cast<StreamId>(m.id));
}

bool H2Codec::take_back(Message& m) {
  if (!m.staged) return false;
  m.staged = nullptr;
  m.out.clear();
  m.last = {};
  m.out_begun = m.out_ended = false;
  return true;
}

void H2Codec::submit_staged() {
  for (const StreamId stream : staged_)
    if (Message* m = find(stream); m && m->staged) submit(*m);
  staged_.clear();
}

void H2Codec::submit(Message& message) {
  Message* const m = &message;
  const ResponseHead& head = *std::exchange(m->staged, nullptr);
  const Framing& framing = m->staged_framing;
  char status[4], length[20];
  std::to_chars(status, status + sizeof(status), head.status);
  FieldList& fields = FieldList::empty();
  fields.add(":status", {status, 3});
  fields.add(head.headers);
  if (head.is_interim()) {
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, m->id, nullptr, fields.data(),
                           fields.size(), nullptr);
    return;
  }
  if (framing.end == BodyEnd::Length) {
    char* end = std::to_chars(length, length + sizeof(length), framing.length).ptr;
    fields.add("content-length", {length, static_cast<std::size_t>(end - length)});
  } else if (const Field* told = head.headers.find(FieldName::ContentLength);
             told && framing.end == BodyEnd::None && head.status != 204) {
    fields.add("content-length", told->value);  // of HEAD and 304
  }
  nghttp2_data_provider body{{.ptr = m}, Calls::read_body};
  nghttp2_submit_response(session_, m->id, fields.data(), fields.size(),
                          m->staged_body ? &body : nullptr);
}

void H2Codec::write_body(Message& m, std::span<const char> bytes) {
  if (m.out_ended || bytes.empty()) return;
  m.out.append(bytes.data(), bytes.size());
  m.resume_output(session_, m.id);
}

void H2Codec::write_through(Message& message, std::span<const char> bytes, Gather& out) {
  if (message.out_ended) return;
  if (feeding_ || out_ || message.out.size() > message.leaving) return write_body(message, bytes);
  const auto stream = static_cast<StreamId>(message.id);
  message.lent = bytes;
  message.resume_output(session_, message.id);
  write_frames(out, bytes.size() + frames_room);
  Message* const m = find(stream);  // one of the frames may have ended it
  if (!m) return;
  m->out.append(m->lent.data(), m->lent.size());
  m->lent = {};
}

void H2Codec::write_end(Message& m, const Headers& trailers) {
  if (m.out_ended) return;
  m.out_ended = true;
  // Sent later; the list that was handed over belongs to somebody else.
  if (!trailers.empty() && m.sink) m.last.assign(m.sink->arena(), trailers.fields());
  m.resume_output(session_, m.id);
}

void H2Codec::reset(Message& m, Failure reason) {
  m.sink = nullptr;  // who may be in the middle of being told of `in`
  m.staged = nullptr;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, m.id, code_for(reason));
}

std::size_t H2Codec::queued(const Message& m) { return m.out.size(); }

bool H2Codec::has_window(const Message& m) const {
  const std::int32_t window =
      std::min(nghttp2_session_get_stream_remote_window_size(session_, m.id),
               nghttp2_session_get_remote_window_size(session_));
  return static_cast<std::int64_t>(m.out.size()) <= window;
}

bool H2Codec::wants_write() const {
  return !staged_.empty() || nghttp2_session_want_write(awake()) != 0;
}

void H2Codec::write_frames(Gather& out, std::size_t most) {
  out_ = &out;
  room_ = most;
  submit_staged();
  make_frames(awake(), out, room_);
  out_ = nullptr;
}

void H2Codec::forget_sent() {
  List<Message> sent;
  sent.splice_back(touched_);
  while (Message* m = sent.pop_front()) {
    const std::size_t kept = std::exchange(m->leaving, 0);
    m->lent_out = 0;
    if (m->over) {
      delete m;
      continue;
    }
    open_.push_back(*m);
    m->out.consume(kept);
    if (m->sink && !stopped_) events_.on_sent(*m->sink);
  }
}

// ---- The end -----------------------------------------------------------------------------------

void H2Codec::announce_end() {
  nghttp2_submit_shutdown_notice(awake());
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  asked_ = true;
}

void H2Codec::end() {
  const std::int32_t last = nghttp2_session_get_last_proc_stream_id(awake());
  served_ = static_cast<StreamId>(last);
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
}

bool H2Codec::is_over() const {
  return !nghttp2_session_want_read(awake()) && !nghttp2_session_want_write(session_);
}

}  // namespace weir::http
