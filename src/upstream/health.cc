// SPDX-License-Identifier: Apache-2.0
#include "upstream/health.h"

#include "base/assert.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "config/units.h"
#include "upstream/address_set.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::upstream {

namespace {

constexpr std::size_t read_size = 16 * 1024;

// Later than this, and what did not happen in time may be our fault.
constexpr std::uint64_t too_late_us = 100'000;
constexpr std::uint64_t pulse_us = 50'000;

// Checks that could all begin now take turns: ten thousand need a second.
constexpr std::uint64_t turn_us = 100;
constexpr std::uint64_t most_spread_us = 1'000'000;

}  // namespace

/// One server: the question, what is known, and when to ask next.
class Health::Entry final : public event::Reaped,
                            private event::DeadlineEvents,
                            private ProbeEvents {
 public:
  Entry(Health& health, std::uint32_t slot, const config::Check& check, Known known, Secure secure);

  /// From that moment on it may be checked, as soon as there is an address.
  void begin_at(std::uint64_t moment) { begin_at_ = moment; }
  void set_addresses(const shm::AddressSet& addresses);
  void stop();

  const Question& question() const { return question_; }
  bool is_known() const { return is_known_; }
  std::uint64_t interval() const;
  std::vector<CheckResult> results() const;

 private:
  void on_deadline() noexcept override;
  void on_probed(CheckOutcome outcome, std::string seen) noexcept override;

  void describe(const shm::AddressSet& addresses);
  void probe_next();
  void abandon_probe();
  void record(CheckOutcome outcome, std::string seen);
  bool judge(bool passed);
  std::uint64_t next_begin(bool was_late);

  Health& health_;
  Question question_;
  std::vector<net::Address> addresses_;  ///< with the check's port
  std::string failed_;                   ///< what this check has seen at others of them
  event::Deadline deadline_;
  Probe* probe_ = nullptr;  ///< destroyed by the loop when it has ended
  std::vector<CheckResult> results_;
  std::size_t oldest_ = 0;
  std::uint64_t begin_at_ = 0;
  std::uint64_t begun_ = 0;
  std::uint32_t slot_;
  std::uint16_t at_ = 0;       ///< the address that was asked last
  std::uint16_t left_ = 0;     ///< addresses that this check has not asked
  std::uint32_t against_ = 0;  ///< results in a row that contradict what is known
  bool is_named_;
  bool is_known_;
  bool is_up_;
  bool repeated_ = false;  ///< the last check was repeated at once and may not be again
  bool put_off_ = false;
};

Health::Entry::Entry(Health& health, std::uint32_t slot, const config::Check& check, Known known,
                     Secure secure)
    : health_(health),
      question_{check,
                health.regex(check.body_regex),
                {},
                {},
                {},
                std::move(secure.tls),
                std::move(secure.name),
                secure.protocol,
                secure.limits},
      deadline_(*this),
      slot_(slot),
      is_named_(secure.is_named),
      is_known_(known != Known::Nothing),
      is_up_(known == Known::Up) {
  // Where the statements stood is of no use here, and would be kept ten thousand times.
  question_.check.origins = {};
}

void Health::Entry::set_addresses(const shm::AddressSet& addresses) {
  std::vector<net::Address> next;
  for (std::size_t i = 0; i < addresses.count; ++i) {
    next.push_back(address_of(addresses, i));
    if (question_.check.port != 0) next.back().set_port(question_.check.port);
  }
  if (next == addresses_) return;
  const auto stays = [&next](const net::Address& one) {
    return std::find(next.begin(), next.end(), one) != next.end();
  };
  const bool is_other = std::none_of(addresses_.begin(), addresses_.end(), stays);
  const bool is_cut_off = probe_ && !stays(question_.address);
  if (is_cut_off) abandon_probe();
  addresses_ = std::move(next);
  at_ = 0;
  left_ = std::min(left_, static_cast<std::uint16_t>(addresses_.size()));
  if (addresses_.empty()) return deadline_.clear();
  if (is_other) against_ = 0;
  describe(addresses);
  if (is_other || is_cut_off)
    deadline_.set(health_.loop_, std::max(begin_at_, health_.take_turn(interval())));
}

