// SPDX-License-Identifier: Apache-2.0
#include "process/judge.h"

#include <weir/log.h>

#include "admin/generations.h"
#include "base/cursor.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "config/bundle.h"
#include "process/bundle_memory.h"
#include "process/reload.h"
#include "upstream/drift.h"
#include "upstream/numbering.h"

#include <algorithm>
#include <utility>

namespace weir::process {

namespace {

using net::MessageType;

constexpr std::size_t most_outcomes = 64;
constexpr admin::Reloads::Ticket most_details =
    16;  // outcomes that list changes, which may be many
// Between attempts to undo an unconfirmed generation; doubled after each that is refused.
constexpr std::uint64_t first_retry_us = 500'000, longest_retry_us = 30'000'000;
constexpr std::uint64_t busy_us = 100'000;  // while another reload is under way

std::string changes_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " change" : " changes");
}

}  // namespace

Judge::Judge(JudgeHost& host, event::Loop& loop, net::Channel& channel, const shm::Segment& segment,
             admin::Fleet& fleet, std::vector<PastGeneration> history)
    : host_(host),
      loop_(loop),
      channel_(channel),
      segment_(segment),
      fleet_(fleet),
      generation_(segment),
      confirm_(*this) {
  for (PastGeneration& past : history) {
    auto bundle = read_sealed(past.bundle.get());
    history_.push_back({read_about(past.about), std::move(past.bundle),
                        bundle ? config::hash(*bundle) : std::string()});
  }
}

Result<std::shared_ptr<const admin::View>> Judge::compile(
    int bundle, int secrets, std::uint64_t generation, const shm::Segment& segment,
    std::span<const config::Config* const> in_use) {
  auto files = read_sealed(bundle);
  if (!files) return files.error();
  auto config = load_sealed(bundle, secrets);
  if (!config) return config.error();
  shm::Identities identities(segment);
  shm::Counters counters(segment, 0);
  auto numbered = upstream::assign_numbers(**config, identities, counters, in_use);
  if (!numbered) return numbered.error();
  auto view = std::make_shared<admin::View>();
  view->generation = generation;
  view->config = std::move(*config);
  for (const config::Listener& listener : view->config->listeners) {
    auto table = proxy::RouteTable::build(listener);
    if (!table) return table.error();
    view->routes.push_back(std::move(*table));
  }
  view->certificates = tls::certificate_ends(*view->config);
  view->bundle_hash = config::hash(*files);
  for (const config::SourceFile& file : files->files)
    view->bundle_text +=
        "# " + file.name + "\n" + file.text + (file.text.ends_with('\n') ? "" : "\n");
  return std::shared_ptr<const admin::View>(std::move(view));
}

// ---- Requests ----------------------------------------------------------------------------------

Judge::Ticket Judge::order(MessageType type, const std::string& what, Order order,
                           const std::vector<int>& files) {
  if (asked_.ticket != 0) return 0;
  order.ticket = last_ticket_ + 1;
  if (!channel_.send(type, what + "\t" + std::to_string(order.ticket), files)) return 0;
  asked_ = order;
  last_ticket_ = order.ticket;
  if (outcomes_.size() == most_outcomes) outcomes_.erase(outcomes_.begin());
  if (auto old = outcomes_.find(order.ticket - most_details); old != outcomes_.end())
    old->second = {old->second.code, old->second.text, {}, {}};
  return order.ticket;
}

Judge::Ticket Judge::load(std::string_view by, const admin::LoadFrom& from, Order wish) {
  const std::string_view how = wish.only_plan ? "plan" : "load";
  if (from.name.empty()) return order(MessageType::Load, concat(how, "\t", by), wish);
  return order(MessageType::Load, concat(how, " ", from.name, "\t", by), wish, {from.file});
}

Judge::Ticket Judge::plan(std::string_view by, const admin::LoadFrom& from) {
  return load(by, from, {0, true, 0});
}

Judge::Ticket Judge::reload(std::string_view by, const admin::LoadFrom& from,
                            std::uint64_t confirm_us) {
  return load(by, from, {0, false, confirm_us});
}

Judge::Ticket Judge::rollback(std::string_view by, std::uint64_t number) {
  return order(MessageType::Load, concat("rollback ", std::to_string(number), "\t", by), {});
}

Judge::Ticket Judge::upgrade(std::string_view by, bool reload) {
  if (reload) return load(by, {}, {0, false, 0, true, std::string(by)});
  return order(MessageType::Upgrade, std::string(by), {0, true, 0});
}

