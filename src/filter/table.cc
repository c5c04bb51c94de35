// SPDX-License-Identifier: Apache-2.0
#include "filter/table.h"

#include <weir/version.h>

#include "filter/headers.h"
#include "filter/rewrite.h"

#include <algorithm>
#include <vector>

namespace weir::filter {

std::span<const FilterKind> kinds() {
  static const std::vector<FilterKind> all = [] {
    std::vector<FilterKind> list = {
        {"header", "set, add or remove a request header", build_request_header},
        {"response_header", "set, add or remove a response header", build_response_header},
        {"rewrite", "change the path by a regular expression", build_rewrite},
    };
    for (std::size_t i = 0; i < module_count; ++i)
      for (const FilterKind& kind : modules[i]->filters) list.push_back(kind);
    return list;
  }();
  return all;
}

const Module* misfit(std::span<const Module* const> all) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [](const Module* module) { return module->abi != module_abi; });
  return found == all.end() ? nullptr : *found;
}

const FilterKind* find(std::string_view word) {
  for (const FilterKind& kind : kinds())
    if (word == kind.word) return &kind;
  return nullptr;
}

}  // namespace weir::filter
