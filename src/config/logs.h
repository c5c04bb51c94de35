// SPDX-License-Identifier: Apache-2.0
//
// error_log, access_log and log_format: statements → LogTarget.  What becomes of a line is no business of this room.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/source.h"

#include <string>
#include <string_view>
#include <unordered_map>

namespace weir::config {

/// The statements about logs of one configuration.  Mistakes are reported at their place.
class Logs {
 public:
  explicit Logs(Reporter& report) : report_(report) {}

  /// `log_format`: the text of a format under its name.
  void add_format(const Directive& directive);

  /// `error_log`.
  void build_error_log(const Directive& directive, LogTarget& target);

  /// `access_log`, once all formats have been added: it may stand before the one that it names.
  void build_access_log(const Directive& directive, LogTarget& target);

 private:
  struct Format {
    std::string text;
    Place at;
  };

  void build_target(const Value& value, LogTarget& target);
  const Value* level_of(const Directive& directive);
  void build_format(const Value& name, LogTarget& target);
  void build_buffer(const Value& to, const Value* size, const Value* time, LogTarget& target);
  void build_flush(const Value& value, LogBuffer& buffer);
  void refuse_option(const Value& word);

  Reporter& report_;
  std::unordered_map<std::string_view, Format> formats_;
};

}  // namespace weir::config
