// SPDX-License-Identifier: Apache-2.0
#include "proxy/answer.h"

#include "base/assert.h"
#include "http/field.h"
#include "http/framing.h"
#include "http/grpc.h"
#include "http/hop_by_hop.h"
#include "proxy/client_side.h"
#include "proxy/dispatch.h"
#include "proxy/request_body.h"
#include "proxy/request_log.h"
#include "proxy/stream_state.h"

#include <utility>

namespace weir::proxy {

namespace {

// After an answer of weir's own; small rests of requests are read for that.
bool may_keep_local(const StreamState& state, const RequestBody& body) {
  // Also if a filter has answered what was refused, for whatever reason it gives.
  const bool is_at_fault = http::traits(state.record.failure).blame == http::Blame::Client ||
                           http::traits(state.refusal).blame == http::Blame::Client;
  return state.request && !is_at_fault && (body.is_complete() || body.is_rest_small());
}

}  // namespace

Answer::Answer(StreamState& state, AnswerUser& user, const RequestBody& body,
               const Dispatch& dispatch, RequestLog& log)
    : state_(state), user_(user), body_(body), dispatch_(dispatch), log_(log) {}

const event::Subject& Answer::subject() const { return state_.client; }

// ---- Which one it is ---------------------------------------------------------------------------

// A recipient with a clock says when it got what came without a Date (RFC 9110 §6.6.1).  Before filters, so that
// the operator has the last word.
void Answer::take(ResponseHead& head) {
  WEIR_ASSERT(!has_begun_ && !is_done_);
  if (!head.headers.has(FieldName::Date))
    head.headers.add(state_.arena, FieldName::Date, state_.arena.copy(state_.context.date.text()));
  state_.response = &head;
  state_.record.response = &head;
  state_.record.status = head.status;
}

void Answer::take(const LocalReply& reply, BodySource* source) {
  stop();
  if (local_ && local_->producer) former_.push_back(std::move(local_->producer));
  local_ = Local{.reply = reply};
  if (source) local_->producer.reset(new Producer(state_.context, *this, *source));
  trailers_.reset();
  is_stopped_ = false;
  take(*reply.head);
}

void Answer::stop() {
  is_stopped_ = true;
  if (local_ && local_->producer) local_->producer->stop();
}

void Answer::take_back() {
  if (is_done_ || !state_.client.take_back()) return;
  has_begun_ = false;
  state_.response = nullptr;
  state_.record.response = nullptr;
  state_.record.bytes_out = state_.record.heads_out = 0;
}

// Bytes may follow to the head.
bool Answer::has_body() const {
  if (state_.request && state_.request->method == Method::Head) return false;
  if (local_ && http::has_no_content(state_.response->status)) return false;
  if (local_) return local_->producer || !local_->reply.body.empty();
  return state_.response->framing.end != BodyEnd::None;
}

// ---- Its head ----------------------------------------------------------------------------------

void Answer::write_interim(const ResponseHead& head) {
  // A client of HTTP/1.0 does not know interim answers.
  if (state_.request->protocol == Protocol::Http10) return;
  state_.record.count_head(state_.client.write_head(head, {}));
}

void Answer::write_switch(const http::WriteOptions& options) {
  WEIR_ASSERT(!has_begun_ && !local_);
  has_begun_ = true;
  state_.record.count_head(state_.client.write_head(*state_.response, options));
}

bool Answer::open() {
  BodyPipe* const through =
      state_.filters && has_body() ? state_.filters->open_pipe(Direction::Response) : nullptr;
  if (!through || !through->is_collecting()) return true;
  if (local_)
    feed();
  else if (auto trailers = std::exchange(trailers_, {}))
    through->take_end(std::move(*trailers));
  else
    dispatch_.server()->resume();
  return false;
}

void Answer::write() {
  WEIR_ASSERT(state_.response && !has_begun_);
  bool keep = false;
  const Framing its = framing(keep);
  start(its, keep);
  if (local_) return local_->is_fed ? void() : feed();
  if (auto trailers = std::exchange(trailers_, {})) return end(std::move(*trailers));
  if (upstream::ServerSide* server = state_.filters ? dispatch_.server() : nullptr)
    server->resume();
}

Framing Answer::framing(bool& keep) const {
  const FilterRun* const filters = state_.filters.get();
  Framing framing = state_.response->framing;
  if (local_) {
    keep = may_keep_local(state_, body_);
    if (!local_->producer && !http::has_no_content(state_.response->status))
      framing = {BodyEnd::Length, local_->reply.body.size()};
    if (local_->producer && framing.end != BodyEnd::Length) framing = {BodyEnd::Chunked, 0};
  } else {
    keep = body_.is_complete();
  }
  if (filters && has_body()) framing = filters->framing(Direction::Response, framing);
  // What a filter would make of a body that is not sent, nobody knows; of an empty one it makes nothing.
  const bool is_empty = local_ && !local_->producer && local_->reply.body.empty();
  if (filters && !has_body() && !is_empty && filters->hides_length(Direction::Response)) {
    framing = {};
    state_.response->headers.remove(FieldName::ContentLength);
  }
  if (framing.end == BodyEnd::Close || framing.end == BodyEnd::Chunked) {
    // Without chunks only the end of the connection can tell the end of the body.
    const bool knows_chunks = !state_.request || state_.request->protocol != Protocol::Http10;
    framing.end = knows_chunks ? BodyEnd::Chunked : BodyEnd::Close;
    keep = keep && knows_chunks;
  }
  return framing;
}

void Answer::start(const Framing& framing, bool keep) {
  ResponseHead& head = *state_.response;
  has_begun_ = true;
  state_.record.status = head.status;
  keep_ = keep && state_.request && state_.request->keep_alive && state_.client.may_keep();
  http::WriteOptions options;
  options.framing = framing;
  options.close = !keep_;
  options.keep_alive = keep_ && state_.request->protocol == Protocol::Http10;
  // Of all that belongs to one connection, the protocols that 426 asks for are meant for who reads it.
  if (head.status == 426)
    options.upgrade = http::combined_list(head.headers, FieldName::Upgrade, state_.arena);
  state_.record.count_head(state_.client.write_head(head, options));
}

// ---- Its body ----------------------------------------------------------------------------------

void Answer::feed() {
  local_->is_fed = true;
  if (local_->producer) return local_->producer->run();
  const ResponseHead* const its = state_.response;
  if (has_body()) take_answer({local_->reply.body.data(), local_->reply.body.size()});
  // Unless a filter that saw its body has put another in its place.
  if (state_.response == its && !is_stopped_) end(Headers());
}

bool Answer::wants_answer() const {
  if (const BodyPipe* through = state_.pipe(Direction::Response)) return through->wants();
  return has_room() && down_.held() == 0;
}

void Answer::take_answer(std::span<const char> bytes) {
  if (BodyPipe* through = state_.pipe(Direction::Response)) return through->take(bytes);
  pass(bytes);
}

void Answer::take_answer_end(const Headers& trailers) {
  Headers passed;
  if (!trailers.empty()) {
    passed.assign(state_.arena, trailers.fields());
    http::remove_nominated(state_.response->headers, passed);
  }
  if (has_begun_ || state_.pipe(Direction::Response)) return end(std::move(passed));
  trailers_ = std::move(passed);
}

void Answer::end(Headers&& trailers) {
  BodyPipe* const through = state_.pipe(Direction::Response);
  through ? through->take_end(std::move(trailers)) : finish(trailers);
}

bool Answer::has_room() const { return has_begun_ && state_.client.has_room(); }

void Answer::pass(std::span<const char> bytes) {
  state_.record.bytes_out += state_.client.write_body(bytes);
}

void Answer::flush() { state_.context.net.outbox.flush(); }

// An answer of known length ends by itself, over HTTP/2 when the request has: its rest is let in meanwhile.
void Answer::finish(const Headers& trailers) {
  WEIR_ASSERT(has_begun_ && !is_done_);
  is_done_ = true;
  const bool has_known_length = local_ && !local_->producer && !state_.pipe(Direction::Response);
  if (!has_known_length) state_.record.count_head(state_.client.write_end(trailers));
  user_.on_answered();
}

void Answer::go_on() {
  if (local_ && local_->producer && local_->is_fed) return local_->producer->run();
  upstream::ServerSide* const server = dispatch_.server();
  if (server && wants_answer()) server->resume();
}

void Answer::on_client_sent() {
  if (down_.held() > 0 && state_.client.has_room()) {
    // The last of a body may lie in the pipe while its server is already gone.
    net::Transport& to = *state_.client.wire().transport;
    (void)down_.move(state_.context.net, to, to, 0);
    if (to.has_failed()) return user_.on_client_lost();
  }
  if (BodyPipe* through = state_.pipe(Direction::Response)) through->run();
  go_on();
}

// Bytes that are encrypted or framed have to be seen.
bool Answer::can_move_answer() const {
  const net::Transport* client = state_.client.wire().transport;
  return client && client->can_splice() && !state_.pipe(Direction::Response);
}

net::IoResult Answer::move_answer() {
  const net::Wire server = dispatch_.server()->wire();
  const std::uint64_t left = server.codec->plain_body();
  const bool is_staged = left <= net::Pump::capacity && log_.stage(left);
  net::Transport& client = *state_.client.wire().transport;
  const net::IoResult result = down_.move(state_.context.net, *server.transport, client, left);
  const bool whole = result.io == net::Io::Done && result.bytes == left && down_.held() == 0;
  if (is_staged) log_.settle(whole, left);
  if (result.io == net::Io::Failed && client.has_failed()) {
    user_.on_client_lost();
    return {net::Io::Again};
  }
  if (result.io == net::Io::Done) {
    state_.client.note_progress();
    state_.record.bytes_out += result.bytes;
    server.codec->skip_body(result.bytes);
  }
  return result;
}

// ---- A gRPC call that fails --------------------------------------------------------------------

bool Answer::may_end_call() const {
  return has_begun_ && !is_done_ && state_.request->protocol == Protocol::Http2 &&
         state_.response->framing.end != BodyEnd::Length && http::is_grpc(*state_.request);
}

void Answer::end_call(http::Failure failure) {
  WEIR_ASSERT(may_end_call());
  Headers trailers;
  add_grpc_status(trailers, failure, state_.arena);
  is_done_ = true;
  state_.client.write_end(trailers);
}

}  // namespace weir::proxy
