// SPDX-License-Identifier: Apache-2.0
#include "process/runtime.h"

#include "base/logger.h"
#include "net/pump.h"
#include "net/socket.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

namespace weir::process {

namespace {

// Sent on with what TLS and HTTP/2 add to it, one read still fits into two of the 64 KiB that the kernel
// hands to a device in one piece.
constexpr std::size_t read_buffer_bytes = 2 * (64 * 1024 - 256);
constexpr std::uint64_t drain_check_us = 50'000;
constexpr std::uint32_t nobody = UINT32_MAX;

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  (void)!getrandom(&seed, sizeof(seed), 0);
  return seed;
}

}  // namespace

Runtime::Runtime(event::Loop& loop, Setup& setup, const shm::Segment& segment, LogPort& log_port,
                 Builder& builder)
    : loop_(loop),
      setup_(setup),
      builder_(builder),
      slots_(segment),
      servers_(segment),
      in_flight_(segment, setup.index),
      shared_connections_(segment, setup.index),
      outliers_(segment),
      queues_(segment, setup.index),
      balancing_(segment),
      notices_(segment, setup.index),
      report_(segment, setup.index),
      generation_(segment),
      sharing_{in_flight_,  shared_connections_, outliers_,          queues_,  balancing_, *this,
               setup.index, setup.incarnation,   setup.plan.workers, &servers_},
      outbox_(loop),
      read_buffer_(new char[read_buffer_bytes]),
      net_{loop, outbox_, {read_buffer_.get(), read_buffer_bytes}},
      tallies_(loop, setup, segment, log_port),
      context_{net_, nullptr, segment, {}, tallies_, nullptr, Random(random_seed())},
      drain_check_(*this),
      departure_(
          loop, segment, setup.index,
          [this](const Departure::Visit& visit) {
            for (const auto& [number, listener] : listeners_) visit(number, *listener);
          },
          [this] { process::wake(setup_.control_waker()); }),
      master_(::getppid()) {
  for (ListeningSocket& socket : setup.sockets) sockets_.push_back({std::move(socket)});
}

Runtime::~Runtime() {
  // Sessions hold leases on connections, so they go first; services, which hold some too, after the last of their filters.
  listeners_.clear();
  leaving_.clear();
  loop_.destroy_the_dead();
  context_.services.end();
  loop_.destroy_the_dead();
}

void Runtime::start(Snapshot first) {
  waker_.start(loop_, setup_.worker_waker(setup_.index), event::Watch::Edge::LevelRead, *this);
  builder_.watch(loop_, [this](std::uint64_t generation, Result<Snapshot> snapshot) {
    built(generation, std::move(snapshot));
  });
  cursor_ = servers_.changes();
  adopt(std::move(first));
  departure_.start();
  servers_.saw(setup_.index, cursor_);
  update_servers();
}

// ---- Another generation ------------------------------------------------------------------------

void Runtime::prepare(Setup next, Ready ready) {
  preparing_ = next.generation;
  prepared_ready_ = std::move(ready);
  next_plan_ = std::move(next.plan);
  for (ListeningSocket& socket : next.sockets) sockets_.push_back({std::move(socket)});
  builder_.build(preparing_, std::move(next.bundle), std::move(next.secrets), context_.snapshot);
}

void Runtime::built(std::uint64_t generation, Result<Snapshot> snapshot) {
  if (generation != preparing_) {
    if (snapshot) builder_.dispose(std::move(*snapshot));
    return;
  }
  if (!snapshot) {
    preparing_ = 0;
    return prepared_ready_(generation, snapshot.error());
  }
  prepared_ = std::move(*snapshot);
  prepared_ready_(generation, {});
  look_for_commit();
}

void Runtime::abandon() {
  preparing_ = 0;
  if (prepared_) builder_.dispose(std::exchange(prepared_, nullptr));
  adopt_sockets();
}

void Runtime::look_for_commit() {
  if (!prepared_ || prepared_->generation != generation_.committed()) return;
  preparing_ = 0;
  setup_.plan = std::move(next_plan_);
  adopt(std::exchange(prepared_, nullptr));
}

