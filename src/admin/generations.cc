// SPDX-License-Identifier: Apache-2.0
#include "admin/generations.h"

#include "base/text.h"
#include "base/wall_time.h"
#include "config/units.h"

#include <algorithm>
#include <utility>

namespace weir::admin {

namespace {

std::string_view word(config::Change::Kind kind) {
  switch (kind) {
    case config::Change::Kind::Added: return "added";
    case config::Change::Kind::Removed: return "removed";
    case config::Change::Kind::Changed: return "changed";
  }
  return "";
}

Cell truth(bool value) { return Cell::json(value ? "true" : "false"); }

// Text: a line each.  JSON: an array of objects.
std::unique_ptr<Body> change_body(std::vector<config::Change> changes,
                                  const std::vector<std::string>& notes, bool json) {
  if (!json) {
    std::string text;
    for (const config::Change& change : changes) text += config::text(change) + "\n";
    for (const std::string& note : notes) text += note + "\n";
    return make_text(std::move(text), false);
  }
  std::size_t count = changes.size() + notes.size();
  auto row = [changes = std::move(changes), notes](std::size_t i) -> Row {
    if (i >= changes.size())
      return {"note", "", notes[i - changes.size()], "", "", "", "", truth(false)};
    const config::Change& change = changes[i];
    return {word(change.kind), change.object,     change.what,     change.from,
            change.to,         change.from_place, change.to_place, truth(change.needs_upgrade)};
  };
  return make_list({{"kind", "object", "what", "from", "to", "from_place", "to_place", "upgrade"},
                    count,
                    std::move(row)},
                   true);
}

// What the first of `words` names, which is taken; nothing if it names no file.  A client chooses its text and what it
// reads, and errors show lines of that: so it is for level admin, whatever becomes of it.
Result<LoadFrom> take_file(const Call& call, std::span<const std::string>& words) {
  if (words.empty() || words[0] == "confirm") return LoadFrom{};
  const std::string& name = words[0];
  words = words.subspan(1);
  if (call.caller.level < config::AdminLevel::Admin)
    return Error(Errc::Unsupported, "a FILE needs level admin");
  if (!call.caller.file.is_open())
    return Error(Errc::Invalid,
                 "the descriptor of FILE is to be sent with the line, as weirctl does");
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    return Error(Errc::Invalid, "a FILE has no control characters in its name");
  return LoadFrom{name, call.caller.file.get()};
}

// The answer comes with the outcome, or there will be none.
void wait_for(Reloads::Ticket ticket, Reply& reply) {
  if (ticket == 0) return reply.fail("conflict", std::string(under_way));
  reply.finished_at = ticket;
}

void refuse_file(const Error& why, Reply& reply) {
  reply.fail(why.code() == Errc::Unsupported ? "forbidden" : "usage", why.text());
}

}  // namespace

void plan(const Call& call, Reply& reply) {
  auto words = call.words;
  auto from = take_file(call, words);
  if (!from) return refuse_file(from.error(), reply);
  if (!words.empty()) return reply.fail("usage", "write plan or plan FILE");
  wait_for(call.fleet.reloads.plan(call.caller.by, *from), reply);
}

void reload(const Call& call, Reply& reply) {
  std::uint64_t confirm_us = 0;
  auto words = call.words;
  auto from = take_file(call, words);
  if (!from) return refuse_file(from.error(), reply);
  if (!words.empty()) {
    if (words[0] != "confirm" || words.size() != 2)
      return reply.fail("usage", "write reload [FILE] [confirm TIME]");
    auto time = config::parse_duration(words[1]);
    if (!time || time->count() == 0)
      return reply.fail("usage", time ? "the time must not be 0" : time.error().text());
    confirm_us = static_cast<std::uint64_t>(time->count()) * 1000;
  }
  wait_for(call.fleet.reloads.reload(call.caller.by, *from, confirm_us), reply);
}

void confirm(const Call& call, Reply& reply) {
  auto confirmed = call.fleet.reloads.confirm(call.caller.by);
  if (!confirmed) return reply.fail("refused", confirmed.error().text());
  reply.text = "generation " + std::to_string(call.fleet.view->generation) + " is confirmed";
}

void rollback(const Call& call, Reply& reply) {
  std::uint64_t number = 0;
  if (!call.words.empty()) {
    auto given = to_number<std::uint64_t>(call.words[0]);
    if (!given || *given == 0)
      return reply.fail("usage", "a generation is a number; see show generations");
    number = *given;
  } else {
    auto good = call.fleet.reloads.last_good();
    if (!good) return reply.fail("refused", good.error().text());
    number = *good;
  }
  wait_for(call.fleet.reloads.rollback(call.caller.by, number), reply);
}

void upgrade(const Call& call, Reply& reply) {
  bool reload = !call.words.empty();
  if (reload && call.words[0] != "reload")
    return reply.fail("usage", "write upgrade or upgrade reload");
  wait_for(call.fleet.reloads.upgrade(call.caller.by, reload), reply);
}

// Only the present one can be unconfirmed.
void show_generations(const Call& call, Reply& reply) {
  auto rows = call.fleet.reloads.generations();
  std::size_t count = rows.size();
  const Cell none = call.json ? Cell::json(unconfirmed_text({}, true)) : Cell("");
  Cell last = none;
  if (auto waits = call.fleet.reloads.unconfirmed())
    last = call.json ? Cell::json(unconfirmed_text(waits, true)) : unconfirmed_text(waits, false);
  reply.body = make_list({{"generation", "committed", "by", "how", "bundle", "unconfirmed"},
                          count,
                          [rows = std::move(rows), none, last](std::size_t i) -> Row {
                            const GenerationRow& row = rows[i];
                            return {row.number, time_text(row.committed_us),       row.by, row.how,
                                    row.hash,   i + 1 == rows.size() ? last : none};
                          }},
                         call.json);
}

void explain_generation(const Call& call, Reply& reply) {
  auto number = to_number<std::uint64_t>(call.words[0]);
  if (!number) return reply.fail("usage", "a generation is a number; see show generations");
  auto changes = call.fleet.reloads.changes_of(*number);
  if (!changes) return reply.fail("unknown", changes.error().text());
  for (const GenerationRow& row : call.fleet.reloads.generations())
    if (row.number == *number)
      reply.text = concat(row.how, " by ", row.by, " at ", time_text(row.committed_us),
                          row.took.empty() ? "" : ": ", row.took);
  reply.body = change_body(std::move(*changes), {}, call.json);
}

std::string unconfirmed_text(const std::optional<Unconfirmed>& waits, bool json) {
  if (!waits) return json ? "null" : "no";
  if (json) return json_object({"back_to", "until"}, {waits->back_to, time_text(waits->until_us)});
  return concat("generation ", std::to_string(waits->back_to), " comes back at ",
                time_text(waits->until_us));
}

void tell_outcome(const Outcome& outcome, bool json, Reply& reply) {
  reply.code = outcome.code;
  reply.text = outcome.text;
  reply.body = change_body(outcome.changes, outcome.notes, json);
}

}  // namespace weir::admin
