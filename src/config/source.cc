// SPDX-License-Identifier: Apache-2.0
#include "config/source.h"

#include "base/sha256.h"
#include "base/text.h"
#include "config/foreign.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace weir::config {

namespace {

constexpr std::size_t widest_excerpt = 160;
// A thousand misspelt names among a hundred thousand are not worth minutes of looking for hints.
constexpr std::size_t most_compared = 1000000;

Error system_error(std::string_view what) {
  return Error(Errc::System, concat(what, ": ", std::strerror(errno)));
}

// O_NONBLOCK: opening a FIFO must not wait for a writer before it can be refused.
Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return system_error("cannot be opened");
  struct stat status {};
  std::string text;
  Result<void> outcome;
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    outcome = Error(Errc::Invalid, "is not a regular file");
  } else {
    constexpr std::size_t step = 64 * 1024;
    ssize_t count = 0;
    do {
      const std::size_t size = text.size();
      text.resize(size + step);
      count = ::read(fd, text.data() + size, step);
      if (count < 0) outcome = system_error("cannot be read");
      text.resize(size + (count > 0 ? static_cast<std::size_t>(count) : 0));
    } while (count > 0 && text.size() <= most_source_bytes);
    if (text.size() > most_source_bytes) outcome = Error(Errc::Limit, "is larger than 64 MiB");
  }
  ::close(fd);
  if (!outcome) return outcome.error();
  return text;
}

std::vector<std::string> list_files(const std::string& pattern) {
  if (pattern.find_first_of("*?[") == std::string::npos) return {pattern};
  std::vector<std::string> names;
  ::glob_t found{};
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> variable_of_process(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (!value) return std::nullopt;
  return std::string(value);
}

Result<Secret> read_secret(const std::string& path) {
  Result<std::string> text = read_file(path);
  if (!text) return text.error();
  std::string hash = sha256_hex(*text);
  return Secret{std::make_shared<const std::string>(std::move(*text)), std::move(hash)};
}

}  // namespace

FileReader disk_reader() {
  const unsigned cores = std::thread::hardware_concurrency();
  return {read_file, list_files, variable_of_process, std::clamp(cores, 1U, 64U), read_secret};
}

std::uint32_t Sources::add(SourceFile file) {
  files_.push_back({std::move(file), {}});
  numbers_.emplace(files_.back().source.name, static_cast<std::uint32_t>(files_.size() - 1));
  return static_cast<std::uint32_t>(files_.size() - 1);
}

std::optional<std::uint32_t> Sources::find(std::string_view name) const {
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

std::string Sources::text(const Place& place) const {
  return concat(file(place.file).name, ":", std::to_string(place.line), ":",
                std::to_string(place.column));
}

std::string_view Sources::line(const Place& place) {
  Entry& entry = files_[place.file];
  const std::string_view text = entry.source.text;
  if (entry.lines.empty()) {
    entry.lines.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\n') entry.lines.push_back(i + 1);
  }
  if (place.line == 0 || place.line > entry.lines.size()) return {};
  const std::size_t begin = entry.lines[place.line - 1];
  std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void Reporter::error(const Place& at, std::string message, std::string hint) {
  add(Severity::Error, at, std::move(message), std::move(hint));
}

void Reporter::error(const Place& at, const Error& why) {
  const std::size_t end = why.text().find("; ");
  std::string hint = end == std::string::npos ? "" : why.text().substr(end + 2);
  error(place_of_variable(at, why.text().substr(0, end)), why.text().substr(0, end),
        std::move(hint));
}

// A reason that quotes a variable is about that, wherever in the values behind `at` it stands.
Place Reporter::place_of_variable(Place at, std::string_view reason) const {
  const std::size_t begin = reason.find("\"$");
  const std::size_t end = begin == std::string_view::npos ? begin : reason.find('"', begin + 1);
  if (end == std::string_view::npos || end - begin <= 2 || at.line == 0) return at;
  const std::string_view wanted = reason.substr(begin + 1, end - begin - 1);
  const std::string_view line = sources_.line(at);
  for (std::size_t found = line.find(wanted, at.column - 1); found != std::string_view::npos;
       found = line.find(wanted, found + 1)) {
    const std::size_t behind = found + wanted.size();
    const bool goes_on = behind < line.size() &&
                         (is_alpha(line[behind]) || is_digit(line[behind]) || line[behind] == '_');
    if (goes_on) continue;
    at.column = static_cast<std::uint32_t>(found + 1);
    return at;
  }
  return at;
}

void Reporter::warning(const Place& at, std::string message, std::string hint) {
  add(Severity::Warning, at, std::move(message), std::move(hint));
}

void Reporter::unknown(const Place& at, std::string_view what, std::string_view word,
                       std::span<const std::string_view> candidates) {
  const std::string message = concat("unknown ", what, " ", in_quotes(word));
  if (const ForeignWord* foreign = find_foreign(what, word))
    return error(at, message, std::string(foreign->hint));
  std::string hint;
  compared_ += candidates.size();
  if (diagnostics_.keeps(Severity::Error) && compared_ <= most_compared) {
    if (const auto near = nearest(word, candidates)) hint = concat("did you mean \"", *near, "\"?");
  }
  if (hint.empty() && candidates.size() > 18)
    hint = concat("none of the ", std::to_string(candidates.size()), " has a name like it");
  if (hint.empty()) {
    hint = candidates.empty() ? "there is none" : "one of";
    for (const std::string_view candidate : candidates) hint.append(" ").append(candidate);
  }
  error(at, message, hint);
}

void Reporter::add(Severity severity, const Place& at, std::string message, std::string hint) {
  Diagnostic diagnostic{severity, {}, {}, 0, std::move(message), std::move(hint), at};
  if (diagnostics_.keeps(severity) && at.line > 0) {
    diagnostic.place = sources_.text(at);
    std::string_view line = sources_.line(at);
    std::size_t column = std::min<std::size_t>(at.column - 1, line.size());
    // Of a very long line, the part around the mistake.
    const std::size_t skip = column > widest_excerpt / 2 ? column - widest_excerpt / 2 : 0;
    if (line.size() > widest_excerpt) {
      line = line.substr(skip, widest_excerpt);
      column -= skip;
    }
    diagnostic.line = line;
    diagnostic.column = static_cast<std::uint32_t>(column);
  }
  diagnostics_.add(std::move(diagnostic));
}

}  // namespace weir::config
