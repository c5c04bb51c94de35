// SPDX-License-Identifier: Apache-2.0
#include "config/head_limits.h"

#include "config/values.h"

#include <optional>

namespace weir::config {

namespace {

constexpr std::uint64_t k = 1024;
constexpr std::uint64_t most_fields = 1000;

void set(std::uint32_t& into, std::optional<std::uint64_t> read) {
  if (read) into = static_cast<std::uint32_t>(*read);
}

}  // namespace

bool build_head_limit(Word word, const Value& value, HeadSizes& into, Reporter& report) {
  switch (word) {
    case Word::MaxHeader: set(into.header, read_size(value, k, k * k, report)); return true;
    case Word::MaxFields: set(into.fields, read_number(value, 1, most_fields, report)); return true;
    case Word::MaxLine: set(into.line, read_size(value, k, 64 * k, report)); return true;
    default: return false;
  }
}

}  // namespace weir::config