// Its files are in force, or were already; the master tells what comes of it.
void Judge::upgrade_now() {
  std::string order = concat(current_.by, "\t", std::to_string(current_.ticket));
  bool sent = channel_.send(MessageType::Upgrade, order).has_value();
  Ticket ticket = current_.ticket;
  report_ = {};
  if (!sent) return finish(ticket);
  next_ = nullptr;
  current_ = {};
}

const admin::Outcome* Judge::outcome(Ticket ticket) const {
  static const admin::Outcome forgotten{"failed", "what became of it is not kept any more", {}, {}};
  if (auto found = outcomes_.find(ticket); found != outcomes_.end()) return &found->second;
  return ticket == asked_.ticket || ticket == current_.ticket ? nullptr : &forgotten;
}

// ---- The candidate -----------------------------------------------------------------------------

void Judge::on_master(net::Message& message) {
  switch (message.type) {
    case MessageType::Candidate: return on_candidate(message);
    case MessageType::Prepared: return commit();
    case MessageType::Settled: return settled(message);
    case MessageType::Refused: return on_refused(message);
    case MessageType::Upgrading: return on_upgrading(message);
    default: return;
  }
}

// Ticket, tab, why in one line, and then perhaps the diagnostics.
void Judge::on_refused(const net::Message& message) {
  std::string_view bytes = message.bytes;
  Ticket of = to_number<Ticket>(take_until(bytes, '\t')).value_or(0);
  std::string_view why = take_until(bytes, '\n');
  if (of != current_.ticket) {
    // It never came to a candidate.
    outcomes_[of] = {why == under_way ? "conflict" : "refused", std::string(why), {}, {}};
    if (!bytes.empty()) outcomes_[of].notes.emplace_back(bytes);
    if (asked_.ticket == of && why != under_way) note_result(asked_, false);
    if (asked_.ticket == of && asked_.then_upgrade)
      outcomes_[of].notes.push_back(concat("generation ", std::to_string(fleet_.view->generation),
                                           " holds, in the processes that there are"));
    if (asked_.ticket == of) {
      bool undoes = asked_.unconfirmed;
      asked_ = {};
      if (undoes) went_back(outcomes_[of]);
    }
    return host_.on_finished();
  }
  if (!std::exchange(judged_, false)) {
    report_.code = "refused";
    report_.text = why;
    if (!bytes.empty()) report_.notes.emplace_back(bytes);
    note_result(current_, false);
  } else if (current_.then_upgrade && report_.code.empty()) {
    return upgrade_now();  // nothing was to be loaded
  }
  finish(of);
}

// Ticket, tab, what is to be said of it: the last that this process says.
void Judge::on_upgrading(const net::Message& message) {
  std::string_view said = message.bytes;
  Ticket of = to_number<Ticket>(take_until(said, '\t')).value_or(0);
  if (of != 0) outcomes_[of] = {{}, std::string(said), {}, {}};
  host_.on_finished();
}

// Ticket, tab, about; then what the loader said.
void Judge::on_candidate(net::Message& message) {
  std::string_view said = message.bytes;
  std::string_view line = take_until(said, '\n');
  Ticket ticket = to_number<Ticket>(take_until(line, '\t')).value_or(0);
  About about = read_about(line);
  current_ = ticket != 0 && ticket == asked_.ticket ? asked_ : Order{};
  report_ = {};
  if (!said.empty()) report_.notes.emplace_back(said);
  if (message.descriptors.size() != 2) return refuse("failed", "no bundle came");
  auto examined = examine(std::move(message.descriptors[0]), message.descriptors[1].get(), about);
  if (!examined) return refuse("refused", examined.error().text());
  if (current_.only_plan) return refuse("", changes_text(report_.changes.size()));
  if (is_pointless()) return refuse("refused", "it was confirmed meanwhile");
  if (next_->bundle_hash == fleet_.view->bundle_hash) return stay();
  (void)channel_.send(MessageType::Prepare);
}

