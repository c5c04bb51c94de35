// SPDX-License-Identifier: Apache-2.0
#include "config/include.h"

#include "base/text.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace weir::config {

namespace {

class TreeReader {
 public:
  TreeReader(const FileReader& reader, const std::set<std::string>& skipped, Tree& tree,
             Reporter& reporter)
      : reader_(reader), skipped_(skipped), tree_(tree), reporter_(reporter) {}

  // The statements of a file; `from` is the include statement, of the main file null.
  std::vector<Directive> file(const std::string& name, const Directive* from,
                              const std::string* fragment) {
    if (from && !may_include(name, *from)) return {};
    const auto number = source(name, from, fragment != nullptr);
    if (!number) return {};
    if (fragment)
      tree_.fragments.emplace(*number, *fragment);
    else
      tree_.fragments.erase(*number);
    if (fragment && skipped_.contains(*fragment)) return {};
    open_.push_back(name);
    auto statements = parse_file(*number, reader_, tree_.texts, reporter_);
    resolve(statements, fragment);
    open_.pop_back();
    return statements;
  }

 private:
  bool may_include(const std::string& name, const Directive& from) {
    if (std::find(open_.begin(), open_.end(), name) != open_.end()) {
      reporter_.error(from.at, concat(in_quotes(name), " includes itself"),
                      concat("it is being read already, since ", open_.front()));
    } else if (open_.size() > deepest_include) {
      reporter_.error(from.at, "files included by files, more than 16 deep",
                      "a file that includes itself by another name?");
    } else if (++includes_ > most_includes) {
      if (includes_ == most_includes + 1)
        reporter_.error(from.at, "more than 16384 files included",
                        "each time a file is included counts");
    } else {
      return true;
    }
    return false;
  }

  // The number of a file that is known already, or was read now.
  std::optional<std::uint32_t> source(const std::string& name, const Directive* from,
                                      bool isolated) {
    Sources& sources = reporter_.sources();
    std::optional<std::uint32_t> number = sources.find(name);
    if (!number) {
      Result<std::string> text = reader_.read(name);
      if (!text) return missing(name, text.error(), from, isolated);
      number = sources.add({name, std::move(*text)});
      check_utf8(*number);
    }
    bytes_ += sources.file(*number).text.size();
    if (bytes_ > most_source_bytes) {
      if (from)
        reporter_.error(from->at, "the files included are larger than 64 MiB in all",
                        "each time a file is included counts");
      return std::nullopt;
    }
    return number;
  }

  std::nullopt_t missing(const std::string& name, const Error& why, const Directive* from,
                         bool isolated) {
    const std::string message = concat(in_quotes(name), " ", why.text());
    if (isolated)
      reporter_.warning(from->at, concat(message, "; it is left out"));
    else
      reporter_.error(
          from ? from->at : Place{}, message,
          from ? "paths are relative to the file that includes" : "weir -c FILE names another");
    return std::nullopt;
  }

  void check_utf8(std::uint32_t number) {
    const std::string_view text = reporter_.sources().file(number).text;
    const std::size_t bad = find_bad_utf8(text);
    if (bad == std::string_view::npos) return;
    const std::string_view before = text.substr(0, bad);
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 = 0
    reporter_.error({number, static_cast<std::uint32_t>(lines + 1),
                     static_cast<std::uint32_t>(bad - begin + 1)},
                    "not UTF-8", "save the file as UTF-8");
  }

  // Puts included statements in the place of each `include`, in all blocks.
  void resolve(std::vector<Directive>& statements, const std::string* fragment) {
    for (Directive& directive : statements) resolve(directive.block, fragment);
    const auto includes = [](const Directive& directive) { return directive.word == "include"; };
    if (std::none_of(statements.begin(), statements.end(), includes)) return;
    std::vector<Directive> all;
    for (Directive& directive : statements) {
      if (!includes(directive)) {
        all.push_back(std::move(directive));
        continue;
      }
      for (auto& part : included(directive, fragment))
        std::move(part.begin(), part.end(), std::back_inserter(all));
    }
    statements = std::move(all);
  }

  std::vector<std::vector<Directive>> included(const Directive& directive,
                                               const std::string* fragment) {
    std::vector<std::vector<Directive>> parts;
    const auto& values = directive.values;
    const bool isolated = values.size() == 2 && values[1].text == "isolated";
    if (values.empty() || values.size() > 2 || (values.size() == 2 && !isolated) ||
        directive.has_block || values[0].text.empty() ||
        values[0].text.find('\0') != std::string_view::npos) {
      reporter_.error(directive.at, "include takes a file or a pattern, and perhaps \"isolated\"",
                      "include \"conf.d/*.conf\"");
      return parts;
    }
    const std::filesystem::path here(open_.back());
    const std::filesystem::path pattern =
        (here.parent_path() / std::filesystem::path(values[0].text)).lexically_normal();
    for (const std::string& name : reader_.list(pattern.string()))
      parts.push_back(file(name, &directive, isolated && !fragment ? &name : fragment));
    return parts;
  }

  const FileReader& reader_;
  const std::set<std::string>& skipped_;
  Tree& tree_;
  Reporter& reporter_;
  std::vector<std::string> open_;  // files being read now, outermost first
  std::size_t includes_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

void read_tree(const std::string& path, const FileReader& reader,
               const std::set<std::string>& skipped, Tree& tree, Reporter& reporter) {
  tree.statements = TreeReader(reader, skipped, tree, reporter).file(path, nullptr, nullptr);
}

}  // namespace weir::config
