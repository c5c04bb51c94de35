// SPDX-License-Identifier: Apache-2.0
#include "process/checks.h"

#include "base/wall_time.h"
#include "config/properties.h"
#include "config/units.h"
#include "upstream/backend.h"
#include "upstream/numbering.h"

namespace weir::process {

namespace {

std::uint64_t seed() { return static_cast<std::uint64_t>(wall_clock_us()); }

bool speak_the_same(const config::Backend& a, const config::Backend& b) {
  return upstream::terms_of(a) == upstream::terms_of(b) &&
         upstream::head_limits(a) == upstream::head_limits(b);
}

// Nothing of what a check does has changed.
bool is_the_same(const config::Backend& a, const config::Backend& b) {
  if (!a.check || !b.check) return !a.check && !b.check;
  return config::mean_the_same(*a.check, *b.check) && speak_the_same(a, b);
}

}  // namespace

Checks::Checks(event::Loop& loop, upstream::Registry& registry)
    : registry_(registry), health_(loop, *this, seed()) {}

void Checks::begin(std::uint32_t slot) {
  const config::Backend* backend = registry_.backend(registry_.row(slot).backend);
  if (backend && backend->check) begin(slot, *backend->check);
}

void Checks::begin(std::uint32_t slot, const config::Check& check) {
  using Known = upstream::Health::Known;
  shm::Health health = registry_.columns(slot).health;
  Known known = health == shm::Health::Up     ? Known::Up
                : health == shm::Health::Down ? Known::Down
                                              : Known::Nothing;
  health_.add(slot, check, registry_.row(slot).addresses, known, !registry_.columns(slot).runtime,
              secure(slot));
  checked_[slot] = registry_.columns(slot).at;
}

void Checks::end(std::uint32_t slot) {
  if (checked_.erase(slot) > 0) health_.remove(slot);
}

void Checks::follow_address(std::uint32_t slot) {
  auto found = checked_.find(slot);
  if (found == checked_.end()) return;
  const shm::ServerColumns& columns = registry_.columns(slot);
  const bool is_unknown = columns.health == shm::Health::Starting && health_.is_known(slot);
  if (!is_unknown && found->second == columns.at)
    return health_.set_addresses(slot, registry_.row(slot).addresses);
  // Another origin, or another name for it: what was found out before does not count, or was asked otherwise.
  end(slot);
  begin(slot);
}

void Checks::change(const config::Config& before, const config::Config& now) {
  tls_.clear();
  std::map<std::uint32_t, const config::Backend*> known;
  for (const config::Backend& backend : before.backends) known[backend.number] = &backend;
  for (const config::Backend& backend : now.backends) {
    auto found = known.find(backend.number);
    if (found == known.end() || is_the_same(*found->second, backend)) continue;
    for (std::uint32_t slot : registry_.servers(backend.number)) {
      end(slot);
      if (backend.check) begin(slot, *backend.check);
    }
  }
}

upstream::Health::Secure Checks::secure(std::uint32_t slot) {
  const config::Backend* backend = registry_.backend(registry_.row(slot).backend);
  if (!backend) return {};
  upstream::Health::Secure how{
      nullptr, {}, backend->protocol, upstream::head_limits(*backend), false};
  if (auto at = config::parse_endpoint(registry_.columns(slot).at)) {
    how.is_named = at->kind == config::Endpoint::Kind::Name;
    if (at->kind != config::Endpoint::Kind::Unix) how.name = at->host;
  }
  if (!backend->tls) return how;
  auto& context = tls_[upstream::terms_of(*backend)];
  if (!context)
    if (auto made = upstream::make_tls(*backend)) context = std::move(*made);
  how.tls = context;
  return how;
}

void Checks::on_health(std::uint32_t slot, bool up, std::string_view why) noexcept {
  registry_.set_health(slot, up ? shm::Health::Up : shm::Health::Down, {"check", why});
}

void Checks::on_checked(std::uint32_t slot, upstream::CheckOutcome outcome) noexcept {
  static constexpr shm::ServerCount counts[] = {shm::ServerCount::ChecksPassed,
                                                shm::ServerCount::ChecksFailed,
                                                shm::ServerCount::ChecksInconclusive};
  registry_.count(slot, counts[static_cast<std::size_t>(outcome)]);
}

}  // namespace weir::process
