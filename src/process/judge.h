// SPDX-License-Identifier: Apache-2.0
//
// Judge: control's part in a reload (see process/reload.h): it compiles the candidate, compares it with what
// runs, refuses what cannot be done in place, and commits: servers and numbers into shared memory, then
// the one store.  It also keeps the history for operators, and undoes a commit that nobody confirms.
#pragma once

#include "admin/command.h"
#include "admin/reloads.h"
#include "event/deadline.h"
#include "net/channel.h"
#include "process/history.h"
#include "shm/generation.h"
#include "shm/identities.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::process {

/// What the judge needs of control.
class JudgeHost {
 public:
  /// The next view is about to be committed: servers that come are to be published.
  virtual void on_commit(const std::shared_ptr<const admin::View>& next) = 0;
  /// Every worker runs it: servers that went may go.
  virtual void on_settled() = 0;
  virtual void wake_workers() = 0;
  /// A request has its outcome.
  virtual void on_finished() = 0;

 protected:
  ~JudgeHost() = default;
};

class Judge final : public admin::Reloads, private event::DeadlineEvents {
 public:
  /// All must outlive this.
  Judge(JudgeHost& host, event::Loop& loop, net::Channel& channel, const shm::Segment& segment,
        admin::Fleet& fleet, std::vector<PastGeneration> history);

  /// Compiles a sealed bundle for control's own use, its numbers given or looked up.
  static Result<std::shared_ptr<const admin::View>> compile(
      int bundle, int secrets, std::uint64_t generation, const shm::Segment& segment,
      std::span<const config::Config* const> in_use);

  /// Goes on waiting for a confirmation that a former control waited for.
  void resume();

  /// A generation is undone unless it is confirmed.
  bool is_unconfirmed() const { return generation_.unconfirmed() != 0; }
  std::optional<admin::Unconfirmed> unconfirmed() const override;
  Result<std::uint64_t> last_good() const override;

  /// The master said Candidate, Prepared, Settled or Refused.
  void on_master(net::Message& message);

  Ticket plan(std::string_view by, const admin::LoadFrom& from) override;
  Ticket reload(std::string_view by, const admin::LoadFrom& from,
                std::uint64_t confirm_us) override;
  Ticket rollback(std::string_view by, std::uint64_t number) override;
  Ticket upgrade(std::string_view by, bool reload) override;
  const admin::Outcome* outcome(Ticket ticket) const override;
  Result<void> confirm(std::string_view by) override;
  std::vector<admin::GenerationRow> generations() const override;
  Result<std::vector<config::Change>> changes_of(std::uint64_t number) const override;

 private:
  struct Past {
    About about;
    Fd bundle;
    std::string hash;
  };

  /// Who wants it, and what for; ticket 0: the master itself, by a signal.
  struct Order {
    Ticket ticket = 0;
    bool only_plan = false;  ///< or no configuration at all: nothing is to be put to work
    std::uint64_t confirm_us = 0;
    bool then_upgrade = false;  ///< new processes follow, so whatever needs them may change
    std::string by = {};        ///< only for `then_upgrade`
    bool unconfirmed = false;   ///< undoes a generation that nobody confirmed
  };

  Ticket load(std::string_view by, const admin::LoadFrom& from, Order wish);
  Ticket order(net::MessageType type, const std::string& what, Order order,
               const std::vector<int>& files = {});
  void upgrade_now();
  void on_upgrading(const net::Message& message);
  void on_refused(const net::Message& message);
  void on_candidate(net::Message& message);
  Result<void> examine(Fd bundle, int secrets, const About& about);
  void refuse(const std::string& code, const std::string& why);
  void stay();
  void commit();
  void settled(const net::Message& message);
  void finish(Ticket ticket);
  void note_result(const Order& order, bool is_done);
  void on_deadline() noexcept override;
  void wait_for_confirm();
  void note_confirmed(std::string_view by);
  std::string unless_confirmed() const;
  void go_back();
  void went_back(const admin::Outcome& outcome);
  bool is_pointless() const;
  const Past* find(std::uint64_t number) const;

  JudgeHost& host_;
  event::Loop& loop_;
  net::Channel& channel_;
  const shm::Segment& segment_;
  admin::Fleet& fleet_;
  shm::Generation generation_;
  std::vector<Past> history_;
  event::Deadline confirm_;
  std::uint64_t retry_us_ = 0;  ///< until the next attempt to undo an unconfirmed generation
  Ticket last_ticket_ = 0;
  Order asked_;          ///< what the master was asked for and has not done yet
  Order current_;        ///< what the candidate is for
  bool judged_ = false;  ///< `report_` holds the verdict
  admin::Outcome report_;
  About about_;
  Fd bundle_;
  std::shared_ptr<const admin::View> next_;
  std::map<Ticket, admin::Outcome> outcomes_;
};

}  // namespace weir::process
