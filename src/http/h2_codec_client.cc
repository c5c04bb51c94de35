// SPDX-License-Identifier: Apache-2.0
//
// A message lives until its owner has closed it or was told that it is closed, nghttp2 knows its stream no
// more, and no bytes of it lie in a Gather.
#include "http/h2_codec_client.h"

#include "base/characters.h"
#include "http/field.h"
#include "http/h2_codec_client_calls.h"
#include "http/message.h"

#include <charconv>
#include <utility>

namespace weir::http {

namespace {

constexpr std::uint32_t most_window = H2Room().window;

// HTTP/1.0 may have said it only in the target, or not at all.
std::string_view authority_of(const RequestHead& head) {
  if (head.method == Method::Connect) return head.target;
  const Field* host = head.headers.find(FieldName::Host);
  return host ? host->value : head.authority;
}

std::string_view path_of(const RequestHead& head, Arena& arena) {
  if (!head.has_query) return head.forward_path;
  char* const begin = arena.text(head.forward_path.size() + 1 + head.query.size());
  char* out = begin + head.forward_path.copy(begin, head.forward_path.size());
  *out++ = '?';
  out += head.query.copy(out, head.query.size());
  return {begin, static_cast<std::size_t>(out - begin)};
}

// Without what is said in another way here, or belongs to one connection.
void add_request_fields(FieldList& fields, const Headers& headers, bool is_tunnel) {
  for (const Field& each : headers) {
    if (is_connection_field(each)) continue;
    switch (each.id) {
      case FieldName::Host:
      case FieldName::Expect:
      case FieldName::ContentLength: continue;
      default: break;
    }
    if (is_tunnel && iequals(each.name, "sec-websocket-key")) continue;
    fields.add(each);
  }
}

const FieldList& request_fields(const RequestHead& head, const WriteOptions& options,
                                std::string_view scheme, Arena& arena) {
  const bool is_extended = !options.upgrade.empty();
  FieldList& fields = FieldList::empty();
  fields.add(":method", is_extended ? "CONNECT" : head.method_text);
  if (is_extended) fields.add(":protocol", options.upgrade);
  if (head.method != Method::Connect) {
    fields.add(":scheme", scheme);
    fields.add(":path", path_of(head, arena));
  }
  if (const std::string_view authority = authority_of(head); !authority.empty())
    fields.add(":authority", authority);
  add_request_fields(fields, head.headers, is_extended);
  if (options.te_trailers) fields.add("te", "trailers");
  if (options.expect_continue) fields.add("expect", "100-continue");
  if (options.framing.end != BodyEnd::Length) return fields;
  constexpr std::size_t most = 20;
  char* length = arena.text(most);
  const char* end = std::to_chars(length, length + most, options.framing.length).ptr;
  fields.add("content-length", {length, static_cast<std::size_t>(end - length)});
  return fields;
}

}  // namespace

H2ClientCodec::H2ClientCodec(const HeadLimits& limits, H2ClientEvents& events)
    : events_(events), limits_(limits), fields_(limits) {
  nghttp2_mem memory = memory_in(memory_);
  nghttp2_session_client_new3(&session_, Calls::callbacks(), this, Calls::options(), &memory);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.total},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, connection_window);
}

H2ClientCodec::~H2ClientCodec() {
  nghttp2_session_del(session_);
  touched_.splice_back(open_);
  touched_.splice_back(done_);
  while (Message* m = touched_.pop_front()) delete m;
}

// ---- From the server ---------------------------------------------------------------------------

