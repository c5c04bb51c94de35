// SPDX-License-Identifier: Apache-2.0
#include "filter/table.h"

#include <weir/module.h>

#include "filter/headers.h"
#include "filter/rewrite.h"

#include <vector>

namespace weir::filter {

std::span<const FilterKind> kinds() {
  static const std::vector<FilterKind> all = [] {
    std::vector<FilterKind> list = {
        {"header", "set, add or remove a request header", make_request_header},
        {"response_header", "set, add or remove a response header", make_response_header},
        {"rewrite", "change the path by a regular expression", make_rewrite},
    };
    for (std::size_t i = 0; i < module_count; ++i)
      for (const FilterKind& kind : modules[i]->filters) list.push_back(kind);
    return list;
  }();
  return all;
}

const FilterKind* find(std::string_view word) {
  for (const FilterKind& kind : kinds())
    if (word == kind.word) return &kind;
  return nullptr;
}

}  // namespace weir::filter
