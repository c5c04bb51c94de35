// SPDX-License-Identifier: Apache-2.0
#include "process/runtime.h"

#include <sys/random.h>

#include <utility>

namespace weir::process {

namespace {

constexpr std::size_t read_buffer_bytes = 64 * 1024;
constexpr std::uint64_t drain_check_us = 50'000;
constexpr std::uint64_t pace_every = 256;  // requests

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  (void)!getrandom(&seed, sizeof(seed), 0);
  return seed;
}

}  // namespace

Runtime::Runtime(event::Loop& loop, const Setup& setup, const shm::Segment& segment,
                 const config::Config& config, LogPort& log_port)
    : loop_(loop),
      setup_(setup),
      config_(config),
      log_port_(log_port),
      slots_(segment),
      servers_(segment),
      in_flight_(segment, setup.index),
      outliers_(segment),
      notices_(segment, setup.index),
      counters_(segment, setup.index),
      state_(segment, setup.index),
      report_(segment, setup.index),
      sharing_{in_flight_, outliers_, *this, setup.index, setup.incarnation, setup.plan.workers},
      outbox_(loop),
      read_buffer_(new char[read_buffer_bytes]),
      net_{loop, outbox_, {read_buffer_.get(), read_buffer_bytes}},
      access_log_(proxy::AccessLog::make(config.access_log)),
      context_{net_, config, segment, backends_, *this, access_log_.get(), Random(random_seed())},
      watched_(setup.sockets.size()),
      drain_check_(*this) {
  state_.set(shm::Count::ClientsOpen, 0);
  state_.set(shm::Count::Incarnation, setup.incarnation);
}

Runtime::~Runtime() {
  // Sessions hold leases on connections, so they go first.
  listeners_.clear();
}

Result<void> Runtime::build() {
  std::uint64_t seed = random_seed();
  for (const config::Backend& backend : config_.backends) {
    backends_.push_back(
        std::make_unique<upstream::Backend>(net_, sharing_, backend, seed + setup_.index));
    if (backend.number >= numbered_.size()) numbered_.resize(backend.number + 1);
    numbered_[backend.number] = backends_.back().get();
  }
  for (const config::Listener& listener : config_.listeners) {
    auto built = proxy::Listener::build(context_, listener);
    if (!built) return built.error().within("listener " + listener.name);
    listeners_.push_back(std::move(*built));
  }
  return {};
}

void Runtime::start() {
  waker_.start(loop_, setup_.worker_waker(setup_.index), event::Watch::Edge::LevelRead, *this);
  cursor_ = servers_.changes();
  for (std::uint32_t slot = 0; slot < servers_.used(); ++slot) apply_row(slot);
  servers_.saw(setup_.index, cursor_);
  update_servers();
  update_slots();
}

void Runtime::update_slots() {
  std::uint64_t most = setup_.plan.max_connections / setup_.plan.workers;
  for (std::uint32_t i = 0; i < setup_.sockets.size(); ++i) {
    const ListeningSocket& socket = setup_.sockets[i];
    bool mine = !context_.draining && slots_.belongs(i, setup_.index);
    if (mine == watched_[i]) continue;
    watched_[i] = mine;
    proxy::Listener& listener = *listeners_[socket.listener];
    if (mine)
      listener.accept_on(socket.fd.get(), std::max<std::uint64_t>(most, 1));
    else
      listener.stop_accepting(socket.fd.get());
  }
}

void Runtime::apply_row(std::uint32_t slot) {
  shm::ServerRow row = servers_.row(slot);
  if (slot >= slot_owners_.size()) slot_owners_.resize(slot + 1);
  // A server of a backend that this worker does not have is none.
  bool is_mine = row.use != shm::Use::Free && row.backend < numbered_.size();
  upstream::Backend* owner = is_mine ? numbered_[row.backend] : nullptr;
  upstream::Backend* before = std::exchange(slot_owners_[slot], owner);
  if (before && before != owner) before->forget(slot);
  if (owner) owner->apply(slot, row);
}

