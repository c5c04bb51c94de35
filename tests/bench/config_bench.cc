// SPDX-License-Identifier: Apache-2.0
//
// How long a large configuration takes to load: routes and servers in equal numbers, once from text and
// once from the bundle that workers get.
#include "config/loader.h"

#include <chrono>
#include <cstdio>
#include <string>

namespace {

using namespace weir;
using Clock = std::chrono::steady_clock;

constexpr int backends = 100;

config::Bundle bundle_of(int routes) {
  std::string text = "listener web {\n    bind 127.0.0.1:8080\n";
  for (int i = 0; i < routes; ++i)
    text += "    route host h" + std::to_string(i) + ".example.com path /v1/items/* forward b" +
            std::to_string(i % backends) + "\n";
  text += "}\n";
  for (int b = 0; b < backends; ++b) {
    text += "backend b" + std::to_string(b) + " {\n";
    for (int i = 0; i < routes / backends; ++i)
      text += "    server s" + std::to_string(i) + " 10.0." + std::to_string(b) + "." +
              std::to_string(i % 256) + ":8080 weight 10\n";
    text += "}\n";
  }
  config::Bundle bundle;
  bundle.files.push_back({"weir.conf", std::move(text)});
  return bundle;
}

double milliseconds(Clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

}  // namespace

int main() {
  for (const int routes : {1000, 10000, 50000}) {
    const config::Bundle bundle = bundle_of(routes);
    config::Diagnostics diagnostics;
    const auto begun = Clock::now();
    const auto config = config::load_bundle(bundle, {}, diagnostics);
    const double loading = milliseconds(begun);
    if (!config) {
      std::fputs(diagnostics.text().c_str(), stderr);
      return 1;
    }
    const auto hashing = Clock::now();
    const bool same = config::parse_bundle(config::serialise(bundle)).has_value();
    std::printf(
        "config: %6d routes, %6d servers: load %7.1f ms, bundle to bytes and back %6.1f ms%s\n",
        routes, routes, loading, milliseconds(hashing), same ? "" : " (failed)");
  }
}