void H2ClientCodec::feed(std::span<const char> bytes) {
  if (stopped_ || broken_) return;
  ++inside_;
  const ssize_t used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  --inside_;
  if (used == NGHTTP2_ERR_FLOODED || used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
    give_up(Failure::ServerAbuse);
  else if (used < 0)
    give_up(knows_settings_ ? Failure::ResponseSyntax : Failure::NotHttp2);
  sweep();
  tell_broken();
}

void H2ClientCodec::finish_head(Message& m, bool ended) {
  if (!m.sink || m.failure != Failure::None) return;
  if (m.head_told)
    finish_trailers(m, ended);
  else
    finish_answer(m, ended);
}

void H2ClientCodec::finish_answer(Message& m, bool ended) {
  auto& head = m.sink->arena().array<ResponseHead>(1)[0];
  Failure failure = Failure::None;
  if (fields_.finish(ended, m.method, head, failure) != Understood::Fine)
    return fail(m, failure, NGHTTP2_PROTOCOL_ERROR);
  if (head.is_interim()) {
    if (!m.interim.spend(fields_.charged()))
      return fail(m, Failure::ResponseInterimFlood, NGHTTP2_ENHANCE_YOUR_CALM);
    return m.sink->on_head(head);
  }
  m.head_told = true;
  m.in_ended = ended;
  const bool is_tunnel = m.method == Method::Connect && head.status / 100 == 2;
  m.is_sized = head.framing.end != BodyEnd::Chunked && !is_tunnel;
  m.left = head.framing.end == BodyEnd::Length ? head.framing.length : 0;
  m.sink->on_head(head);
  if (ended) deliver(m);
}

// RFC 9113 §8.1: they end the message, and its body is as long as it was said to be.
void H2ClientCodec::finish_trailers(Message& m, bool ended) {
  const bool is_fine =
      ended && m.left == 0 && fields_.finish_trailers(m.trailers) == Understood::Fine;
  if (!is_fine) return fail(m, Failure::ResponseSyntax, NGHTTP2_PROTOCOL_ERROR);
  m.in_ended = true;
  deliver(m);
}

void H2ClientCodec::finish_body(Message& m) {
  if (m.sink && (!m.head_told || m.left > 0))
    return fail(m, Failure::ResponseSyntax, NGHTTP2_PROTOCOL_ERROR);
  m.in_ended = true;
  deliver(m);
}

// The connection's window opens at once, though not for each byte.
void H2ClientCodec::let_in(std::size_t bytes) {
  arrived_ += bytes;
  if (arrived_ < worth_telling) return;
  nghttp2_session_consume_connection(session_, std::exchange(arrived_, 0));
}

void H2ClientCodec::take_body(Message& m, std::string_view bytes) {
  if (!m.sink || m.failure != Failure::None)
    return (void)nghttp2_session_consume_stream(session_, m.id, bytes.size());
  if (!m.head_told || (m.is_sized && bytes.size() > m.left))
    return fail(m, Failure::ResponseSyntax, NGHTTP2_PROTOCOL_ERROR);
  if (m.is_sized) m.left -= bytes.size();
  if (!m.in.empty() || !m.sink->wants_body()) return m.in.append(bytes.data(), bytes.size());
  m.sink->on_body(bytes);
  if (!m.over) m.open_window(session_, m.id, bytes.size(), most_window, growth_);
}

void H2ClientCodec::deliver(Message& m) {
  if (std::exchange(m.is_delivering, true)) return;
  ++inside_;
  while (m.sink && m.failure == Failure::None && !m.in.empty() && m.sink->wants_body()) {
    iovec piece;
    m.in.peek(&piece, 1);
    m.sink->on_body({static_cast<const char*>(piece.iov_base), piece.iov_len});
    events_.flush();
    m.in.consume(piece.iov_len);
    if (!m.over) m.open_window(session_, m.id, piece.iov_len, most_window, growth_);
  }
  m.is_delivering = false;
  if (m.sink && m.failure == Failure::None && m.in.empty() && m.in_ended && !m.end_told &&
      m.sink->wants_body()) {
    m.end_told = true;
    m.sink->on_end(m.trailers);
  }
  --inside_;
}

void H2ClientCodec::resume(Message& m) {
  deliver(m);
  sweep();
}

void H2ClientCodec::fail(Message& m, Failure failure, std::uint32_t code) {
  if (m.failure == Failure::None) m.failure = failure;
  if (!m.over) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, m.id, code);
}

void H2ClientCodec::tell_closed(Message& m, Failure failure) {
  MessageSink* const sink = m.sink;
  lose_sink(m);
  if (sink && !stopped_) events_.on_closed(*sink, failure);
}

