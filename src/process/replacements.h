// SPDX-License-Identifier: Apache-2.0
//
// Replacements: the files of its own that the next generation needs and the present one has not: made beside
// what is there, under other names, so that whatever fails does so before the commit; then put into their
// places, or taken back.
#pragma once

#include "base/fd.h"
#include "process/plan.h"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::process {

struct Assets;

class Replacements {
 public:
  /// Makes them.  Errors name their place in the configuration; nothing is left of what was made before one.
  static Result<std::unique_ptr<Replacements>> make(const Plan& now, const Plan& next);
  /// Takes back what is not in its place.
  ~Replacements();
  Replacements(const Replacements&) = delete;
  Replacements& operator=(const Replacements&) = delete;

  /// The next plan holds: sockets and files of `assets`, whose plan is still the former one, become its own.
  /// Those that are not wanted any more go.
  void put_in_place(Assets& assets, const Plan& next);

  /// That process has descriptors of what was replaced, and needs the new ones.
  bool concerns_control() const { return admin_changes_ || state_changes_ || names_change_; }
  bool concerns_writer() const { return state_changes_; }

 private:
  Replacements() = default;

  Result<void> look_at_rights(const Plan& now, const Plan& next);
  Result<void> make_admin(const Plan& now, const Plan& next);
  Result<void> make_pid_file(const Plan& now, const Plan& next);
  void put_admin_in_place(Assets& assets, const Plan& next);

  std::map<std::size_t, Fd> admin_;  ///< by their positions in the next plan
  std::vector<Fd> state_;
  Fd pid_lock_, state_lock_;
  std::vector<BindPlan>
      changed_rights_;             ///< Unix sockets of listeners that stay, with other permissions
  std::vector<std::string> made_;  ///< paths
  std::vector<std::pair<std::string, std::string>> renaming_;  ///< from, to
  bool admin_changes_ = false, state_changes_ = false, names_change_ = false;
};

}  // namespace weir::process
