// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds per line of the access log in each format, of a browser's request.  Each figure is the best of several rounds,
// because what disturbs a measurement only ever makes it slower.
#include "proxy/access_log.h"

#include "base/assert.h"
#include "proxy/exchange.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

namespace {

using namespace weir;
using namespace weir::proxy;

void measure(const char* name, const std::string& format) {
  constexpr int calls = 20'000;
  Exchange exchange;
  exchange.request.headers.clear();
  exchange.add(
      exchange.request, "User-Agent",
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 "
      "Safari/537.36");
  exchange.add(exchange.request, "Referer",
               "https://www.example.com/dashboard/overview?tab=latency");
  config::LogTarget target;
  target.to = config::LogTo::File;
  target.format = format;
  const auto log = AccessLog::make(target);
  std::size_t written = 0;
  double best = 1e9;
  for (int round = 0; round < 20; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) {
      exchange.record.wall_us += 20;  // 50,000 a second
      written += log->line(exchange.record).size();
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count() / calls);
  }
  WEIR_ASSERT(written > 0);
  std::printf("%-10s %6.1f ns, %zu bytes\n", name, best, log->line(exchange.record).size());
}

}  // namespace

int main() {
  measure("combined", "combined");
  measure("json", "json");
  measure("text",
          "$client_addr $time \"$method $request_uri\" $status $bytes_out $duration $user_agent");
}
