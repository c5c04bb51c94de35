// SPDX-License-Identifier: Apache-2.0
//
// ParsedText: what the contract calls a Text: a template with variables, taken apart once, when a filter is built.
#pragma once

#include <weir/stream.h>

#include "config/variables.h"

#include <memory>
#include <utility>

namespace weir::config {

struct ParsedText final : Text {
  explicit ParsedText(Template from) : parts(std::move(from)) {}

  static Result<std::unique_ptr<const Text>> parse(std::string_view text) {
    auto parsed = parse_template(text);
    if (!parsed) return parsed.error();
    return std::unique_ptr<const Text>(std::make_unique<ParsedText>(std::move(*parsed)));
  }

  Template parts;
};

}  // namespace weir::config
