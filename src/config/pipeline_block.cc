// SPDX-License-Identifier: Apache-2.0
#include "config/pipeline_block.h"

#include "config/values.h"

namespace weir::config {

namespace {

constexpr std::uint64_t most_connections = 64;
constexpr std::uint64_t least_depth = 2, most_depth = 1000;
constexpr std::uint64_t least_body = 1 << 10, most_body = 1 << 20;

}  // namespace

Pipeline build_pipeline(const Directive& directive, const Scope& scope) {
  Pipeline pipeline;
  pipeline.place = directive.at;
  Reporter& report = scope.report;
  if (const auto n = read_number(directive.values[0], 1, most_connections, report))
    pipeline.connections = static_cast<std::uint32_t>(*n);
  visit_statements(directive.block, InPipeline, scope, pipeline.origins,
                   [&](const DirectiveKind& kind, const Directive& inner) {
                     const Value& value = inner.values[0];
                     if (kind.word == Word::Depth) {
                       if (const auto n = read_number(value, least_depth, most_depth, report))
                         pipeline.depth = static_cast<std::uint32_t>(*n);
                     } else if (kind.word == Word::Body) {
                       if (const auto size = read_size(value, least_body, most_body, report))
                         pipeline.body = *size;
                     } else if (kind.word == Word::Slow) {
                       if (const auto time = read_duration(value, report)) pipeline.slow = *time;
                     } else if (const auto on = read_switch(value, report)) {
                       pipeline.credentials = *on;
                     }
                   });
  return pipeline;
}

}  // namespace weir::config
