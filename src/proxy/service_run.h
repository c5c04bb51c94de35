// SPDX-License-Identifier: Apache-2.0
//
// ServiceRun: one FilterService at work: its timer, its subrequests, and what it says in the log.  Each subrequest has an arena
// of its own, since there is no stream whose arena could hold it.  Answers are told by a posted call, and subrequests begin in
// one: when a generation is taken over, the servers of its backends are not known yet while services start.
#pragma once

#include <weir/service.h>

#include "event/deadline.h"
#include "proxy/factory_use.h"
#include "proxy/subcall.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

class ServiceRun final : public FilterWorker,
                         private SubcallUser,
                         private event::DeadlineEvents,
                         private event::TaskEvents {
 public:
  ServiceRun(Context& context, const ServiceEntry& entry);

  void start();
  /// The last call of the service.
  void retire();
  /// The factory is only this one's.
  bool is_unused() const { return is_unused_->load(std::memory_order_acquire); }
  const FilterFactory& factory() const { return *factory_; }
  /// Its statement stands elsewhere now.
  void move_to(const std::string& place) { place_ = place; }

 private:
  struct Call {
    Call(Context& context, SubcallUser& user, const Subrequest& subrequest)
        : subcall(context, arena, nullptr, user, Direction::Request, subrequest) {}
    Arena arena;
    Subcall subcall;
    bool is_started = false;
  };

  std::uint64_t now() const override;
  void wake_in(std::uint32_t ms) override;
  bool ask(const Subrequest& subrequest) override;
  void log(Level level, std::string_view text) const override;

  void on_answered(Direction direction) override;
  void on_task() noexcept override;
  void on_deadline() noexcept override;

  Context& context_;
  std::shared_ptr<const FilterFactory> factory_;
  std::shared_ptr<const std::atomic<bool>> is_unused_;
  FilterService& service_;
  const std::string word_;
  std::string place_;
  std::vector<std::unique_ptr<Call>> calls_;
  event::Deadline timer_;
  event::Task soon_;
  bool is_retired_ = false;
};

}  // namespace weir::proxy