void Health::Entry::describe(const shm::AddressSet& addresses) {
  const std::uint16_t usual = question_.tls ? 443 : 80;
  const std::uint16_t port = addresses_.front().port();
  question_.at = text_of(addresses);
  question_.host.clear();
  if (is_named_ && port != 0)
    question_.host =
        port == usual ? question_.name : concat(question_.name, ":", std::to_string(port));
  if (question_.check.kind == config::Check::Kind::Http)
    question_.request = request_text(question_.check, addresses_.front(), question_.host);
}

void Health::Entry::stop() {
  abandon_probe();
  deadline_.clear();
}

void Health::Entry::abandon_probe() {
  if (!probe_) return;
  std::exchange(probe_, nullptr)->cancel();
  --health_.running_;
}

void Health::Entry::on_deadline() noexcept {
  // After a stall all checks are due at the same moment.
  if (health_.is_late() && !put_off_) {
    put_off_ = true;
    return deadline_.set(health_.loop_, health_.take_turn(interval()));
  }
  put_off_ = false;
  begun_ = health_.loop_.read_clock();
  failed_.clear();
  left_ = static_cast<std::uint16_t>(addresses_.size());
  probe_next();
}

void Health::Entry::probe_next() {
  --left_;
  at_ = static_cast<std::uint16_t>((at_ + 1U) % addresses_.size());
  question_.address = addresses_[at_];
  health_.note_begin();
  probe_ = new Probe(health_.tools_, question_, *this);
  probe_->start();
}

void Health::Entry::on_probed(CheckOutcome outcome, std::string seen) noexcept {
  probe_ = nullptr;
  --health_.running_;
  const bool was_late = outcome == CheckOutcome::Failed && health_.was_late_since(begun_);
  if (was_late) {
    outcome = CheckOutcome::Inconclusive;
    seen += "; weir itself was late";
  }
  if (addresses_.size() > 1) {
    seen = concat(question_.address.text(), ": ", seen);
    if (outcome == CheckOutcome::Failed && left_ > 0) {
      failed_ += "; " + seen;
      return probe_next();
    }
    seen += failed_;
  }
  health_.count(outcome);
  health_.events_.on_checked(slot_, outcome);
  const bool is_news =
      outcome != CheckOutcome::Inconclusive && judge(outcome == CheckOutcome::Passed);
  const std::string why = is_news ? seen : std::string();
  record(outcome, std::move(seen));
  if (outcome != CheckOutcome::Inconclusive) repeated_ = false;
  deadline_.set(health_.loop_, next_begin(was_late));
  if (is_news) health_.events_.on_health(slot_, is_up_, why);
}

bool Health::Entry::judge(bool passed) {
  if (!std::exchange(is_known_, true)) {
    is_up_ = passed;
    return true;
  }
  if (passed == is_up_) {
    against_ = 0;
    return false;
  }
  if (++against_ < (is_up_ ? question_.check.fall : question_.check.rise)) return false;
  against_ = 0;
  is_up_ = passed;
  return true;
}

std::uint64_t Health::Entry::interval() const {
  const config::Check& check = question_.check;
  if (!is_known_ || against_ > 0) return config::microseconds(check.fast.value_or(check.interval));
  return config::microseconds(is_up_ ? check.interval : check.down.value_or(check.interval));
}

std::uint64_t Health::Entry::next_begin(bool was_late) {
  if (was_late && !std::exchange(repeated_, true)) return health_.take_turn(interval());
  const std::uint32_t spread = question_.check.jitter * 10U;
  const std::uint64_t permille = 1000 - spread + health_.random_.below(2 * spread + 1);
  return std::max(begun_ + interval() * permille / 1000, health_.loop_.read_clock());
}

void Health::Entry::record(CheckOutcome outcome, std::string seen) {
  const std::uint64_t took = health_.loop_.read_clock() - begun_;
  CheckResult result{health_.loop_.clock().wall_us() - static_cast<std::int64_t>(took), took,
                     outcome, std::move(seen)};
  if (results_.size() < most_results) return results_.push_back(std::move(result));
  results_[oldest_] = std::move(result);
  oldest_ = (oldest_ + 1) % most_results;
}

