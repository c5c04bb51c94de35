// SPDX-License-Identifier: Apache-2.0
//
// What finding a route costs, with 10 and with 10,000 of them, hits spread over all.  Prints nanoseconds
// a match; only the ratio of one run means anything.
#include "proxy/route_table.h"

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace weir;

config::Listener make_routes(int count) {
  config::Listener listener;
  for (int i = 0; i < count; ++i) {
    config::Route route;
    config::Matcher host, path;
    host.kind = config::Match::Host;
    host.value = "h" + std::to_string(i % 100) + ".example";
    path.kind = config::Match::Path;
    path.value = "/p" + std::to_string(i / 100) + "/*";
    route.matchers = {host, path};
    listener.routes.push_back(std::move(route));
  }
  return listener;
}

double nanoseconds(int count) {
  config::Listener listener = make_routes(count);
  auto table = proxy::RouteTable::build(listener);
  if (!table) return 0;
  std::vector<RequestHead> requests(static_cast<std::size_t>(count));
  std::vector<std::string> paths;
  for (int i = 0; i < count; ++i) paths.push_back("/p" + std::to_string(i / 100) + "/item/42");
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].host = listener.routes[i].matchers[0].value;
    requests[i].path = paths[i];
  }
  constexpr int rounds = 2'000'000;
  std::size_t at = 0, found = 0;
  Arena arena;
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) {
    found += table->decide(requests[at], net::Address(), arena).route != nullptr;
    at = (at + 7919) % requests.size();
  }
  std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
  return found == rounds ? spent.count() / rounds : 0;
}

}  // namespace

int main() {
  double few = nanoseconds(10), many = nanoseconds(10'000);
  std::printf("route_table: 10 routes %.0f ns, 10,000 routes %.0f ns a match\n", few, many);
  return few > 0 && many > 0 ? 0 : 1;
}
