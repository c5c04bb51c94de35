// SPDX-License-Identifier: Apache-2.0
//
// Reloads: what operators can ask about and do with whole configurations.  A request is taken at once and
// gets a ticket; its outcome comes when all processes have done their part.  Implemented by control.
#pragma once

#include <weir/result.h>

#include "config/diff.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::admin {

/// What became of a request for a plan, a reload or a rollback.
struct Outcome {
  std::string code;  ///< empty = ok; "refused", "busy", ...
  std::string text;
  std::vector<config::Change> changes;
  std::vector<std::string> notes;  ///< drift of run time, what is dropped, warnings of the loader
};

/// One committed generation.
struct GenerationRow {
  std::uint64_t number = 0;
  std::int64_t committed_us = 0;  ///< wall clock
  std::string by, how, hash;
  /// "load 12.3 ms, judge 4.0 ms, ..."; empty if it was no reload, or is not over.
  std::string took;
};

/// The present generation is rolled back unless it is confirmed.
struct Unconfirmed {
  std::uint64_t back_to = 0;  ///< the generation that comes back
  std::int64_t until_us = 0;  ///< wall clock
};

/// What is to be loaded: the files weir was started with, or one that the caller has opened.
struct LoadFrom {
  std::string_view name;  ///< as the caller calls it; empty = the files of the start
  int file = -1;          ///< not owned; only needed during the call
};

/// Why another one cannot begin now.
inline constexpr std::string_view under_way = "a reload is under way; try again";

class Reloads {
 public:
  /// 0: nothing was asked for, since another one is under way.
  using Ticket = std::uint64_t;

  /// What a reload would change.
  virtual Ticket plan(std::string_view by, const LoadFrom& from) = 0;
  /// `confirm_us`: goes back by itself unless confirmed in that time; 0 = it stays.
  virtual Ticket reload(std::string_view by, const LoadFrom& from, std::uint64_t confirm_us) = 0;
  /// To a generation that is kept.
  virtual Ticket rollback(std::string_view by, std::uint64_t number) = 0;
  /// Another binary takes over; the outcome says whether it has begun to.  `reload`: the files are loaded
  /// before, and what only new processes can do is allowed.
  virtual Ticket upgrade(std::string_view by, bool reload) = 0;
  /// Null while it is under way.  Those of the last are kept; of another one it says that it is not.
  virtual const Outcome* outcome(Ticket ticket) const = 0;

  /// The present generation stays; Errc::NotFound if none waits for that.
  virtual Result<void> confirm(std::string_view by) = 0;
  /// Nothing if the present generation stays in any case.
  virtual std::optional<Unconfirmed> unconfirmed() const = 0;
  /// Where a rollback goes that names no generation; Errc::NotFound if none is kept.  Generations that a rollback has
  /// undone are passed over.
  virtual Result<std::uint64_t> last_good() const = 0;

  /// Oldest first; the last one is the present one.
  virtual std::vector<GenerationRow> generations() const = 0;
  /// How one differs from its predecessor; Errc::NotFound if either is not kept.
  virtual Result<std::vector<config::Change>> changes_of(std::uint64_t number) const = 0;

 protected:
  ~Reloads() = default;
};

}  // namespace weir::admin
