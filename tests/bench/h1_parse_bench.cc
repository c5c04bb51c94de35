// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds per HTTP/1 head: finding its end, understanding it, writing it again.  Two sizes: the
// head of a load generator, and that of a browser (about 900 bytes).  Each figure is the best of
// several rounds, because what disturbs a measurement only ever makes it slower.
#include "base/assert.h"
#include "http/forwarding.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace weir;
using namespace weir::http;

constexpr std::string_view small_head =
    "GET / HTTP/1.1\r\n"
    "Host: 127.0.0.1:8080\r\n"
    "User-Agent: wrk/4.1.0\r\n"
    "Accept: */*\r\n\r\n";

constexpr std::string_view browser_head =
    "GET /assets/app/main-7f3c2b91.js?v=20240611&lang=en HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "Connection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"124\", \"Google Chrome\";v=\"124\", \"Not-A.Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 Safari/537.36\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "Accept: "
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: no-cors\r\n"
    "Sec-Fetch-Dest: script\r\n"
    "Referer: https://www.example.com/dashboard/overview?tab=latency\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r\n"
    "Cookie: session=6f1ed002ab5595859014ebf0951522d9; theme=dark; consent=1; "
    "_ga=GA1.1.1172233445.1718000000\r\n\r\n";

constexpr std::string_view response_head =
    "HTTP/1.1 200 OK\r\n"
    "Server: origin\r\n"
    "Date: Tue, 11 Jun 2024 10:00:00 GMT\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 1024\r\n"
    "Cache-Control: no-store\r\n\r\n";

/// Nanoseconds per call: the best of twenty rounds.
template <typename Work>
double nanoseconds(Work work) {
  constexpr int calls = 20'000;
  double best = 1e9;
  for (int round = 0; round < 20; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) work();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count() / calls);
  }
  return best;
}

char* copied(Arena& arena, std::string_view text) {
  char* const copy = arena.text(text.size());
  std::memcpy(copy, text.data(), text.size());
  return copy;
}

double scan(std::string_view text, bool is_request) {
  const HeadLimits limits;
  return nanoseconds([&] {
    HeadScanner scanner;
    WEIR_ASSERT(scanner.scan(text, limits, is_request) == HeadScanner::State::Complete);
  });
}

void measure_request(const char* name, std::string_view text) {
  Arena arena;
  const double parse = nanoseconds([&] {
    RequestHead head;
    WEIR_ASSERT(parse_request({copied(arena, text), text.size()}, arena, head) == Failure::None);
    arena.reset();
  });
  RequestHead head;
  WEIR_ASSERT(parse_request({copied(arena, text), text.size()}, arena, head) == Failure::None);
  const double forward = nanoseconds([&] {
    Arena own;
    RequestHead copy;
    copy.authority = head.authority;
    copy.headers.assign(own, head.headers.fields());
    set_forwarding(copy, own, {"192.0.2.1", "http", {}, {}});
  });
  std::vector<char> out(request_size(head));
  std::size_t written = 0;
  const double write = nanoseconds([&] { written += write_request(out.data(), head, {}); });
  WEIR_ASSERT(written > 0);
  std::printf("%-16s %5zu bytes: scan %5.1f  parse %5.1f  forwarding %5.1f  write %5.1f ns\n", name,
              text.size(), scan(text, true), parse, forward, write);
}

void measure_response(const char* name, std::string_view text) {
  Arena arena;
  const double parse = nanoseconds([&] {
    ResponseHead head;
    WEIR_ASSERT(parse_response({copied(arena, text), text.size()}, arena, Method::Get, head) ==
                Failure::None);
    arena.reset();
  });
  ResponseHead head;
  WEIR_ASSERT(parse_response({copied(arena, text), text.size()}, arena, Method::Get, head) ==
              Failure::None);
  std::vector<char> out(response_size(head));
  std::size_t written = 0;
  const double write =
      nanoseconds([&] { written += write_response(out.data(), head, {.framing = head.framing}); });
  WEIR_ASSERT(written > 0);
  std::printf("%-16s %5zu bytes: scan %5.1f  parse %5.1f  %16s  write %5.1f ns\n", name,
              text.size(), scan(text, false), parse, "", write);
}

}  // namespace

int main() {
  measure_request("request, small", small_head);
  measure_request("request, browser", browser_head);
  measure_response("response", response_head);
}