// A block of fields that is arriving lies in the sink's arena.
void H2ClientCodec::lose_sink(Message& m) {
  m.sink = nullptr;
  if (reading_ == &m) reading_ = nullptr;
}

void H2ClientCodec::forget(Message& m) {
  if (m.sink || !m.over || m.leaving > 0) return;
  m.unlink();
  done_.push_back(m);
}

void H2ClientCodec::sweep() {
  if (inside_ > 0) return;
  while (Message* m = done_.pop_front()) delete m;
}

void H2ClientCodec::count(H2Abuse kind) {
  if (broken_ || !abuse_.count(kind, events_.now())) return;
  give_up(Failure::ServerAbuse);
  nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
}

// Told when nghttp2 has returned.
void H2ClientCodec::give_up(Failure failure) {
  if (broken_) return;
  broken_ = true;
  verdict_ = failure;
}

void H2ClientCodec::tell_broken() {
  if (broken_ && !stopped_ && verdict_ != Failure::None)
    events_.on_broken(std::exchange(verdict_, Failure::None));
}

// ---- To the server -----------------------------------------------------------------------------

H2ClientCodec::Message* H2ClientCodec::open(const RequestHead& head, const WriteOptions& options,
                                            std::string_view scheme, MessageSink& sink) {
  const bool is_tunnel = !options.upgrade.empty() || head.method == Method::Connect;
  const Framing& framing = options.framing;
  const FieldList& fields = request_fields(head, options, scheme, sink.arena());
  auto* m = new Message(sink, is_tunnel ? Method::Connect : head.method);
  m->out_begun = true;
  m->out_ended = !is_tunnel && (framing.end == BodyEnd::None ||
                                (framing.end == BodyEnd::Length && framing.length == 0));
  m->end_sent = m->out_ended;  // with its head, before which no answer can come
  nghttp2_data_provider body{{.ptr = m}, Calls::read_body};
  m->id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                 m->out_ended ? nullptr : &body, m);
  if (m->id < 0) {
    delete m;
    return nullptr;
  }
  open_.push_back(*m);
  return m;
}

void H2ClientCodec::write_body(Message& m, std::span<const char> bytes) {
  if (m.out_ended || m.over || bytes.empty()) return;
  m.out.append(bytes.data(), bytes.size());
  m.resume_output(session_, m.id);
}

void H2ClientCodec::write_end(Message& m, const Headers& trailers) {
  if (m.out_ended || m.over) return;
  m.out_ended = true;
  if (!trailers.empty() && m.sink) m.last.assign(m.sink->arena(), trailers.fields());
  m.resume_output(session_, m.id);
}

void H2ClientCodec::close(Message& m) {
  lose_sink(m);
  if (inside_ == 0) m.in.clear();  // else somebody may be in the middle of being told of it
  m.last = {};
  // Both sides have said everything: nghttp2 closes it by itself.
  if (!m.over && !(m.in_ended && m.end_sent))
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, m.id,
                              m.in_ended ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
  forget(m);
  sweep();
}

std::size_t H2ClientCodec::queued(const Message& m) { return m.out.size(); }

// Not one that its owner has given up while frames were made.
bool H2ClientCodec::wants_write() const {
  return !stopped_ && nghttp2_session_want_write(session_) != 0;
}

void H2ClientCodec::write_frames(Gather& out, std::size_t most) {
  out_ = &out;
  room_ = most;
  ++inside_;
  make_frames(session_, out, room_);
  --inside_;
  out_ = nullptr;
}

void H2ClientCodec::forget_sent() {
  List<Message> sent;
  sent.splice_back(touched_);
  ++inside_;
  while (Message* m = sent.pop_front()) {
    m->out.consume(std::exchange(m->leaving, 0));
    open_.push_back(*m);
    if (m->sink && !stopped_) events_.on_sent(*m->sink);
    forget(*m);
  }
  --inside_;
  sweep();
  tell_broken();
}

// ---- The connection ----------------------------------------------------------------------------

void H2ClientCodec::ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

void H2ClientCodec::end() { nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR); }

std::uint32_t H2ClientCodec::most_streams() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool H2ClientCodec::takes_tunnels() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) ==
         1;
}

}  // namespace weir::http
