// SPDX-License-Identifier: Apache-2.0
#include "process/runtime.h"

#include <sys/random.h>

namespace weir::process {

namespace {

constexpr std::size_t read_buffer_bytes = 64 * 1024;
constexpr std::uint64_t drain_check_us = 50'000;

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
      addresses_(segment),
      in_flight_(segment, setup.index),
      state_(segment, setup.index),
      outbox_(loop),
      read_buffer_(new char[read_buffer_bytes]),
      net_{loop, outbox_, {read_buffer_.get(), read_buffer_bytes}},
      access_log_(proxy::AccessLog::make(config.access_log)),
      context_{net_, config, backends_, *this, access_log_.get(), Random(random_seed())},
      watched_(setup.sockets.size()),
      versions_(config.server_count),
      drain_check_(*this) {
  state_.set(shm::Count::ClientsOpen, 0);
}

Runtime::~Runtime() {
  // Sessions hold leases on connections, so they go first.
  listeners_.clear();
}

Result<void> Runtime::build() {
  std::uint64_t seed = random_seed();
  for (const config::Backend& backend : config_.backends)
    backends_.push_back(std::make_unique<upstream::Backend>(net_, in_flight_, backend,
                                                            config_.workers, seed + setup_.index));
  for (const config::Listener& listener : config_.listeners) {
    auto built = proxy::Listener::build(context_, listener);
    if (!built) return built.error().within("listener " + listener.name);
    listeners_.push_back(std::move(*built));
  }
  return {};
}

void Runtime::start() {
  waker_.start(loop_, setup_.wakers[setup_.index].get(), event::Watch::Edge::LevelRead, *this);
  update_addresses();
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

void Runtime::update_addresses() {
  for (const auto& backend : backends_)
    for (const auto& server : backend->servers()) {
      std::uint32_t version = addresses_.version(server->number());
      if (version == versions_[server->number()]) continue;
      versions_[server->number()] = version;
      shm::ResolvedAddress found = addresses_.read(server->number());
      server->set_address(
          net::Address::from(reinterpret_cast<const sockaddr*>(found.bytes), found.size));
    }
}

void Runtime::on_ready(event::Ready) noexcept {
  clear_wake(setup_.wakers[setup_.index].get());
  update_addresses();
  update_slots();
  for (const auto& backend : backends_) backend->serve_queue();
}

void Runtime::wake(std::uint64_t workers) {
  for (; workers != 0; workers &= workers - 1)
    process::wake(setup_.wakers[static_cast<std::size_t>(__builtin_ctzll(workers))].get());
}

void Runtime::count(const proxy::Record& record) {
  using shm::Count;
  state_.add(Count::Requests, 1);
  state_.add(Count::Attempts, record.attempts);
  state_.add(Count::BytesIn, record.bytes_in);
  state_.add(Count::BytesOut, record.bytes_out);
  if (record.request) state_.add(Count::FieldsDropped, record.request->dropped_fields);
  unsigned hundreds = record.status / 100;
  if (hundreds >= 1 && hundreds <= 5)
    state_.add(static_cast<Count>(static_cast<unsigned>(Count::Responses1xx) + hundreds - 1), 1);
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
