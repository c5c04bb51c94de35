// SPDX-License-Identifier: Apache-2.0
#include "proxy/service_run.h"

#include "base/assert.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::proxy {

namespace {

constexpr std::size_t most_calls = 8;

}  // namespace

ServiceRun::ServiceRun(Context& context, const ServiceEntry& entry)
    : context_(context),
      factory_(entry.use->factory()),
      is_unused_(entry.use->is_over()),
      service_(*factory_->service()),
      word_(entry.word),
      place_(entry.place),
      timer_(*this),
      soon_(*this) {}

void ServiceRun::start() { service_.start(*this); }

void ServiceRun::retire() {
  WEIR_ASSERT(!is_retired_);
  is_retired_ = true;
  timer_.clear();
  calls_.clear();
  service_.retire(*this);
}

std::uint64_t ServiceRun::now() const { return context_.net.loop.now(); }

void ServiceRun::wake_in(std::uint32_t ms) {
  if (!is_retired_) timer_.set(context_.net.loop, now() + std::uint64_t{ms} * 1000);
}

bool ServiceRun::ask(const Subrequest& subrequest) {
  if (is_retired_ || calls_.size() == most_calls) return false;
  Subrequest limited = subrequest;
  limited.timeout_ms = std::max(limited.timeout_ms, 1U);  // nothing else would end it
  SubcallUser& user = *this;
  calls_.push_back(std::make_unique<Call>(context_, user, limited));
  context_.net.loop.post(soon_);
  return true;
}

void ServiceRun::log(Level level, std::string_view text) const {
  weir::log(level, "filter ", word_, " (", place_, "): ", text);
}

void ServiceRun::on_answered(Direction) { context_.net.loop.post(soon_); }

void ServiceRun::on_deadline() noexcept { service_.on_timer(*this); }

void ServiceRun::on_task() noexcept {
  const auto over = std::stable_partition(
      calls_.begin(), calls_.end(), [](const auto& call) { return !call->subcall.is_over(); });
  std::vector<std::unique_ptr<Call>> answered(std::make_move_iterator(over),
                                              std::make_move_iterator(calls_.end()));
  calls_.erase(over, calls_.end());
  for (const auto& call : answered) service_.on_answer(*this, call->subcall.answer());
  for (const auto& call : calls_)
    if (!call->subcall.is_over() && !std::exchange(call->is_started, true))
      call->subcall.start(true);
}

}  // namespace weir::proxy
