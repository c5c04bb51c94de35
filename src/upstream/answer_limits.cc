// SPDX-License-Identifier: Apache-2.0
#include "upstream/answer_limits.h"

#include "base/text.h"
#include "config/print.h"
#include "config/units.h"

#include <algorithm>

namespace weir::upstream {

namespace {

std::string name_limit(const config::Config& config, const config::Origins& origins,
                       std::string_view word, std::string_view value) {
  const auto origin = std::find_if(origins.begin(), origins.end(),
                                   [word](const config::Origin& each) { return each.of == word; });
  const std::string at =
      origin == origins.end() ? "default" : config::place_text(config, origin->place);
  return concat(word, " ", value, " (", at, ")");
}

}  // namespace

std::string_view AnswerLimits::text_for(http::Failure failure) const {
  switch (failure) {
    case http::Failure::ResponseLineTooLong: return line;
    case http::Failure::ResponseHeadTooLarge: return header;
    case http::Failure::ResponseTooManyFields: return fields;
    default: return {};
  }
}

http::HeadLimits head_limits(const config::Backend& backend) {
  return {backend.head.line, backend.head.header, backend.head.fields};
}

AnswerLimits answer_limits(const config::Config& config, const config::Backend& backend) {
  const auto name = [&](std::string_view word, std::string_view value) {
    return name_limit(config, backend.origins, word, value);
  };
  return {head_limits(backend), name("max_header", config::size_text(backend.head.header)),
          name("max_fields", std::to_string(backend.head.fields)),
          name("max_line", config::size_text(backend.head.line))};
}

}  // namespace weir::upstream
