// SPDX-License-Identifier: Apache-2.0
#include "proxy/subcall.h"

#include "base/assert.h"
#include "base/characters.h"
#include "base/cursor.h"
#include "http/message.h"
#include "http/url.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::uint64_t us_per_ms = 1000;

// Anything else would be another request on the wire, or two: filters make paths and fields of what clients send.
bool is_well_formed(const RequestHead& head) {
  const auto fields = head.headers.fields();
  return is_token(head.method_text) && head.target.starts_with('/') &&
         http::is_safe_query(head.target) &&
         std::all_of(fields.begin(), fields.end(), [](const Field& field) {
           return is_token(field.name) && std::all_of(field.value.begin(), field.value.end(),
                                                      [](char c) { return is_in(c, ValueSet); });
         });
}

}  // namespace

Subcall::Subcall(Context& context, Arena& arena, const event::Subject* subject, SubcallUser& user,
                 Direction direction, const Subrequest& subrequest)
    : context_(context),
      arena_(arena),
      subject_(subject),
      user_(user),
      direction_(direction),
      deadline_(*this) {
  if (subrequest.backend < context.backends.size())
    backend_ = context.backends[subrequest.backend].get();
  head_.method_text = arena.copy(subrequest.method);
  head_.method = http::method_from(head_.method_text);
  const std::string_view path = arena.copy(subrequest.path);
  const std::size_t mark = find_or_end(path, '?');
  head_.path = head_.forward_path = path.substr(0, mark);
  head_.has_query = mark < path.size();
  if (head_.has_query) head_.query = path.substr(mark + 1);
  head_.target = path;
  if (backend_) head_.authority = arena.copy(backend_->policy().config.name);
  head_.headers.assign(arena, {});
  for (const Field& field : subrequest.fields)
    head_.headers.add(arena, arena.copy(field.name), arena.copy(field.value));
  body_ = arena.copy(subrequest.body);
  if (!body_.empty()) head_.framing = {BodyEnd::Length, body_.size()};
  const std::uint64_t limit = std::uint64_t{subrequest.timeout_ms} * us_per_ms;
  // What is left of the connection afterwards is the backend's.
  if (backend_) timeouts_ = backend_->policy().timeouts;
  timeouts_.connect = timeouts_.first_byte = timeouts_.read = limit;
  if (limit > 0) deadline_.set(context.net.loop, context.net.loop.now() + limit);
  room_ = {arena.text(subrequest.take), subrequest.take};
  answer_.tag = subrequest.tag;
}

Subcall::~Subcall() {
  is_over_ = true;
  if (backend_) backend_->stop_waiting(*this);
}

void Subcall::start(bool may_wait) {
  WEIR_ASSERT(!attempt_ && !is_over_);
  may_wait_ = may_wait;
  if (!is_well_formed(head_)) return fail(http::Failure::RequestSyntax);
  if (!backend_) return fail(http::Failure::NoServer);
  choose(upstream::Turn::BehindQueue);
}

void Subcall::choose(upstream::Turn turn) {
  const upstream::Chosen chosen = backend_->choose({}, turn);
  if (!chosen.server) {
    if (!chosen.all_busy) return fail(http::Failure::NoServer);
    if (!may_wait_ || !backend_->wait(*this)) return fail(http::Failure::QueueFull);
    return;
  }
  server_ = upstream::ServerRef(chosen.server);
  const AttemptScope scope{context_, arena_, record_, head_, timeouts_, subject_};
  attempt_.emplace(scope, static_cast<AttemptUser&>(*this), *backend_, *chosen.server,
                   chosen.probe);
  attempt_->give_to(*this);
  if (const http::Failure failure = attempt_->start(); failure != http::Failure::None)
    return fail(failure);
  if (attempt_->is_ready()) on_attempt_ready();
}

void Subcall::on_slot() {
  event::About about(context_.net.loop, subject_);
  choose(upstream::Turn::Ours);
}

void Subcall::on_attempt_ready() {
  upstream::ServerSide& server = *attempt_->connection();
  server.write_request(head_, {.framing = head_.framing});
  if (!body_.empty()) server.write_body(body_);
  server.write_end(Headers());
}

void Subcall::on_response(ResponseHead& head) {
  WEIR_ASSERT(!is_over_);
  // Nobody has asked for another protocol, and what follows is not HTTP any more.
  if (head.status == 101) return fail(http::Failure::UpgradeRefused);
  answer_.status = head.status;
  answer_.fields = &head.headers;
}

void Subcall::take_answer(std::span<const char> bytes) {
  const std::size_t fits = std::min(bytes.size(), room_.size() - taken_);
  std::copy_n(bytes.data(), fits, room_.data() + taken_);
  taken_ += fits;
  answer_.is_cut |= fits < bytes.size();
}

void Subcall::take_answer_end(const Headers&) {
  answer_.body = {room_.data(), taken_};
  end(true);
}

void Subcall::on_deadline() noexcept {
  event::About about(context_.net.loop, subject_);
  fail(http::Failure::FirstByteTimeout);
}

// What had come of an answer is none then.
void Subcall::fail(http::Failure failure) {
  answer_ = {.failure = http::traits(failure).name, .tag = answer_.tag};
  end(false);
}

void Subcall::end(bool reusable) {
  if (is_over_) return;
  is_over_ = true;
  deadline_.clear();
  if (backend_) backend_->stop_waiting(*this);
  if (attempt_) attempt_->end(reusable);
  user_.on_answered(direction_);
}

}  // namespace weir::proxy