void Runtime::adopt(Snapshot next) {
  Snapshot before = std::exchange(context_.snapshot, next);
  apply_settings(*next);
  adopt_backends(*next);
  context_.services.adopt(next->services);
  adopt_listeners(*next);
  adopt_sockets();
  leave_backends(*next);
  on_deadline();
  // Servers of backends that we did not know until now.
  apply_orphans();
  generation_.run(setup_.index, next->generation);
  if (!before) return;
  process::wake(setup_.control_waker());
  builder_.dispose(std::move(before));
}

void Runtime::apply_settings(const proxy::Snapshot& next) {
  access_log_ = proxy::AccessLog::make(next.access_log);
  context_.access_log = access_log_.get();
  set_log_threshold(level_from(next.error_level));
  context_.body_memory.limit(next.body_memory);
  sharing_.workers = setup_.plan.workers;
  net::limit_pipes(setup_.plan.pipes);
}

void Runtime::adopt_backends(const proxy::Snapshot& next) {
  for (const upstream::BackendPolicy& policy : next.backends) {
    std::uint32_t number = policy.config.number;
    if (number >= context_.backends.size()) context_.backends.resize(number + 1);
    auto& backend = context_.backends[number];
    if (backend)
      backend->configure(policy);
    else
      backend = std::make_unique<upstream::Backend>(net_, sharing_, policy, random_seed());
  }
}

void Runtime::leave_backends(const proxy::Snapshot& next) {
  std::set<std::uint32_t> stay;
  for (const upstream::BackendPolicy& policy : next.backends) stay.insert(policy.config.number);
  for (std::uint32_t number = 0; number < context_.backends.size(); ++number)
    if (context_.backends[number] && !stay.contains(number)) context_.backends[number]->leave();
}

void Runtime::adopt_listeners(const proxy::Snapshot& next) {
  Listeners before = std::exchange(listeners_, {});
  addresses_.clear();
  for (const auto& rules : next.listeners) {
    std::uint32_t number = rules->listener().number;
    // One that comes back goes on with the clients it left with.
    auto known = before.extract(number);
    if (!known) known = leaving_.extract(number);
    if (known) {
      known.mapped()->adopt(rules);
      listeners_.insert(std::move(known));
    } else {
      listeners_[number] = std::make_unique<proxy::Listener>(context_, rules);
    }
    for (const config::Bind& bind : rules->listener().binds) addresses_[bind.at.text] = number;
  }
  for (auto& [number, listener] : before) listener->leave();
  leaving_.merge(before);
  departure_.apply();
}

// Sockets whose address nobody listens on any more are let go of by who watches them; the master keeps its own a while.
void Runtime::adopt_sockets() {
  const auto is_wanted = [&](const Slot& slot) { return addresses_.contains(slot.socket.address); };
  const auto has_come_back = [&](const std::string& address) {
    return addresses_.contains(address);
  };
  for (const auto* some : {&listeners_, &leaving_})
    for (const auto& [number, listener] : *some) listener->leave_to_others(has_come_back);
  for (Slot& slot : sockets_)
    if (slot.watched_by && !is_wanted(slot)) slot.watched_by->let_go(std::move(slot.socket.fd));
  std::erase_if(sockets_, [&](const Slot& slot) { return !is_wanted(slot); });
  update_slots();
}

void Runtime::update_slots() {
  std::uint64_t most =
      std::max<std::uint64_t>(setup_.plan.max_connections / setup_.plan.workers, 1);
  for (const auto& [number, listener] : listeners_) listener->limit_clients(most);
  for (Slot& slot : sockets_) {
    // Without a master nobody gives the slots of the dead to the living: everybody watches all.
    bool mine = orphan_ ||
                (!departure_.gives_up_sockets() && slots_.belongs(slot.socket.slot, setup_.index));
    auto owner = addresses_.find(slot.socket.address);
    proxy::Listener* wanted =
        mine && owner != addresses_.end() ? listeners_[owner->second].get() : nullptr;
    if (wanted == slot.watched_by) continue;
    if (slot.watched_by) slot.watched_by->stop_accepting(slot.socket.fd.get());
    slot.watched_by = wanted;
    if (wanted) wanted->accept_on(slot.socket.fd.get(), slot.socket.address);
  }
}

// ---- Servers -----------------------------------------------------------------------------------