void Runtime::update_servers() {
  std::uint64_t before = cursor_;
  for (std::int64_t slot = servers_.next_change(cursor_); slot != -1;
       slot = servers_.next_change(cursor_)) {
    if (slot >= 0)
      apply_row(static_cast<std::uint32_t>(slot));
    else
      for (std::uint32_t i = 0; i < servers_.used(); ++i) apply_row(i);
  }
  if (cursor_ != before && servers_.saw(setup_.index, cursor_))
    process::wake(setup_.control_waker());
}

void Runtime::notice(const shm::Notice& notice) {
  if (notices_.push(notice)) process::wake(setup_.control_waker());
}

void Runtime::on_ready(event::Ready) noexcept {
  clear_wake(setup_.worker_waker(setup_.index));
  update_servers();
  update_slots();
  if (report_.question() != 0) report();
  for (const auto& backend : backends_) backend->serve_queue();
}

void Runtime::wake(std::uint64_t workers) {
  for (; workers != 0; workers &= workers - 1)
    process::wake(setup_.worker_waker(static_cast<std::size_t>(__builtin_ctzll(workers))));
}

void Runtime::count_for(shm::Of kind, std::uint32_t at, const proxy::Record& record) {
  using shm::Tally;
  std::uint64_t took = record.times.ended - record.times.begun;
  unsigned hundreds = record.status / 100 <= 5 ? record.status / 100 : 0;
  counters_.add(kind, at, Tally::Requests, 1);
  counters_.add(kind, at, static_cast<Tally>(static_cast<unsigned>(Tally::NoStatus) + hundreds), 1);
  counters_.add(kind, at, Tally::BytesIn, record.bytes_in);
  counters_.add(kind, at, Tally::BytesOut, record.bytes_out);
  counters_.add(kind, at, Tally::Microseconds, took);
  if (record.failure != http::Failure::None) counters_.add(kind, at, Tally::Failures, 1);
  counters_.add_latency(kind, at, took);
}

void Runtime::report() {
  std::uint64_t question = report_.question();
  std::uint32_t count = 0;
  for (const auto& listener : listeners_) count = listener->describe(report_, count);
  note_pace();
  report_.answer(question, count);
  process::wake(setup_.control_waker());
}

void Runtime::note_pace() {
  event::Pace pace = loop_.pace();
  state_.set(shm::Count::LongestTurn, pace.turn_us);
  state_.set(shm::Count::LongestCall, pace.call_us);
  state_.set_call_name(pace.call);
}

void Runtime::count(const proxy::Record& record) {
  using shm::Count;
  state_.add(Count::Requests, 1);
  if (state_.get(Count::Requests) % pace_every == 1) note_pace();
  state_.add(Count::Attempts, record.attempts);
  state_.add(Count::BytesIn, record.bytes_in);
  state_.add(Count::BytesOut, record.bytes_out);
  if (record.request) state_.add(Count::FieldsDropped, record.request->dropped_fields);
  unsigned hundreds = record.status / 100;
  if (hundreds >= 1 && hundreds <= 5)
    state_.add(static_cast<Count>(static_cast<unsigned>(Count::Responses1xx) + hundreds - 1), 1);
  count_for(shm::Of::Listener, record.listener->number, record);
  if (!record.route) return;
  count_for(shm::Of::Route, record.route->number, record);
  if (!record.backend) return;
  count_for(shm::Of::Backend, record.backend->number, record);
  counters_.add(shm::Of::Backend, record.backend->number, shm::Tally::Attempts, record.attempts);
  if (record.server) count_for(shm::Of::Server, record.server_slot, record);
}

void Runtime::count_attempt(std::uint32_t slot, bool connected) {
  counters_.add(shm::Of::Server, slot, shm::Tally::Attempts, 1);
  if (!connected) counters_.add(shm::Of::Server, slot, shm::Tally::ConnectErrors, 1);
}

void Runtime::count_connection(int change) {
  if (change > 0) state_.add(shm::Count::ClientsAccepted, 1);
  state_.set(shm::Count::ClientsOpen, context_.connections);
}

void Runtime::drain() {
  context_.draining = true;
  update_slots();
  on_deadline();
}

void Runtime::on_deadline() noexcept {
  bool empty = true;
  for (const auto& listener : listeners_) empty = listener->drain() && empty;
  if (empty) return loop_.stop();
  drain_check_.set(loop_, loop_.now() + drain_check_us);
}

}  // namespace weir::process
