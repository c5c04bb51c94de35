// SPDX-License-Identifier: Apache-2.0
//
// FakeContext: what a filter may ask while it is built: backends that the test names, and texts as they are written.
#pragma once

#include <weir/filter.h>

#include "config/variables.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace weir::test {

/// A text that FakeStream::expand looks up as a whole.
struct FakeText final : Text {
  explicit FakeText(std::string_view from) : text(from) {}
  std::string text;
};

struct FakeContext final : FilterContext {
  std::map<std::string, std::uint32_t, std::less<>> backends;

  std::optional<std::uint32_t> backend(std::string_view name) const override {
    const auto found = backends.find(name);
    return found == backends.end() ? std::nullopt : std::optional(found->second);
  }
  /// Refuses what weir's own would refuse.
  Result<std::unique_ptr<const Text>> text(std::string_view text) const override {
    if (auto parsed = config::parse_template(text); !parsed) return parsed.error();
    return std::unique_ptr<const Text>(std::make_unique<FakeText>(text));
  }
};

}  // namespace weir::test