void Runtime::apply_row(std::uint32_t slot) {
  shm::ServerRow row = servers_.row(slot);
  if (slot >= slot_owners_.size()) slot_owners_.resize(slot + 1, nobody);
  std::uint32_t& owner = slot_owners_[slot];
  auto& backends = context_.backends;
  // A backend may be of a generation that is still to come.
  bool is_known = row.backend < backends.size() && backends[row.backend];
  bool is_ours = row.use != shm::Use::Free && is_known;
  if (owner != nobody && (!is_ours || owner != row.backend)) backends[owner]->forget(slot);
  owner = is_ours ? row.backend : nobody;
  if (is_ours) backends[owner]->apply(slot, row);
}

void Runtime::apply_orphans() {
  for (std::uint32_t slot = 0; slot < servers_.used(); ++slot)
    if (slot >= slot_owners_.size() || slot_owners_[slot] == nobody) apply_row(slot);
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

// ---- What comes from outside ---------------------------------------------------------------------

void Runtime::on_ready(event::Ready) noexcept {
  clear_wake(setup_.worker_waker(setup_.index));
  update_servers();
  look_for_commit();
  departure_.look();
  update_slots();
  if (report_.question() != 0) report();
  for (const auto& backend : context_.backends)
    if (backend) backend->serve_queue();
}

void Runtime::report() {
  std::uint64_t question = report_.question();
  std::uint32_t count = 0;
  for (const auto& [number, listener] : listeners_) count = listener->describe(report_, count);
  for (const auto& [number, listener] : leaving_) count = listener->describe(report_, count);
  tallies_.note_pace();
  report_.answer(question, count);
  process::wake(setup_.control_waker());
}

template <typename Which>
void Runtime::close_sockets(const Which& which) {
  std::erase_if(sockets_, [&](Slot& slot) {
    if (!which(slot)) return false;
    if (slot.watched_by) slot.watched_by->stop_accepting(slot.socket.fd.get());
    return true;
  });
}

bool Runtime::has_ended() {
  if (leaving_.empty()) loop_.stop();
  return leaving_.empty();
}

void Runtime::leave(bool at_once) {
  tallies_.note_leaving();
  const auto ended = [this] { return has_ended(); };
  at_once ? departure_.stop(ended) : departure_.end(ended);
  update_slots();
  // Others have them.  Kept open here, the kernel would go on to connect clients to an address that a reload removes.
  if (departure_.gives_up_sockets()) close_sockets([](const Slot&) { return true; });
  if (at_once) on_deadline();
}

// ---- Without a master --------------------------------------------------------------------------

void Runtime::outlive_master() {
  tallies_.note_leaving();
  OrphanHost& host = *this;
  orphan_ = std::make_unique<Orphan>(loop_, host, setup_.plan.uid);
  departure_.end_alone([this] { return has_ended(); });
  update_slots();
}

std::vector<const ListeningSocket*> Runtime::open_sockets() const {
  std::vector<const ListeningSocket*> open;
  for (const Slot& slot : sockets_) open.push_back(&slot.socket);
  return open;
}

// A master that has them has made itself their owner: see process/reclaim.h.
void Runtime::close_taken() {
  close_sockets([this](const Slot& slot) {
    const pid_t owner = net::owner(slot.socket.fd.get());
    return owner != 0 && owner != master_;
  });
}

// Sockets that another master owns must stay open, even if it asked other workers for them and not this one.
void Runtime::close_gates() {
  close_taken();
  departure_.close_gates();
  close_sockets([](const Slot& slot) { return !slot.watched_by || slot.watched_by->is_shut(); });
}

// Those of former generations go when their clients have gone, and nobody else can come.
void Runtime::on_deadline() noexcept {
  std::erase_if(leaving_, [this](const auto& leaving) {
    const auto& listener = leaving.second;
    (void)listener->go_on(departure_.is_time_up());
    return listener->sessions() == 0 && (departure_.is_stopping() || !listener->is_letting_go());
  });
  bool more = !leaving_.empty();
  for (const auto& [number, listener] : listeners_) {
    if (!listener->is_letting_go()) continue;
    (void)listener->go_on();
    more = true;
  }
  if (more) drain_check_.set(loop_, loop_.now() + drain_check_us);
}

}  // namespace weir::process
