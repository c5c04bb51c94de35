// SPDX-License-Identifier: Apache-2.0
//
// What active checks cost: ten thousand servers, each asked by http every two seconds, for four seconds.
// All of them are one origin, in a process of its own; what is printed is the share of one core that the
// checking process used.
#include "upstream/health.h"

#include "net/socket.h"
#include "upstream/address_set.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdio>

namespace {

using namespace weir;

constexpr std::uint32_t servers = 10'000;
constexpr std::uint64_t seconds = 4;

class Count final : public upstream::HealthEvents {
 public:
  void on_health(std::uint32_t, bool is_up, std::string_view) noexcept override {
    ++(is_up ? up : down);
  }
  std::uint32_t up = 0, down = 0;
};

class Stop final : public event::DeadlineEvents {
 public:
  explicit Stop(event::Loop& loop) : loop_(loop), deadline_(*this) {
    deadline_.set(loop, loop.read_clock() + seconds * 1'000'000);
  }
  void on_deadline() noexcept override { loop_.stop(); }

 private:
  event::Loop& loop_;
  event::Deadline deadline_;
};

[[noreturn]] void serve(int listening) {
  constexpr std::string_view answer =
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  char request[4096];
  for (;;) {
    const int fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    if (::recv(fd, request, sizeof(request), 0) > 0)
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(fd);
  }
}

double cpu_seconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto in_seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime);
}

void measure(const net::Address& origin) {
  event::Loop loop;
  Count count;
  upstream::Health health(loop, count, 1);
  config::Check check;
  check.kind = config::Check::Kind::Http;
  check.path = "/healthz";
  const double before = cpu_seconds();
  for (std::uint32_t slot = 0; slot < servers; ++slot)
    health.add(slot, check, upstream::to_set(origin), upstream::Health::Known::Nothing, true);
  const double added = cpu_seconds();
  Stop stop(loop);
  loop.run();
  const double used = cpu_seconds() - added;
  const auto& counts = health.counts();
  const std::uint64_t checks = counts.passed + counts.failed + counts.inconclusive;
  std::printf(
      "health: %u servers, %llu checks in %llu s: %.1f %% of a core, %.1f us a check; %u up, %u "
      "down, %llu failed, "
      "%llu inconclusive; %.0f ms to add them\n",
      servers, static_cast<unsigned long long>(checks), static_cast<unsigned long long>(seconds),
      used / static_cast<double>(seconds) * 100, used * 1e6 / static_cast<double>(checks), count.up,
      count.down, static_cast<unsigned long long>(counts.failed),
      static_cast<unsigned long long>(counts.inconclusive), (added - before) * 1e3);
}

}  // namespace

int main() {
  const auto any =
      net::Address::from(config::Endpoint{config::Endpoint::Kind::Ip4, "127.0.0.1", 0, ""});
  auto listening = net::listen_on(*any, {.reuse_port = false, .defer_accept = false});
  if (!listening) {
    std::fprintf(stderr, "%s\n", listening.error().text().c_str());
    return 1;
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(listening->get(), reinterpret_cast<sockaddr*>(&bound), &size);
  // The origin may wait in its calls; the listening socket was made for a loop.
  fcntl(listening->get(), F_SETFL, 0);
  const pid_t origin = fork();
  if (origin == 0) serve(listening->get());
  measure(net::Address::from(reinterpret_cast<const sockaddr*>(&bound), size));
  kill(origin, SIGKILL);
  waitpid(origin, nullptr, 0);
}
