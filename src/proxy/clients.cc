// SPDX-License-Identifier: Apache-2.0
#include "proxy/clients.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::uint64_t share_us = 125;  // of an iteration
// Most of what a client is told leaves later in the iteration, outside our share.
constexpr int most_in_a_row = 64;
constexpr std::uint64_t polite_us = 1'000'000;  // for the last answers to leave

}  // namespace

Clients::~Clients() {
  for (List<ClientConnection>* some : {&waiting_, &visited_})
    while (ClientConnection* client = some->pop_front()) delete client;
}

void Clients::enter(ClientConnection& client) {
  visited_.push_back(client);
  ++entered_;
}

void Clients::begin(Round round) {
  if (under_way_) return;
  under_way_ = true;
  round_ = round;
  at_once_ = round.expels && expelled_at_ != 0 && loop_.now() > expelled_at_ + polite_us;
  counting_ = {};
  counting_from_ = entered_;
  waiting_.splice_back(visited_);
  walk();
}

void Clients::walk() {
  const std::uint64_t until = loop_.read_clock() + share_us;
  for (int i = 0; i < most_in_a_row; ++i) {
    ClientConnection* client = waiting_.pop_front();
    if (!client) return finish();
    visited_.push_back(*client);
    visit(*client);
    if (loop_.read_clock() >= until) break;
  }
  if (waiting_.empty()) return finish();
  loop_.post(go_on_);
}

void Clients::visit(ClientConnection& client) {
  if (round_.expels) client.expel(at_once_);
  // One that has ended has left the list.
  if (!client.is_linked() || client.is_lingering()) return;
  if (round_.closes_idle && client.close_if_quiet(loop_.now())) return;
  ++(client.is_idle() ? counting_.idle : counting_.busy);
}

void Clients::finish() {
  under_way_ = false;
  has_counted_ = true;
  counted_ = counting_;
  counted_from_ = counting_from_;
  if (round_.expels && expelled_at_ == 0) expelled_at_ = loop_.now();
}

void Clients::welcome() {
  go_on_.unlink();
  waiting_.splice_back(visited_);
  visited_.splice_back(waiting_);
  under_way_ = has_counted_ = false;
  expelled_at_ = 0;
}

shm::ClientsLeft Clients::left(std::size_t all) const {
  const auto most = static_cast<std::uint32_t>(all);
  if (!has_counted_) return {most, 0};
  const auto newcomers = static_cast<std::uint32_t>(entered_ - counted_from_);
  return {std::min(counted_.idle + newcomers, most), counted_.busy};
}

std::uint32_t Clients::describe(shm::Report& report, std::uint32_t at) {
  for (List<ClientConnection>* some : {&waiting_, &visited_})
    some->for_each([&](ClientConnection& client) {
      if (at < shm::Report::most_rows) at = client.describe(report, at);
    });
  return at;
}

}  // namespace weir::proxy
