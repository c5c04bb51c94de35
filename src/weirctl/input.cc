// SPDX-License-Identifier: Apache-2.0
#include "weirctl/input.h"

#include "base/cursor.h"
#include "base/text.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::weirctl {

Result<void> Input::read() {
  text_.erase(0, std::exchange(position_, 0));
  const std::size_t had = text_.size();
  text_.resize(had + 65536);
  const ssize_t count = ::read(STDIN_FILENO, text_.data() + had, 65536);
  const int error = count < 0 ? errno : 0;
  text_.resize(had + (count > 0 ? static_cast<std::size_t>(count) : 0));
  if (error == EINTR || error == EAGAIN) return {};
  if (count > 0 && (had <= line_limit || text_.find('\n') != std::string::npos)) return {};
  is_open_ = false;
  if (count == 0) return {};
  text_.clear();
  return Error(Errc::System, error ? std::strerror(error) : "a line is too long");
}

std::optional<std::string_view> Input::next() {
  while (position_ < text_.size()) {
    const std::size_t end = find_or_end(text_, '\n', position_);
    if (end == text_.size() && is_open_) break;
    const std::string_view line = trim(std::string_view(text_).substr(position_, end - position_));
    position_ = std::min(end + 1, text_.size());
    ++number_;
    if (!line.empty() && line[0] != '#') return line;
  }
  return std::nullopt;
}

}  // namespace weir::weirctl
