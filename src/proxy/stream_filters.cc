// SPDX-License-Identifier: Apache-2.0
//
// A stream and its filters: what goes on once they have decided, at once or after they have waited.
#include "http/message.h"
#include "http/path_readings.h"
#include "proxy/client_side.h"
#include "proxy/stream.h"

namespace weir::proxy {

namespace {

constexpr std::uint8_t most_reroutes = 5;

}  // namespace

void Stream::enter_filters() {
  if (!filters_ && policy_->filters.empty()) return;
  if (!filters_) filters_.reset(new FilterRun(*this));
  filters_->enter(policy_->filters);
}

// ---- The request -------------------------------------------------------------------------------

void Stream::on_request_pass(Pass pass) {
  if (pass == Pass::Waits) return;
  if (pass != Pass::Through && pass != Pass::Reroutes) return on_decided(Direction::Request, pass);
  if (const http::Failure failure = check_rewritten(); failure != http::Failure::None)
    return fail(failure);
  pass == Pass::Reroutes ? reroute() : begin_request_body();
}

// Other routes look at the path that filters have made.
void Stream::reroute() {
  if (++reroutes_ > most_reroutes) return fail(http::Failure::FilterFailed);
  if (const auto path = http::read_path(request_->forward_path, arena_)) {
    request_->path = path->plain;
    request_->has_path_readings = path->has_readings;
  }
  route();
}

void Stream::begin_request_body() {
  const bool has_body = request_->framing.end != BodyEnd::None && !request_->wants_upgrade;
  BodyPipe* const through =
      filters_ && has_body ? filters_->open_pipe(Direction::Request) : nullptr;
  if (!through || !through->is_collecting()) return act();
  body_.keep_all();
  answer_expect();
  session_.resume();
}

// Who reads the body before a server does tells the client to send it.
void Stream::answer_expect() {
  if (!request_->expects_continue) return;
  request_->expects_continue = false;
  ResponseHead& go_on = arena_.array<ResponseHead>(1)[0];
  go_on.status = 100;
  on_interim(go_on);
}

bool Stream::holds_slot_of(std::uint32_t backend) const {
  return attempt_ && backend_ && backend_->config().number == backend;
}

// ---- Bodies ------------------------------------------------------------------------------------

bool Stream::has_room(Direction direction) const {
  if (direction == Direction::Response) return response_begun_ && session_.has_room();
  if (body_.is_discarded()) return true;
  return attempt_ && attempt_->is_ready() && !response_done_ && attempt_->connection()->has_room();
}

void Stream::pass(Direction direction, std::span<const char> bytes) {
  if (direction == Direction::Response)
    record_.bytes_out += session_.write_body(bytes);
  else if (!body_.is_discarded())
    body_.send(bytes, *attempt_->connection());
}

void Stream::pass_end(Direction direction, Headers& trailers) {
  if (direction == Direction::Response) return finish_response(trailers);
  if (!body_.is_discarded()) end_request_body(std::move(trailers));
}

// A filter that held a body up has let it go on.
void Stream::on_released(Direction direction) {
  if (direction == Direction::Request && !body_.is_complete()) session_.resume();
  if (direction == Direction::Response && producer_ && is_fed_) producer_->run();
  if (direction == Direction::Response && attempt_ && attempt_->is_ready() && wants_response())
    attempt_->connection()->resume();
}

void Stream::on_collected(Direction direction) {
  direction == Direction::Request ? act() : write_answer();
}

void Stream::on_too_long(Direction direction) {
  fail(direction == Direction::Request ? http::Failure::RequestBodyTooLarge
                                       : http::Failure::ResponseBodyTooLarge);
}

// ---- Verdicts ----------------------------------------------------------------------------------

void Stream::on_decided(Direction direction, Pass pass) {
  if (pass == Pass::Breaches) return fail(http::Failure::FilterBreach);
  if (pass == Pass::Aborts) return fail(http::Failure::FilterAborted);
  const FilterReply reply = filters_->take_reply();
  if (direction == Direction::Response) {
    // It stands in for the answer that the filters have seen already.
    replace_with(reply);
    return write_answer();
  }
  if (reply.failure != http::Failure::None) return fail(reply.failure);
  give(reply);
  begin_answer(*reply.local.head);
}

// An answer of a filter, in place of whatever was under way.
void Stream::give(const FilterReply& reply) {
  stop();
  take_local(reply.local);
  if (reply.source) producer_.reset(new Producer(context_, *this, *reply.source));
}

void Stream::replace_answer() {
  FilterReply reply = filters_->take_reply();
  replace_with(reply);
}

void Stream::replace_with(const FilterReply& reply) {
  attempt_.reset();
  if (filters_) filters_->stop();
  FilterReply own = reply;
  if (own.failure != http::Failure::None) {
    record_.failure = own.failure;
    own.local = make_failure_reply(record_, own.failure, arena_);
  }
  take_local(own.local);
  if (own.source) producer_.reset(new Producer(context_, *this, *own.source));
  take_head(*own.local.head);
}

}  // namespace weir::proxy
