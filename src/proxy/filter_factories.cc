// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter_factories.h"

#include "base/hash.h"
#include "config/parsed_text.h"
#include "config/print.h"
#include "filter/table.h"

#include <optional>
#include <utility>

namespace weir::proxy {

namespace {

class BuildContext final : public FilterContext {
 public:
  explicit BuildContext(const config::Config& config) : config_(config) {}

  std::optional<std::uint32_t> backend(std::string_view name) const override {
    for (const config::Backend& backend : config_.backends)
      if (backend.name == name) return backend.number;
    return std::nullopt;
  }
  Result<std::unique_ptr<const Text>> text(std::string_view text) const override {
    return config::ParsedText::parse(text);
  }

 private:
  const config::Config& config_;
};

std::uint64_t content_of(const FilterKind& kind, const config::Policy& policy) {
  return kind.content_hash ? kind.content_hash({policy.word, policy.values, {}}) : 0;
}

// Equal texts, equal filters.  No value holds a zero byte.
std::string key_of(const FilterKind& kind, const config::Policy& policy) {
  std::string key = policy.word;
  for (const std::string& value : policy.values) key.append(1, '\0').append(value);
  return key.append(1, '\0').append(std::to_string(content_of(kind, policy)));
}

}  // namespace

Result<UsedFactory> FilterFactories::get(const config::Config& config,
                                         const config::Policy& policy) {
  const std::string place = config::place_text(config, policy.place);
  const FilterKind* kind = filter::find(policy.word);
  if (!kind) return Error(Errc::NotFound, place + ": unknown policy " + policy.word);
  Known& known = known_[key_of(*kind, policy)];
  if (auto factory = known.factory.lock()) return UsedFactory{std::move(factory), known.use.lock()};
  auto built = kind->build({policy.word, policy.values, place}, BuildContext(config));
  if (!built) return built.error().within(place);
  UsedFactory used = UsedFactory::of(std::move(*built));
  known = {used.factory, used.use};
  return used;
}

std::uint64_t FilterFactories::content_of(const std::vector<config::Policy>& policies) {
  std::uint64_t all = 0;
  for (const config::Policy& policy : policies)
    if (const FilterKind* kind = filter::find(policy.word); kind && kind->content_hash)
      all = all * 31 + proxy::content_of(*kind, policy);
  return all;
}

void FilterFactories::sweep() {
  std::erase_if(known_, [](const auto& entry) { return entry.second.factory.expired(); });
}

}  // namespace weir::proxy
