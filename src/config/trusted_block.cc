// SPDX-License-Identifier: Apache-2.0
#include "config/trusted_block.h"

#include "base/text.h"
#include "config/units.h"
#include "config/values.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace weir::config {

namespace {

constexpr std::string_view prefix = "x-forwarded-";

// What every balancer overwrites.  A Forwarded or X-Forwarded-Host of its client most of them pass through.
std::vector<std::string> default_fields() { return {"x-forwarded-for", "x-forwarded-proto"}; }

bool is_known(std::string_view name) {
  return name == "forwarded" || name == "x-real-ip" ||
         (name.starts_with(prefix) && name.size() > prefix.size() &&
          name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") ==
              std::string_view::npos);
}

std::vector<std::string> read_fields(const Directive& directive, Reporter& report) {
  std::vector<std::string> fields;
  for (const Value& value : directive.values) {
    std::string name = to_lower(value.text);
    if (is_known(name))
      fields.push_back(std::move(name));
    else
      report.error(value.at,
                   concat(in_quotes(value.text), " is not a field about the client of a proxy"),
                   "write forwarded, x-real-ip or x-forwarded-NAME");
  }
  std::sort(fields.begin(), fields.end());
  fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
  return fields;
}

}  // namespace

void build_trusted_proxies(const Directive& directive, const Scope& scope, TrustedPeers& known,
                           std::vector<TrustedProxy>& list) {
  Reporter& report = scope.report;
  TrustedProxy proxy;
  proxy.fields = default_fields();
  Origins origins;
  visit_statements(directive.block, InTrustedProxies, scope, origins,
                   [&](const DirectiveKind&, const Directive& inner) {
                     proxy.fields = read_fields(inner, report);
                   });
  for (const Value& value : directive.values) {
    proxy.place = value.at;
    proxy.local = value.text == "unix:";
    proxy.range = {};
    if (!proxy.local) {
      auto range = read_cidr(value, report);
      if (!range) continue;
      range->place = value.at;
      proxy.range = std::move(*range);
    }
    const std::string peer = proxy.local ? "unix:" : canonical_text(proxy.range);
    const auto [first, fresh] = known.emplace(peer, list.size());
    if (fresh)
      list.push_back(proxy);
    else if (const TrustedProxy& other = list[first->second]; other.fields != proxy.fields)
      report.error(value.at, concat(in_quotes(value.text), " is trusted with other fields already"),
                   concat("the first time at ", report.sources().text(other.place)));
  }
}

}  // namespace weir::config
