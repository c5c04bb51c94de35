// SPDX-License-Identifier: Apache-2.0
#include "process/tallies.h"

namespace weir::process {

namespace {
constexpr std::uint64_t pace_every = 256;  // requests

shm::Count protocol_of(const RequestHead& request) {
  return static_cast<shm::Count>(static_cast<unsigned>(shm::Count::RequestsHttp10) +
                                 static_cast<unsigned>(request.protocol));
}

}  // namespace

Tallies::Tallies(event::Loop& loop, const Setup& setup, const shm::Segment& segment,
                 LogPort& log_port)
    : loop_(loop),
      setup_(setup),
      log_port_(log_port),
      counters_(segment, setup.index),
      state_(segment, setup.index) {
  state_.set(shm::Count::ClientsOpen, 0);
  state_.set(shm::Count::H2ClientsOpen, 0);
  state_.set(shm::Count::BodyMemory, 0);
  state_.set(shm::Count::Incarnation, setup.incarnation);
  state_.set(shm::Count::Leaving, 0);
}

void Tallies::wake(std::uint64_t workers) {
  for (; workers != 0; workers &= workers - 1)
    process::wake(setup_.worker_waker(static_cast<std::size_t>(__builtin_ctzll(workers))));
}

void Tallies::note_pace() {
  event::Pace pace = loop_.pace();
  state_.set(shm::Count::LongestTurn, pace.turn_us);
  state_.set(shm::Count::LongestCall, pace.call_us);
  state_.set_call_name(pace.call);
}

void Tallies::count(const proxy::Record& record) {
  using shm::Count;
  state_.add(Count::Requests, 1);
  if (state_.get(Count::Requests) % pace_every == 1) note_pace();
  state_.add(Count::Attempts, record.attempts);
  state_.add(Count::BytesIn, record.bytes_in());
  state_.add(Count::BytesOut, record.bytes_out);
  if (record.request) {
    state_.add(Count::FieldsDropped, record.request->dropped_fields);
    if (record.request->protocol != Protocol::Unknown) state_.add(protocol_of(*record.request), 1);
  }
  if (record.failure == http::Failure::Quarantined) state_.add(Count::Quarantined, 1);
  unsigned hundreds = record.status / 100;
  if (hundreds >= 1 && hundreds <= 5)
    state_.add(static_cast<Count>(static_cast<unsigned>(Count::Responses1xx) + hundreds - 1), 1);
  const shm::Finished finished(hundreds, record.failure != http::Failure::None, record.bytes_in(),
                               record.bytes_out, record.times.ended - record.times.begun);
  counters_.add(shm::Of::Listener, record.listener->number, finished);
  if (!record.route) return;
  counters_.add(shm::Of::Route, record.route->number, finished);
  if (!record.backend) return;
  counters_.add(shm::Of::Backend, record.backend->number, finished);
  if (record.times.queued != 0)
    counters_.add(shm::Of::Backend, record.backend->number, shm::Tally::Queued, 1);
  if (record.server) counters_.add(shm::Of::Server, record.server_slot, finished);
}

void Tallies::count_attempt(std::uint32_t backend, std::uint32_t slot, bool connected) {
  const auto count = [&](shm::Tally what) {
    counters_.add(shm::Of::Backend, backend, what, 1);
    counters_.add(shm::Of::Server, slot, what, 1);
  };
  count(shm::Tally::Attempts);
  if (!connected) count(shm::Tally::ConnectErrors);
}

void Tallies::count_abuse(http::H2Abuse kind) {
  state_.add(static_cast<shm::Count>(static_cast<unsigned>(shm::Count::H2Resets) +
                                     static_cast<unsigned>(kind)),
             1);
}

void Tallies::count_handshake(const tls::Transport& transport) {
  using shm::Count;
  if (transport.failure() != tls::Failure::None) {
    auto first = static_cast<unsigned>(Count::HandshakesClosed);
    auto nth = static_cast<unsigned>(transport.failure()) - 1;
    return state_.add(static_cast<Count>(first + nth), 1);
  }
  state_.add(transport.version() == "TLSv1.2" ? Count::HandshakesV12 : Count::HandshakesV13, 1);
  if (transport.is_resumed()) state_.add(Count::HandshakesResumed, 1);
}

void Tallies::count_http2(int change) {
  if (change > 0) state_.add(shm::Count::H2ClientsAccepted, 1);
  state_.add(shm::Count::H2ClientsOpen,
             static_cast<std::uint64_t>(static_cast<std::int64_t>(change)));
}

void Tallies::count_reset(bool by_client) {
  state_.add(by_client ? shm::Count::H2ResetsByClients : shm::Count::H2ResetsByUs, 1);
}

void Tallies::count_connection(int change) {
  if (change > 0) state_.add(shm::Count::ClientsAccepted, 1);
  clients_ += static_cast<std::uint64_t>(static_cast<std::int64_t>(change));
  state_.set(shm::Count::ClientsOpen, clients_);
}

}  // namespace weir::process
