// SPDX-License-Identifier: Apache-2.0
//
// AccessLog: one line a request, in a format that was compiled once.  Always exactly one line, in JSON
// always one valid object, whatever bytes a peer has sent.
#pragma once

#include "base/wall_time.h"
#include "config/config.h"
#include "config/variables.h"
#include "proxy/record.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {

/// A member of a line in JSON, for the manual.
struct AccessField {
  std::string_view name;
  std::string_view type;  ///< "text", "number" or "boolean"
  std::string help;       ///< a clause, without a full stop
};

/// Every member that a line may have, in order.
std::vector<AccessField> access_fields();

class AccessLog {
 public:
  /// Null if the log is off.  The format of the target has been checked by the loader.
  static std::unique_ptr<AccessLog> make(const config::LogTarget& target);

  /// The line of a finished request, without its end; valid until the next call.
  std::string_view line(const Record& record);

 private:
  enum class Form { Json, Combined, Text };

  void write_json(const Record& record);
  void write_paths(const Record& record);
  void write_notes(const Record& record);
  void write_combined(const Record& record);
  void write_text(const Record& record);
  std::string_view value(config::Variable variable, std::string_view name, const Record& record);
  std::string_view time(const Record& record);

  Form form_ = Form::Json;
  config::Template text_;
  std::string line_;
  Arena arena_;
  SecondText iso_{"%Y-%m-%dT%H:%M:%S."}, apache_{"%d/%b/%Y:%H:%M:%S +0000"};
};

}  // namespace weir::proxy
