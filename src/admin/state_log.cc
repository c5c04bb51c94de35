// SPDX-License-Identifier: Apache-2.0
#include "admin/state_log.h"

#include <weir/log.h>

#include "admin/events.h"
#include "admin/words.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "config/units.h"
#include "upstream/address_set.h"

#include <algorithm>
#include <cstdio>

namespace weir::admin {

namespace {

constexpr std::size_t grown_bytes =
    4 * 1024 * 1024;  // beyond this and four times the whole, begin anew
constexpr std::uint64_t retry_us = 20'000;
constexpr std::int64_t keep_results_us = std::int64_t{24} * 3600 * 1'000'000;
constexpr std::size_t hash_digits = 16;

std::string hash_text(std::string_view text) {
  char digits[hash_digits + 1];
  std::snprintf(digits, sizeof(digits), "%016llx",
                static_cast<unsigned long long>(fast_hash(text, 0x7765'6972)));
  return digits;
}

bool knows_health(const shm::ServerColumns& columns) {
  return columns.health == shm::Health::Up || columns.health == shm::Health::Down;
}

std::string join(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quote(word);
  return line;
}

std::int64_t time_of(const std::string& word) {
  return static_cast<std::int64_t>(to_number(word).value_or(0));
}

// What a removed server once was is not told any more, so that its name and address are free for those
// that came after it; nor are overrides that were replaced or taken back.
void drop_outdated(std::vector<std::vector<std::string>>& records) {
  std::set<std::pair<std::string, std::string>> removed, overridden;
  std::vector<std::vector<std::string>> kept;
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    const std::string& kind = (*record)[0];
    if (kind == "removed" && record->size() == 3) {
      removed.insert({(*record)[1], (*record)[2]});
      continue;
    }
    bool of_server = (kind == "server" || kind == "added") && record->size() > 2;
    bool is_outdated = of_server && removed.contains({(*record)[1], (*record)[2]});
    if (of_server && kind == "server")
      is_outdated |= !overridden.insert({(*record)[1], (*record)[2]}).second;
    if (!is_outdated) kept.push_back(std::move(*record));
  }
  records.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

}  // namespace

StateLog::StateLog(event::Loop& loop, upstream::Registry& registry, RecordSink& sink)
    : loop_(loop), registry_(registry), sink_(sink), retry_(*this) {}

StateLog::File StateLog::read(const std::string& text) {
  File file;
  bool whole = false;
  std::uint64_t epoch = 0;
  for (std::string_view line : split(text, '\n')) {
    if (line.size() <= hash_digits + 1 ||
        line.substr(0, hash_digits) != hash_text(line.substr(hash_digits + 1)))
      continue;  // half a line, or none
    auto words = parse_words(line.substr(hash_digits + 1));
    if (!words || words->empty()) continue;
    if ((*words)[0] == "epoch" && words->size() >= 2)
      epoch = to_number((*words)[1]).value_or(0);
    else if ((*words)[0] == "whole")
      whole = true;
    else
      file.records.push_back(std::move(*words));
  }
  if (whole) file.epoch = epoch;
  return file;
}

void StateLog::load(const std::string (&files)[2], bool known) {
  read_in(files, known, "state file");
}

void StateLog::read_in(const std::string (&files)[2], bool known, std::string_view from) {
  File read_files[2] = {read(files[0]), read(files[1])};
  file_ = read_files[1].epoch > read_files[0].epoch ? 1 : 0;
  File& file = read_files[file_];
  epoch_ = file.epoch;
  if (file.epoch == 0) return;
  drop_outdated(file.records);
  loading_ = true;
  registry_.set_quiet(true);
  std::size_t strange = 0;
  for (const auto& record : file.records)
    if (!known || record[0] == "result") strange += !apply(record);
  if (strange > 0)
    log(Level::Warn, from, ": ", strange,
        " records are of another version of weir and are dropped, with the overrides they held");
  registry_.set_quiet(false);
  loading_ = false;
  if (!known) tell_restored(from);
}

void StateLog::tell_restored(std::string_view from) const {
  for (const config::Backend& backend : registry_.config().backends)
    for (std::uint32_t slot : registry_.servers(backend.number)) {
      const shm::ServerColumns& columns = registry_.columns(slot);
      std::string text;
      const auto add = [&text](std::string_view what, const shm::Mark& mark) {
        text += concat(text.empty() ? "" : ", ", what, " since ", time_text(mark.since_us), " by ",
                       std::string_view(mark.by));
      };
      if (columns.runtime) add("added at run time", columns.configured);
      for (const upstream::Overriding& each : upstream::overrides(columns))
        add(each.what, each.mark);
      if (!text.empty()) log(Level::Notice, from, ": server ", registry_.name(slot), ": ", text);
    }
}

void StateLog::keep_result_of(const std::vector<std::string>& record) {
  results_[record[1]] = {time_of(record[2]), {record[3], record[4]}};
}

// False if it is none of ours.
bool StateLog::apply(const std::vector<std::string>& record) {
  struct Kind {
    std::string_view name;
    std::size_t words;
    void (StateLog::*apply)(const std::vector<std::string>&);
  };
  static constexpr Kind kinds[] = {{"server", 15, &StateLog::apply_server},
                                   {"added", 9, &StateLog::apply_added},
                                   {"health", 6, &StateLog::apply_health},
                                   {"resolved", 5, &StateLog::apply_resolved},
                                   {"result", 5, &StateLog::keep_result_of}};
  for (const Kind& kind : kinds)
    if (kind.name == record[0] && kind.words == record.size()) {
      (this->*kind.apply)(record);
      return true;
    }
  return false;
}

void StateLog::apply_server(const std::vector<std::string>& record) {
  auto backend = registry_.find_backend(record[1]);
  auto slot = backend ? registry_.find(*backend, record[2]) : std::nullopt;
  if (!slot) {
    log(Level::Notice, "state file: ", record[1], "/", record[2], " does not exist any more");
    return;
  }
  // Behind each value stand its author, reason and time.
  const auto cause = [&record](std::size_t value) {
    return upstream::Cause{record[value + 1], record[value + 2], time_of(record[value + 3])};
  };
  using shm::Override;
  for (Override state : {Override::None, Override::Up, Override::Drain, Override::Down})
    if (upstream::Registry::word(state) == record[3]) registry_.set_state(*slot, state, cause(3));
  auto weight = to_number<std::uint32_t>(record[7]);
  registry_.set_weight(*slot, weight, cause(7));
  net::Address address;  // unset = as configured
  if (auto endpoint = config::parse_endpoint(record[11]))
    if (auto given = net::Address::from(*endpoint)) address = *given;
  if (address.is_set() || registry_.columns(*slot).override_address.size > 0)
    registry_.set_address(*slot, address, cause(11));
}

void StateLog::apply_health(const std::vector<std::string>& record) {
  auto backend = registry_.find_backend(record[1]);
  auto slot = backend ? registry_.find(*backend, record[2]) : std::nullopt;
  for (shm::Health health : {shm::Health::Up, shm::Health::Down})
    if (slot && upstream::Registry::word(health) == record[3])
      registry_.set_health(*slot, health, {record[4], record[5]});
}

// Unless the server is given by another name here.
void StateLog::apply_resolved(const std::vector<std::string>& record) {
  auto backend = registry_.find_backend(record[1]);
  auto slot = backend ? registry_.find(*backend, record[2]) : std::nullopt;
  if (!slot || registry_.columns(*slot).at != record[3]) return;
  std::vector<std::string> addresses;
  std::uint16_t port = 0;
  for (std::string_view rest = record[4]; !rest.empty();) {
    auto endpoint = config::parse_endpoint(take_until(rest, ','));
    if (!endpoint) return;
    auto address = net::Address::from(*endpoint);
    int size = 0;
    const std::uint8_t* bytes = address ? address->bytes(size) : nullptr;
    if (!bytes) return;
    addresses.emplace_back(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    port = address->port();
  }
  if (!addresses.empty()) registry_.set_resolved(*slot, upstream::to_set(addresses, port, {}));
}

void StateLog::apply_added(const std::vector<std::string>& record) {
  auto backend = registry_.find_backend(record[1]);
  auto endpoint = config::parse_endpoint(record[3]);
  if (!backend || !endpoint) {
    log(Level::Notice, "state file: backend ", record[1], " does not exist any more");
    return;
  }
  config::Server server;
  server.name = record[2];
  server.at = *endpoint;
  server.weight = to_number<std::uint32_t>(record[4]).value_or(1);
  server.max_in_flight = to_number<std::uint32_t>(record[5]).value_or(0);
  server.backup = record[6] == "backup";
  auto added = registry_.add(*backend, server, {record[7], "state file", time_of(record[8])});
  if (!added) log(Level::Notice, "state file: ", added.error().text());
}

std::string StateLog::server_record(std::uint32_t slot) const {
  const shm::ServerRow& row = registry_.row(slot);
  const shm::ServerColumns& columns = registry_.columns(slot);
  std::vector<std::string> words = {"server", registry_.backend_name(row.backend), row.name};
  const auto add = [&words](std::string value, const shm::Mark& mark) {
    words.insert(words.end(), {std::move(value), mark.by, mark.why, std::to_string(mark.since_us)});
  };
  add(std::string(upstream::Registry::word(columns.override_state)), columns.overridden_state);
  add(columns.override_weight >= 0 ? std::to_string(columns.override_weight) : "-",
      columns.overridden_weight);
  add(columns.override_address.size ? upstream::from_shared(columns.override_address).text() : "-",
      columns.overridden_address);
  return join(words);
}

std::string StateLog::added_record(std::uint32_t slot) const {
  const shm::ServerRow& row = registry_.row(slot);
  const shm::ServerColumns& columns = registry_.columns(slot);
  return join({"added", registry_.backend_name(row.backend), row.name, columns.at,
               std::to_string(columns.configured_weight), std::to_string(row.max_in_flight),
               row.backup ? "backup" : "-", columns.configured.by,
               std::to_string(columns.configured.since_us)});
}

std::string StateLog::health_record(std::uint32_t slot) const {
  const shm::ServerRow& row = registry_.row(slot);
  const shm::ServerColumns& columns = registry_.columns(slot);
  return join({"health", registry_.backend_name(row.backend), row.name,
               std::string(upstream::Registry::word(columns.health)), columns.operational.by,
               columns.operational.why});
}

std::string StateLog::resolved_record(std::uint32_t slot) const {
  const shm::ServerRow& row = registry_.row(slot);
  const shm::ServerColumns& columns = registry_.columns(slot);
  std::string addresses;
  for (std::size_t i = 0; i < columns.resolved.count; ++i)
    addresses += (i > 0 ? "," : "") + upstream::address_of(columns.resolved, i).text();
  return join({"resolved", registry_.backend_name(row.backend), row.name, columns.at, addresses});
}

void StateLog::note_server(std::uint32_t slot) {
  if (loading_) return;
  const shm::ServerColumns& columns = registry_.columns(slot);
  // One that came and went within a transaction was never told of.
  const bool was_added = (columns.leaving || !columns.runtime) && added_.erase(slot) > 0;
  if (columns.leaving) {
    if (overridden_.erase(slot) > 0 || was_added)
      note_removed(registry_.backend_name(registry_.row(slot).backend), registry_.row(slot).name);
    return;
  }
  // It stands in the file now.
  if (was_added)
    note_removed(registry_.backend_name(registry_.row(slot).backend), registry_.row(slot).name);
  if (columns.runtime && added_.insert(slot).second) write(added_record(slot));
  // Of one that is as configured the file has nothing, unless it has to know that an override was taken back.
  const bool is_overridden = upstream::is_overridden(columns);
  if (overridden_.erase(slot) > 0 || is_overridden) write(server_record(slot));
  if (is_overridden) overridden_.insert(slot);
}

void StateLog::note_removed(const std::string& backend, const std::string& name) {
  write(join({"removed", backend, name}));
}

std::string StateLog::result_record(const std::string& op_id, const Result& kept) {
  return join(
      {"result", op_id, std::to_string(kept.time_us), kept.result.text, kept.result.digest});
}

void StateLog::keep_result(const std::string& op_id, const OperationResult& result) {
  const Result& kept = results_[op_id] = {wall_clock_us(), result};
  write(result_record(op_id, kept));
}

const OperationResult* StateLog::find_result(const std::string& op_id) {
  drop_old_results();
  auto found = results_.find(op_id);
  return found == results_.end() ? nullptr : &found->second.result;
}

void StateLog::drop_old_results() {
  std::int64_t oldest = wall_clock_us() - keep_results_us;
  std::erase_if(results_, [oldest](const auto& result) { return result.second.time_us < oldest; });
}

void StateLog::tell_whole(const std::function<void(std::string)>& say) const {
  for (const config::Backend& backend : registry_.config().backends)
    for (std::uint32_t slot : registry_.servers(backend.number)) {
      const shm::ServerColumns& columns = registry_.columns(slot);
      if (columns.leaving) continue;
      if (columns.runtime) say(added_record(slot));
      if (upstream::is_overridden(columns)) say(server_record(slot));
    }
  for (const auto& [op_id, kept] : results_) say(result_record(op_id, kept));
}

void StateLog::write_whole() {
  drop_old_results();
  file_ ^= 1;
  waiting_.push_back(std::string("\x01") + (file_ ? "1" : "0"));
  written_ = 0;
  write(join({"epoch", std::to_string(++epoch_)}));
  added_.clear();
  overridden_.clear();
  for (const config::Backend& backend : registry_.config().backends)
    for (std::uint32_t slot : registry_.servers(backend.number)) {
      const shm::ServerColumns& columns = registry_.columns(slot);
      if (columns.leaving) continue;
      if (columns.runtime) added_.insert(slot);
      if (upstream::is_overridden(columns)) overridden_.insert(slot);
    }
  tell_whole([this](std::string record) { write(std::move(record)); });
  write("whole");
  whole_ = written_;
}

std::string StateLog::tell_all() const {
  std::string told;
  auto say = [&told](const std::string& record) {
    told += hash_text(record) + " " + record + "\n";
  };
  // Without a state file there was none; but 0 stands for nothing to be read.
  say(join({"epoch", std::to_string(std::max<std::uint64_t>(epoch_, 1)), std::to_string(file_)}));
  tell_whole(say);
  for (const config::Backend& backend : registry_.config().backends)
    for (std::uint32_t slot : registry_.servers(backend.number)) {
      if (registry_.columns(slot).resolved.count > 0) say(resolved_record(slot));
      if (knows_health(registry_.columns(slot))) say(health_record(slot));
    }
  say("whole");
  return told;
}

void StateLog::take_over(const std::string& told) {
  const std::string files[] = {told, {}};
  read_in(files, false, "taken over");
  // The file that was being written stays whole until the other one is.
  std::string_view first = std::string_view(told).substr(0, told.find('\n'));
  file_ = first.ends_with(" 1") ? 1 : 0;
}

void StateLog::write(std::string record) {
  std::string line = hash_text(record) + " " + record;
  written_ += line.size() + 1;
  waiting_.push_back(std::move(line));
  flush();
  if (written_ > grown_bytes && written_ > 4 * whole_ && whole_ > 0) {
    whole_ = 0;  // until the new file has its own
    write_whole();
  }
}

void StateLog::flush() {
  while (!waiting_.empty()) {
    const std::string& next = waiting_.front();
    bool taken = next[0] == '\x01' ? sink_.begin_file(next[1] == '1') : sink_.write_record(next);
    if (!taken) return retry_.set(loop_, loop_.now() + retry_us);
    waiting_.pop_front();
  }
}

}  // namespace weir::admin
