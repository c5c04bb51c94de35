// SPDX-License-Identifier: Apache-2.0
//
// Story: the rows of an explanation, in the order in which things happen.
#pragma once

#include "admin/command.h"
#include "config/print.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::admin {

/// What was looked at, what came of it, and where it stands.
class Story {
 public:
  explicit Story(const Fleet& fleet) : fleet_(fleet) {}

  /// `place`: null if nothing of the configuration says so.
  void add(std::string step, std::string what, std::string outcome, const config::Place* place) {
    rows_.push_back({std::move(step), std::move(what), std::move(outcome),
                     config::place_text(fleet_.config(), place)});
  }
  /// All of it; the story is empty then.
  std::unique_ptr<Body> tell(bool json) {
    const std::size_t count = rows_.size();
    return make_list({{"step", "what", "outcome", "place"},
                      count,
                      [rows = std::move(rows_)](std::size_t i) { return rows[i]; }},
                     json);
  }

 private:
  const Fleet& fleet_;
  std::vector<Row> rows_;
};

}  // namespace weir::admin
