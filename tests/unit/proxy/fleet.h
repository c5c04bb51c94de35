// SPDX-License-Identifier: Apache-2.0
//
// HeartFleet: a heart whose backend has more servers than one, each a scripted origin or an address where nobody takes a
// connection.  The first server is asked first, the others are backups.
#pragma once

#include "proxy/heart.h"
#include "upstream/silent_address.h"

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::proxy {

struct HeartFleet : testing::Test, HeartWorld {
  using Answers = std::deque<upstream::ScriptedOrigin::Answer>;

  /// Another server, which answers so.
  upstream::ScriptedOrigin& another(std::uint32_t number, Answers answers) {
    upstream::ScriptedOrigin& made = others.emplace_back(loop, std::move(answers));
    put(number, made.address());
    return made;
  }
  void put(std::uint32_t number, const net::Address& at, std::uint32_t max_in_flight = 0,
           shm::Use use = shm::Use::Up) {
    put(number, upstream::to_set(at), max_in_flight, use);
  }
  /// A server that has these addresses of the loopback network, by their last numbers.
  void put_set(std::uint32_t number, const std::vector<int>& lasts, std::uint16_t port) {
    std::vector<std::string> all;
    for (const int last : lasts) all.push_back({127, 0, 0, static_cast<char>(last)});
    put(number, upstream::to_set(all, port, {}));
  }
  void put(std::uint32_t number, const shm::AddressSet& at, std::uint32_t max_in_flight = 0,
           shm::Use use = shm::Use::Up) {
    shm::ServerRow row{};
    row.use = use;
    row.weight = 1;
    row.max_in_flight = max_in_flight;
    row.backup = number != 0;
    row.name[0] = static_cast<char>('a' + number);
    row.addresses = at;
    context.backends[0]->apply(number, row);
    context.backends[0]->serve_queue();  // as a worker does
  }
  /// A backend with that number that has no server yet.
  upstream::Backend& another_backend() {
    upstream::BackendPolicy spare = context.snapshot->backends[0];
    spare.config.number = 1;
    spare.config.name = "spare";
    context.backends.push_back(std::make_unique<upstream::Backend>(net, shared.all, spare, 2));
    return *context.backends.back();
  }
  void configure(const std::function<void(upstream::BackendPolicy&)>& change) {
    upstream::BackendPolicy policy = context.snapshot->backends[0];
    change(policy);
    context.backends[0]->configure(policy);
  }
  test::FakeClient& answered(test::FakeClient& one) {
    until([&] { return one.is_over(); });
    one.its().log();
    return one;
  }
  void expect_nothing_left() {
    turn(2);
    for (std::uint32_t number = 0; number < 3; ++number)
      EXPECT_EQ(shared.in_flight.load(number), 0U) << number;
    EXPECT_EQ(shared.queues.sum(0), 0U);
  }

  std::list<upstream::ScriptedOrigin> others;
  upstream::SilentAddress silent{upstream::loopback(1)};
};

/// The same with a second for connecting, and servers that answer unless the test wants something else.
struct DispatchFleet : HeartFleet {
  static constexpr std::uint64_t second = 1'000'000;
  static inline const std::string fine = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  static inline const std::string busy = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";

  DispatchFleet() {
    policy().server.connect = second;
    origin.answer({{fine}});
  }
  /// From now on time passes while nothing else happens.
  void pass_time() {
    time.pass_while([this] {
      std::string now;
      for (const auto& each : clients)
        now.append(each->its().phase_name()) += std::to_string(each->its().record().attempts);
      if (std::exchange(seen_, now) != now) quiet_ = 0;
      if (++quiet_ < settled) return false;
      quiet_ = 0;
      return true;
    });
  }
  static const Record& record(test::FakeClient& one) { return one.its().record(); }
  static std::string_view failure(test::FakeClient& one) {
    return http::traits(record(one).failure).name;
  }

 private:
  static constexpr int settled = 16;  ///< turns in which all that was sent has been served
  int quiet_ = 0;
  std::string seen_;
};

}  // namespace weir::proxy
