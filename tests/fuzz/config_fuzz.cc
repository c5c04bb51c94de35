// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a configuration.  Whatever loads must also print, and what was printed must load to
// the same; a bundle of it must survive being serialised.
#include <weir/filter.h>

#include "base/assert.h"
#include "config/loader.h"
#include "config/print.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

using namespace weir;

class AnyFactory final : public Filter, public FilterFactory {
 public:
  Needs needs() const override { return {}; }
  Filter& make(Arena&) const override { return const_cast<AnyFactory&>(*this); }
};

Result<std::unique_ptr<FilterFactory>> make_any(const Statement&, const FilterContext&) {
  return std::unique_ptr<FilterFactory>(std::make_unique<AnyFactory>());
}

constexpr FilterKind filters[] = {
    {"header", "", make_any}, {"response_header", "", make_any}, {"rewrite", "", make_any}};

class AnyBalancers final : public BalancerFactory {
 public:
  std::unique_ptr<Balancer> make(std::uint64_t) const override { return nullptr; }
};

Result<std::unique_ptr<BalancerFactory>> make_any_balancers(const Statement&) {
  return std::unique_ptr<BalancerFactory>(std::make_unique<AnyBalancers>());
}

constexpr BalancerKind balancers[] = {{"p2c", "", make_any_balancers},
                                      {"round_robin", "", make_any_balancers},
                                      {"least_request", "", make_any_balancers},
                                      {"random", "", make_any_balancers}};

constexpr config::Kinds kinds = {filters, balancers};

// The configuration as text, without what says where it stands.
std::string without_comments(const std::string& text) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    if (const std::size_t comment = line.rfind(" # "); comment != std::string::npos)
      line.erase(line.find_last_not_of(' ', comment) + 1);
    out += line + "\n";
    begin = end + 1;
  }
  return out;
}

config::Bundle bundle_of(std::string text) {
  config::Bundle bundle;
  bundle.files.push_back({"weir.conf", std::move(text)});
  bundle.listings["weir.conf"] = {"weir.conf"};
  bundle.environment["HOME"] = "/ho$me";
  // What tls blocks may name; whether it is a certificate is not for this room.
  for (const char* name : {"cert.pem", "ca.pem", "answer.der"})
    bundle.files.push_back({name, "-----BEGIN CERTIFICATE-----\n"});
  bundle.secrets["key.pem"] = std::string(64, '0');
  return bundle;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const config::Bundle bundle = bundle_of(std::string(reinterpret_cast<const char*>(data), size));
  config::Diagnostics diagnostics;
  const auto loaded = config::load_bundle(bundle, kinds, diagnostics);
  WEIR_ASSERT(loaded.has_value() != diagnostics.has_errors());
  WEIR_ASSERT(diagnostics.text().empty() == diagnostics.all().empty());
  if (!loaded) return 0;

  const std::string printed = config::print_effective(*loaded);
  config::Diagnostics none;
  const auto again = config::load_bundle(bundle_of(printed), kinds, none);
  WEIR_ASSERT(again.has_value());
  WEIR_ASSERT(without_comments(config::print_effective(*again)) == without_comments(printed));

  const auto copy = config::parse_bundle(config::serialise(bundle));
  WEIR_ASSERT(copy && config::hash(*copy) == config::hash(bundle));
  return 0;
}
