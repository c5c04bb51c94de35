// SPDX-License-Identifier: Apache-2.0
#include "process/state_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::process {

namespace {

constexpr std::size_t longest = std::size_t{256} << 20;

}  // namespace

std::string read_whole(const Fd& file) {
  struct stat kind {};
  if (::fstat(file.get(), &kind) != 0 || kind.st_size <= 0) return {};
  std::string text(std::min<std::size_t>(static_cast<std::size_t>(kind.st_size), longest), '\0');
  std::size_t at = 0;
  while (at < text.size()) {
    ssize_t size = ::pread(file.get(), text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (size <= 0) break;
    at += static_cast<std::size_t>(size);
  }
  text.resize(at);
  return text;
}

bool write_whole(const Fd& file, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

StateFiles::StateFiles(const Setup& setup, const shm::Segment& segment, LogPort& log_port)
    : setup_(setup), log_port_(log_port), ring_(segment, shm::RingOf::control) {}

// The ring comes first: the writer may go on meanwhile, and a record that is there twice does no harm.
void StateFiles::read() {
  using Kind = shm::LogRing::Kind;
  std::vector<std::pair<Kind, std::string>> waiting;
  std::uint32_t which = ring_.state_file();
  std::uint64_t cursor = ring_.tail();
  for (shm::LogRing::Line line; ring_.read(cursor, line);)
    if (line.kind == Kind::State || line.kind == Kind::StateBegin)
      waiting.emplace_back(line.kind, line.text);
  auto begun = std::find_if(waiting.begin(), waiting.end(),
                            [](const auto& each) { return each.first == Kind::StateBegin; });
  if (begun != waiting.end()) which = begun->second == "1" ? 0 : 1;
  for (std::size_t i = 0; i < 2; ++i) texts_[i] = read_whole(setup_.state[i]);
  for (const auto& [kind, text] : waiting) {
    if (kind == Kind::State) {
      texts_[which] += "\n" + text;
    } else {
      which = text == "1" ? 1 : 0;
      texts_[which].clear();
    }
  }
}

bool StateFiles::push(shm::LogRing::Kind kind, std::string_view text) {
  if (!are_there()) return true;
  if (!ring_.has_room(text.size())) return false;
  log_port_.write(kind, text);
  written_ = ring_.head();
  return true;
}

}  // namespace weir::process