std::vector<CheckResult> Health::Entry::results() const {
  std::vector<CheckResult> ordered(results_);
  std::rotate(ordered.begin(), ordered.begin() + static_cast<std::ptrdiff_t>(oldest_),
              ordered.end());
  return ordered;
}

Health::Health(event::Loop& loop, HealthEvents& events, std::uint64_t seed)
    : loop_(loop),
      events_(events),
      random_(seed),
      read_buffer_(new char[read_size]),
      tools_{loop, gather_, {read_buffer_.get(), read_size}, nullptr},
      pulse_(*this) {}

Health::~Health() {
  for (auto& entry : entries_)
    if (entry) entry->stop();
  loop_.destroy_the_dead();
}

void Health::add(std::uint32_t slot, const config::Check& check, const shm::AddressSet& addresses,
                 Known known, bool at_once, Secure secure) {
  if (slot >= entries_.size()) entries_.resize(slot + 1);
  WEIR_ASSERT(!entries_[slot]);
  if (secure.tls && !outbox_) {
    outbox_ = std::make_unique<net::Outbox>(loop_);
    tools_.outbox = outbox_.get();
  }
  entries_[slot] = std::make_unique<Entry>(*this, slot, check, known, std::move(secure));
  const std::uint64_t delay = at_once ? 0 : config::microseconds(check.start_delay);
  entries_[slot]->begin_at(loop_.read_clock() + delay);
  entries_[slot]->set_addresses(addresses);
}

void Health::set_addresses(std::uint32_t slot, const shm::AddressSet& addresses) {
  entry(slot).set_addresses(addresses);
}

bool Health::is_known(std::uint32_t slot) const { return entry(slot).is_known(); }

void Health::remove(std::uint32_t slot) {
  Entry& gone = entry(slot);
  gone.stop();
  drop_regex(gone.question().check.body_regex);
  // It may be the one that is telling its health just now.
  loop_.reap(*entries_[slot].release());
}

std::vector<CheckResult> Health::results(std::uint32_t slot) const {
  if (slot >= entries_.size() || !entries_[slot]) return {};
  return entry(slot).results();
}

Health::Entry& Health::entry(std::uint32_t slot) const {
  WEIR_ASSERT(slot < entries_.size() && entries_[slot]);
  return *entries_[slot];
}

std::shared_ptr<const Regex> Health::regex(const std::string& pattern) {
  if (pattern.empty()) return nullptr;
  auto& shared = regexes_[pattern];
  if (!shared) {
    auto compiled = Regex::compile(pattern);
    WEIR_ASSERT(compiled);
    shared = std::make_shared<const Regex>(*std::move(compiled));
  }
  return shared;
}

void Health::drop_regex(const std::string& pattern) {
  const auto found = regexes_.find(pattern);
  if (found != regexes_.end() && found->second.use_count() == 2) regexes_.erase(found);
}

std::uint64_t Health::take_turn(std::uint64_t interval) {
  const std::uint64_t now = loop_.read_clock();
  turn_ = std::max(turn_ + turn_us, now);
  const std::uint64_t most = std::clamp<std::uint64_t>(interval, 1, most_spread_us);
  return now + (turn_ - now) % most;
}

void Health::note_begin() {
  if (running_++ == 0) pulse_.set(loop_, loop_.read_clock() + pulse_us);
}

void Health::on_deadline() noexcept {
  is_late();
  if (running_ > 0) pulse_.set(loop_, loop_.read_clock() + pulse_us);
}

bool Health::is_late() {
  // Not the loop's clock: a stall within this turn counts as well.
  const std::uint64_t now = loop_.read_clock();
  const bool late = loop_.wheel().overdue(now) > too_late_us;
  if (late) late_ = now;
  return late;
}

bool Health::was_late_since(std::uint64_t moment) { return is_late() || late_ >= moment; }

void Health::count(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::Passed: ++counts_.passed; return;
    case CheckOutcome::Failed: ++counts_.failed; return;
    case CheckOutcome::Inconclusive: ++counts_.inconclusive; return;
  }
}

}  // namespace weir::upstream