Result<void> Judge::examine(Fd bundle, int secrets, const About& about) {
  const config::Config* in_use[] = {fleet_.view->config.get()};
  auto view = compile(bundle.get(), secrets, about.number, segment_, in_use);
  if (!view) return view.error();
  report_.changes = config::diff(*fleet_.view->config, *(*view)->config);
  for (std::string& note : upstream::drift(fleet_.registry))
    report_.notes.push_back(std::move(note));
  for (std::string& dropped : fleet_.registry.dropped(*(*view)->config))
    report_.notes.push_back("dropped: " + std::move(dropped));
  if (auto possible = fleet_.registry.check_next(*(*view)->config); !possible) return possible;
  if (!current_.only_plan && !current_.then_upgrade)
    for (const config::Change& change : report_.changes)
      if (change.needs_upgrade)
        return Error(Errc::Unsupported,
                     change.object + " cannot change in place: it needs weirctl upgrade reload");
  about_ = about;
  bundle_ = std::move(bundle);
  next_ = std::move(*view);
  return {};
}

// The files are those that run.  Whoever wants them without a condition has confirmed them; with one, its time begins
// anew.
void Judge::stay() {
  std::string text =
      concat("nothing has changed: generation ", std::to_string(fleet_.view->generation), " stays");
  if (is_unconfirmed() && !current_.unconfirmed) {
    if (current_.confirm_us == 0) {
      note_confirmed(about_.by);
      text += " and is confirmed";
    } else {
      generation_.wait_for_confirm(
          generation_.unconfirmed(),
          wall_clock_us() + static_cast<std::int64_t>(current_.confirm_us));
      wait_for_confirm();
      text += unless_confirmed();
    }
  }
  refuse("", text);
}

// Nothing of it has happened: the master forgets it, and says so.
void Judge::refuse(const std::string& code, const std::string& why) {
  report_.code = code;
  report_.text = why;
  judged_ = true;
  note_result(current_, code.empty());
  (void)channel_.send(MessageType::Abandon, current_.only_plan ? std::string() : why);
}

void Judge::commit() {
  if (!next_) return (void)channel_.send(MessageType::Abandon, "control has lost the candidate");
  if (is_pointless()) return refuse("refused", "it was confirmed meanwhile");
  host_.on_commit(next_);
  std::uint64_t before = fleet_.view->generation;
  // The wait is stored before the commit that needs it and cleared after the one that ends it.  If control dies in
  // between, its successor goes back to what runs already, which changes nothing.
  if (auto patience = static_cast<std::int64_t>(current_.confirm_us); patience != 0) {
    std::uint64_t confirmed = generation_.unconfirmed() ? generation_.unconfirmed() : before;
    generation_.wait_for_confirm(confirmed, wall_clock_us() + patience);
  }
  generation_.commit(next_->generation);
  if (current_.confirm_us == 0) generation_.wait_for_confirm(0, 0);
  host_.wake_workers();
  (void)channel_.send(MessageType::Committed);
  fleet_.view = std::move(next_);
  about_.committed_us = wall_clock_us();
  if (history_.size() == History::most) history_.erase(history_.begin());
  history_.push_back({about_, std::move(bundle_), fleet_.view->bundle_hash});
  fleet_.events.add({0, wall_clock_us(), "config.committed",
                     "generation " + std::to_string(fleet_.view->generation),
                     std::to_string(before), std::to_string(fleet_.view->generation), about_.how,
                     about_.by});
  wait_for_confirm();
}

void Judge::settled(const net::Message& message) {
  history_.back().about.took = read_about(message.bytes).took;
  host_.on_settled();
  note_result(current_, true);
  if (current_.then_upgrade) return upgrade_now();
  report_.text = "generation " + std::to_string(fleet_.view->generation) + ", " +
                 changes_text(report_.changes.size()) + unless_confirmed();
  finish(current_.ticket);
}

// For the metrics.  A plan, and an upgrade that loads nothing, are no reloads.
void Judge::note_result(const Order& order, bool is_done) {
  if (!order.only_plan) generation_.note_reload(is_done, wall_clock_us());
}

void Judge::finish(Ticket ticket) {
  bool undoes = current_.unconfirmed;
  if (ticket != 0) {
    outcomes_[ticket] = std::move(report_);
    asked_ = {};
  }
  next_ = nullptr;
  bundle_.reset();
  current_ = {};
  report_ = {};
  if (undoes) went_back(outcomes_[ticket]);
  host_.on_finished();
}

// ---- Confirmation ------------------------------------------------------------------------------

void Judge::resume() { wait_for_confirm(); }

void Judge::wait_for_confirm() {
  confirm_.clear();
  retry_us_ = first_retry_us;
  if (generation_.unconfirmed() == 0) return;
  std::int64_t left = generation_.confirm_by_us() - wall_clock_us();
  confirm_.set(loop_, loop_.now() + static_cast<std::uint64_t>(std::max<std::int64_t>(left, 1)));
}

