// SPDX-License-Identifier: Apache-2.0
//
// What a filter may do to its stream, but for waiting: FilterRun as a StreamView.
#include "config/parsed_text.h"
#include "http/grpc.h"
#include "http/received_fields.h"
#include "proxy/filter_run.h"
#include "proxy/stream_state.h"
#include "proxy/variables.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::size_t most_notes = 16;
constexpr std::size_t most_note = 256;  // bytes of a value

}  // namespace

Arena& FilterRun::arena() { return state_.arena; }

RequestHead& FilterRun::request() {
  if (state_.request) return *state_.request;
  if (!state_.partial) state_.partial = &state_.arena.array<RequestHead>(1)[0];
  return *state_.partial;
}

const Received& FilterRun::received() {
  if (!state_.received) {
    Received& all = state_.arena.array<Received>(1)[0];
    all = http::read_received(request().received, state_.arena);
    state_.received = &all;
  }
  return *state_.received;
}

std::string_view FilterRun::refusal() {
  return state_.refusal == http::Failure::None ? std::string_view()
                                               : http::traits(state_.refusal).name;
}

ResponseHead& FilterRun::response() { return *state_.response; }

std::string_view FilterRun::expand(const Text& text) {
  const config::Template& parts = static_cast<const config::ParsedText&>(text).parts;
  if (!parts.has_variables())
    return parts.parts.empty() ? std::string_view() : std::string_view(parts.parts.front().text);
  return expand_field(parts, state_.record, state_.arena);
}

std::uint64_t FilterRun::now() { return state_.context.net.loop.now(); }

void FilterRun::respond(std::uint16_t status, std::string_view text) {
  Arena& arena = state_.arena;
  const RequestHead* const request = state_.record.request;
  has_replied_ = true;
  reply_ = {};
  reply_.local = request && http::is_grpc(*request)
                     ? make_grpc_reply(http::grpc_status(status), text, arena)
                     : make_text_reply(status, arena.copy(text), arena);
}

void FilterRun::respond(ResponseHead& head, BodySource& body) {
  has_replied_ = true;
  reply_ = {};
  reply_.local.head = &head;
  reply_.source = &body;
}

void FilterRun::refuse(Refusal why) {
  has_replied_ = true;
  reply_ = {};
  switch (why) {
    case Refusal::MalformedPath: reply_.failure = http::Failure::RequestTarget; break;
    case Refusal::RegexLimit: reply_.failure = http::Failure::RegexLimit; break;
    case Refusal::Failed: reply_.failure = http::Failure::FilterFailed; break;
    case Refusal::Overloaded: reply_.failure = http::Failure::Overloaded; break;
  }
}

void FilterRun::want_whole(std::uint64_t limit, Over over) {
  StageWish& wish = entries_[current_].wishes[static_cast<std::size_t>(direction_)];
  wish.body = Body::Whole;
  wish.limit = limit;
  wish.over = over;
}

void FilterRun::skip_body() {
  entries_[current_].wishes[static_cast<std::size_t>(direction_)].body = Body::None;
  if (BodyPipe* through = way(direction_).pipe.get()) through->skip(current_);
}

void FilterRun::set_length(std::uint64_t bytes) {
  entries_[current_].length[static_cast<std::size_t>(direction_)] = bytes;
}

void FilterRun::note(std::string_view name, std::string_view value) {
  Record& record = state_.record;
  Arena& arena = state_.arena;
  value = value.substr(0, most_note);
  for (Note& known : record.notes)
    if (known.name == name) {
      known.value = arena.copy(value);
      return;
    }
  if (record.notes.size() == most_notes) return;
  if (record.notes.empty()) record.notes = arena.array<Note>(most_notes).first(0);
  record.notes = {record.notes.data(), record.notes.size() + 1};
  record.notes.back() = {arena.copy(name), arena.copy(value)};
}

}  // namespace weir::proxy
