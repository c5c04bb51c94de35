// SPDX-License-Identifier: Apache-2.0
#include "config/loader.h"

#include "base/text.h"
#include "config/include.h"
#include "config/main_block.h"

#include <map>
#include <set>
#include <utility>

namespace weir::config {

namespace {

// Leaving a fragment out may break another one, which is left out the next time.
constexpr int most_passes = 16;

struct Pass {
  bool in_fragment(const Diagnostic& diagnostic) const {
    return fragments.contains(diagnostic.at.file);
  }

  Config config;
  Diagnostics diagnostics;
  std::map<std::uint32_t, std::string> fragments;
  std::set<std::string> broken;  // fragments with errors
};

Pass run(const std::string& path, const FileReader& reader, const Kinds& kinds,
         const std::set<std::string>& skipped, bool checks_filters) {
  Pass pass;
  Sources sources;
  Tree tree;
  Reporter report(sources, pass.diagnostics);
  read_tree(path, reader, skipped, tree, report);
  if (sources.size() > 0) {
    std::vector<std::string> backends;
    for (const Directive& directive : tree.statements)
      if (directive.word == "backend" && !directive.values.empty())
        backends.emplace_back(directive.values[0].text);
    pass.config = build_config(tree.statements, reader.cores,
                               Scope{report, kinds, reader, backends, checks_filters});
  }
  for (std::uint32_t i = 0; i < sources.size(); ++i)
    pass.config.files.push_back(sources.file(i).name);
  pass.fragments = std::move(tree.fragments);
  for (const Diagnostic& diagnostic : pass.diagnostics.all())
    if (diagnostic.severity == Severity::Error && pass.in_fragment(diagnostic))
      pass.broken.insert(pass.fragments.at(diagnostic.at.file));
  pass.diagnostics.sort();
  return pass;
}

// What was wrong in fragments that are now left out: worth knowing, but no reason to stop.
void add_as_warnings(const Pass& pass, Diagnostics& to) {
  for (Diagnostic diagnostic : pass.diagnostics.all()) {
    if (diagnostic.severity != Severity::Error || !pass.in_fragment(diagnostic)) continue;
    diagnostic.severity = Severity::Warning;
    to.add(std::move(diagnostic));
  }
  for (const std::string& name : pass.broken) {
    Diagnostic left_out;
    left_out.severity = Severity::Warning;
    left_out.message = concat("the isolated file ", in_quotes(name), " is left out: it has errors");
    to.add(std::move(left_out));
  }
}

}  // namespace

std::optional<Config> load(const std::string& path, const FileReader& reader, const Kinds& kinds,
                           Diagnostics& diagnostics, bool checks_filters) {
  std::set<std::string> skipped;
  for (int passes = 1;; ++passes) {
    Pass pass = run(path, reader, kinds, skipped, checks_filters);
    if (pass.broken.empty() || passes == most_passes) {
      diagnostics.append(pass.diagnostics);
      if (pass.diagnostics.has_errors()) return std::nullopt;
      return std::move(pass.config);
    }
    add_as_warnings(pass, diagnostics);
    skipped.merge(pass.broken);
  }
}

std::optional<Config> load_file(const std::string& path, const Kinds& kinds,
                                Diagnostics& diagnostics, Bundle* bundle, Secrets* secrets) {
  const FileReader disk = disk_reader();
  Bundle seen;
  Secrets kept;
  seen.generation = bundle ? bundle->generation : 0;
  auto config = load(path, recording_reader(disk, seen, kept), kinds, diagnostics);
  if (bundle) *bundle = std::move(seen);
  if (secrets) *secrets = std::move(kept);
  return config;
}

std::optional<Config> load_bundle(const Bundle& bundle, const Kinds& kinds,
                                  Diagnostics& diagnostics, const Secrets* secrets) {
  const FileReader reader = bundle_reader(bundle, secrets);
  return load(bundle.files.empty() ? "" : bundle.files[0].name, reader, kinds, diagnostics, false);
}

}  // namespace weir::config