void Judge::on_deadline() noexcept {
  if (generation_.unconfirmed() == 0) return;
  if (asked_.ticket != 0) return confirm_.set(loop_, loop_.now() + busy_us);
  go_back();
}

// The wait stays in shared memory until the rollback is committed, so neither a refusal nor the death of control
// forgets it.
void Judge::go_back() {
  std::uint64_t back_to = generation_.unconfirmed();
  log(Level::Warn, "generation ", fleet_.view->generation,
      " was not confirmed: rolling back to generation ", back_to);
  Order undo;
  undo.unconfirmed = true;
  if (order(MessageType::Load, concat("rollback ", std::to_string(back_to), "\tconfirm"), undo) ==
      0)
    confirm_.set(loop_, loop_.now() + busy_us);
}

// The rollback of an unconfirmed generation has ended.
void Judge::went_back(const admin::Outcome& outcome) {
  if (generation_.unconfirmed() == 0) return;
  // Nothing was to be done: what runs is what was to be gone back to.
  if (outcome.code.empty()) return generation_.wait_for_confirm(0, 0);
  log(Level::Error, "generation ", fleet_.view->generation,
      " is still unconfirmed, rollback to generation ", generation_.unconfirmed(),
      " failed: ", outcome.text, "; trying again in ", retry_us_ / 1000, " ms");
  confirm_.set(loop_, loop_.now() + retry_us_);
  retry_us_ = std::min(2 * retry_us_, longest_retry_us);
}

// The candidate undoes a generation that was confirmed after all.
bool Judge::is_pointless() const { return current_.unconfirmed && generation_.unconfirmed() == 0; }

Result<void> Judge::confirm(std::string_view by) {
  if (generation_.unconfirmed() == 0)
    return Error(Errc::NotFound, "no generation waits for a confirmation");
  note_confirmed(by);
  return {};
}

void Judge::note_confirmed(std::string_view by) {
  generation_.wait_for_confirm(0, 0);
  confirm_.clear();
  fleet_.events.add({0, wall_clock_us(), "config.confirmed",
                     "generation " + std::to_string(fleet_.view->generation), "", "", "",
                     std::string(by)});
}

std::optional<admin::Unconfirmed> Judge::unconfirmed() const {
  if (!is_unconfirmed()) return std::nullopt;
  return admin::Unconfirmed{generation_.unconfirmed(), generation_.confirm_by_us()};
}

// What is added to the answer to a reload.
std::string Judge::unless_confirmed() const {
  if (!is_unconfirmed()) return {};
  return concat("; unconfirmed: ", admin::unconfirmed_text(unconfirmed(), false));
}

// ---- History -----------------------------------------------------------------------------------

const Judge::Past* Judge::find(std::uint64_t number) const {
  auto found = std::find_if(history_.begin(), history_.end(),
                            [number](const Past& past) { return past.about.number == number; });
  return found == history_.end() ? nullptr : &*found;
}

// A rollback stands for the generation that it went back to, so the one before that is meant, not what it has undone.
Result<std::uint64_t> Judge::last_good() const {
  if (is_unconfirmed()) return generation_.unconfirmed();
  const Past* past = &history_.back();
  while (past && past->about.how.starts_with("rollback "))
    past = find(to_number<std::uint64_t>(std::string_view(past->about.how).substr(9)).value_or(0));
  if (!past || past == history_.data())
    return Error(Errc::NotFound, "no generation before the present one is kept");
  return (past - 1)->about.number;
}

std::vector<admin::GenerationRow> Judge::generations() const {
  std::vector<admin::GenerationRow> rows;
  for (const Past& past : history_)
    rows.push_back({past.about.number, past.about.committed_us, past.about.by, past.about.how,
                    past.hash, text(past.about.took)});
  return rows;
}

Result<std::vector<config::Change>> Judge::changes_of(std::uint64_t number) const {
  const Past* past = find(number);
  if (!past) return Error(Errc::NotFound, "generation " + std::to_string(number) + " is not kept");
  if (past == history_.data()) {
    if (number == 1) return std::vector<config::Change>();
    return Error(Errc::NotFound,
                 "the one before generation " + std::to_string(number) + " is not kept");
  }
  auto before = load_sealed((past - 1)->bundle.get());
  if (!before) return before.error();
  auto after = load_sealed(past->bundle.get());
  if (!after) return after.error();
  return config::diff(**before, **after);
}

}  // namespace weir::process
