// SPDX-License-Identifier: Apache-2.0
//
// Commands from stdin, as they come: a pipe may give them one by one, and a terminal will.
#pragma once

#include <weir/result.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir::weirctl {

/// The commands of stdin, one a line; empty lines and comments are none.
class Input {
 public:
  /// False once the end has been read; next() may still have some.
  bool is_open() const { return is_open_; }

  /// The line that the last command stood in, from 1.
  std::size_t number() const { return number_; }

  /// Waits for more bytes.  Fails (Errc::System) if they cannot be read or are no lines; there is no
  /// more to come then.
  Result<void> read();

  /// The next command, valid until read(); nothing if more has to be read, or at the end.
  std::optional<std::string_view> next();

 private:
  static constexpr std::size_t line_limit = 65536;

  std::string text_;
  std::size_t position_ = 0;
  std::size_t number_ = 0;
  bool is_open_ = true;
};

}  // namespace weir::weirctl
