// SPDX-License-Identifier: Apache-2.0
//
// Sources: the texts a configuration was written in, and where in them something stands.  They come
// through a FileReader, so that the language does not know whether it reads a disk or a bundle.
#pragma once

#include <weir/result.h>

#include "config/config.h"
#include "config/diagnostics.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::config {

/// No file may be larger, nor may all that is included be, counted once for each time.
inline constexpr std::size_t most_source_bytes = std::size_t{64} << 20;

struct SourceFile {
  std::string name;  ///< as it is shown: the path given, or resolved from an include
  std::string text;
};

/// What a file with a secret holds, and the SHA-256 of it in hex, which everybody may know.
struct Secret {
  std::shared_ptr<const std::string> text;  ///< null where it is not to be known
  std::string hash;
};

/// Where texts come from.
struct FileReader {
  /// The contents of a file.
  std::function<Result<std::string>(const std::string& path)> read;
  /// The files that match a pattern, sorted bytewise.  A pattern without `* ? [` names one file, which
  /// need not exist.
  std::function<std::vector<std::string>(const std::string& pattern)> list;
  /// An environment variable.
  std::function<std::optional<std::string>(std::string_view name)> environment;
  std::uint32_t cores = 1;  ///< what `workers auto` means, 1–64
  /// The contents of a file that holds a secret; empty where there are none.
  std::function<Result<Secret>(const std::string& path)> secret{};
};

/// Reads the disk (regular files only) and the environment of this process.
FileReader disk_reader();

/// The files of one load.  Texts stay where they are until the end: tokens are views into them.
class Sources {
 public:
  /// Adds a file; returns its number for Place::file.
  std::uint32_t add(SourceFile file);

  /// The number of a file by its name.
  std::optional<std::uint32_t> find(std::string_view name) const;

  const SourceFile& file(std::uint32_t number) const { return files_[number].source; }
  std::size_t size() const { return files_.size(); }

  /// "weir.conf:12:9"
  std::string text(const Place& place) const;

  /// Bytes of a line, without its end; finding the first one reads the whole file once.
  std::string_view line(const Place& place);

 private:
  struct Entry {
    SourceFile source;
    std::vector<std::size_t> lines;  // where each begins; empty until somebody asks
  };
  std::deque<Entry> files_;
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
};

/// Says what is wrong, at a place, with the line shown.
class Reporter {
 public:
  Reporter(Sources& sources, Diagnostics& diagnostics)
      : sources_(sources), diagnostics_(diagnostics) {}

  void error(const Place& at, std::string message, std::string hint);
  /// The same for a reason found elsewhere; what its text says after "; " is the hint.  If it quotes a variable, the caret goes
  /// there.
  void error(const Place& at, const Error& why);
  void warning(const Place& at, std::string message, std::string hint = {});

  /// An error whose hint is the candidate that was probably meant; `what` as in "balance method".
  void unknown(const Place& at, std::string_view what, std::string_view word,
               std::span<const std::string_view> candidates);

  Sources& sources() { return sources_; }
  Diagnostics& diagnostics() { return diagnostics_; }

 private:
  void add(Severity severity, const Place& at, std::string message, std::string hint);
  Place place_of_variable(Place at, std::string_view reason) const;

  Sources& sources_;
  Diagnostics& diagnostics_;
  std::size_t compared_ = 0;  // candidates looked at for hints
};

}  // namespace weir::config
