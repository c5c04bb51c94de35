// SPDX-License-Identifier: Apache-2.0
#include "upstream/ejector.h"

#include "base/wall_time.h"

#include <algorithm>

namespace weir::upstream {

using shm::Ejection;
using shm::NoticeKind;

namespace {

constexpr std::uint64_t look_again_us = 250'000;  // at half-open servers: is their prober alive?
constexpr std::uint32_t most_doublings = 16;

}  // namespace

Ejector::Ejector(event::Loop& loop, Registry& registry, const shm::Segment& segment)
    : loop_(loop), registry_(registry), outliers_(segment), segment_(segment), due_(*this) {}

// There may be more of them than the last time.
void Ejector::know_workers() {
  for (auto worker = static_cast<std::uint32_t>(workers_.size()); worker < segment_.workers();
       ++worker) {
    notices_.emplace_back(segment_, worker);
    workers_.emplace_back(segment_, worker);
  }
}

void Ejector::resume() {
  for (const config::Backend& backend : registry_.config().backends)
    for (std::uint32_t slot : registry_.servers(backend.number))
      if (registry_.columns(slot).ejection != Ejection::None) watched_.insert(slot);
  arm();
}

void Ejector::drain_notices() {
  know_workers();
  shm::Notice notice;
  for (shm::Notices& ring : notices_)
    // Not for ever, should a worker push as fast as we take.
    for (std::size_t i = 0; i < shm::Notices::size && ring.pop(notice); ++i) take(notice);
}

void Ejector::take(const shm::Notice& notice) {
  if (!registry_.has(notice.server)) return;
  const shm::ServerRow& row = registry_.row(notice.server);
  if (row.use == shm::Use::Free || row.incarnation != notice.incarnation) return;
  Ejection ejection = registry_.columns(notice.server).ejection;
  std::string times = std::to_string(notice.detail);
  switch (notice.kind) {
    case NoticeKind::ConnectErrors:
      if (ejection == Ejection::None) eject(notice.server, times + " failed connects in a row");
      break;
    case NoticeKind::StatusErrors:
      if (ejection == Ejection::None) eject(notice.server, times + " bad answers in a row");
      break;
    case NoticeKind::ProbeFailed:
      if (ejection == Ejection::HalfOpen) eject(notice.server, "the trial request failed");
      break;
    case NoticeKind::ProbePassed:
      if (ejection != Ejection::HalfOpen) break;
      outliers_.reset(notice.server);
      watched_.erase(notice.server);
      registry_.set_ejection(notice.server, Ejection::None, 0,
                             {"outlier", "the trial request went well"});
      break;
  }
}

bool Ejector::may_eject(std::uint32_t slot) const {
  std::uint32_t backend = registry_.row(slot).backend;
  auto servers = registry_.servers(backend);
  auto ejected = std::count_if(servers.begin(), servers.end(), [&](std::uint32_t other) {
    return other != slot && registry_.columns(other).ejection != Ejection::None;
  });
  std::size_t most = servers.size() * registry_.backend(backend)->outlier->max_ejected / 100;
  return static_cast<std::size_t>(ejected) < most;
}

void Ejector::eject(std::uint32_t slot, const std::string& why) {
  const config::Backend* backend = registry_.backend(registry_.row(slot).backend);
  if (!backend || !backend->outlier || !may_eject(slot)) return;
  const auto& outlier = backend->outlier;
  std::uint32_t before = std::min(registry_.columns(slot).ejections, most_doublings);
  std::int64_t ms = std::min(outlier->eject.count() << before, outlier->max_eject.count());
  outliers_.reset(slot);
  registry_.count(slot, shm::ServerCount::Ejections);
  registry_.set_ejection(slot, Ejection::Ejected, wall_clock_us() + ms * 1000,
                         {"outlier", why + ", ejected for " + std::to_string(ms) + " ms"});
  watched_.insert(slot);
  arm();
}

void Ejector::on_deadline() noexcept {
  know_workers();
  std::int64_t now = wall_clock_us();
  // A reload may have ended it.
  std::erase_if(watched_, [this](std::uint32_t slot) {
    return registry_.columns(slot).ejection == Ejection::None;
  });
  for (std::uint32_t slot : watched_) {
    const shm::ServerColumns& columns = registry_.columns(slot);
    if (columns.ejection == Ejection::Ejected && columns.ejected_until_us <= now) {
      outliers_.reset(slot);
      registry_.set_ejection(slot, Ejection::HalfOpen, 0, {"outlier", "one request may try it"});
    } else if (columns.ejection == Ejection::HalfOpen) {
      for (std::uint32_t worker = 0; worker < workers_.size(); ++worker)
        outliers_.release_dead(
            slot, worker,
            static_cast<std::uint32_t>(workers_[worker].get(shm::Count::Incarnation)));
    }
  }
  arm();
}

void Ejector::arm() {
  if (watched_.empty()) return due_.clear();
  std::int64_t now = wall_clock_us(), next = INT64_MAX;
  for (std::uint32_t slot : watched_) {
    const shm::ServerColumns& columns = registry_.columns(slot);
    next = std::min(next, columns.ejection == Ejection::Ejected
                              ? columns.ejected_until_us
                              : now + static_cast<std::int64_t>(look_again_us));
  }
  due_.set(loop_, loop_.now() + static_cast<std::uint64_t>(std::max<std::int64_t>(next - now, 1)));
}

}  // namespace weir::upstream
