// SPDX-License-Identifier: Apache-2.0
//
// For tests of what happens to clients: a listener on a real socket in the test's own loop, with one route, which answers
// without a server.  Clients are plain descriptors that the test holds; bytes between them and the listener are delivered
// at once, and time passes only when nothing else happens.
#pragma once

#include "event/loop.h"
#include "fakes/fake_journal.h"
#include "fakes/net_world.h"
#include "fakes/steps.h"
#include "net/socket.h"
#include "proxy/listener.h"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::proxy {

constexpr std::uint64_t second = 1'000'000;  // of all clocks here

/// A listener whose route answers everything with this text.
inline config::Config one_answer(const std::string& log_format, const std::string& text) {
  config::Config config;
  config.files = {"weir.conf"};
  config.access_log.to = config::LogTo::File;
  config.access_log.format = log_format;
  config::Route& route = config.listeners.emplace_back().routes.emplace_back();
  route.action.kind = config::Act::Respond;
  route.action.status = 200;
  route.action.text = text;
  return config;
}

inline config::Endpoint unix_endpoint(const std::string& path) {
  return {config::Endpoint::Kind::Unix, path, 0, path};
}

/// What a client has heard; true at the end, also if that was a reset.
inline bool hear(const Fd& fd, std::string& all) {
  char bytes[4096];
  ssize_t count;
  while ((count = ::recv(fd.get(), bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
    all.append(bytes, static_cast<std::size_t>(count));
  return count == 0 || errno != EAGAIN;
}

inline void say(const Fd& fd, std::string_view text) {
  EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

/// Holds every request until the test lets it go on, as a server that takes its time would.
class PausingFilter final : public Filter, public FilterFactory {
 public:
  Needs needs() const override { return {.request = true}; }
  Filter& make(Arena&) const override { return const_cast<PausingFilter&>(*this); }
  Verdict on_request(StreamView& stream) override {
    wakers.push_back(stream.signal());
    return Verdict::Suspend;
  }
  std::vector<Waker> wakers;  ///< of each request, in order
};

/// Wants all of the request's body before it is answered.
class PatientFilter final : public Filter, public FilterFactory {
 public:
  Needs needs() const override { return {.request_body = Body::Whole, .whole_limit = 1 << 20}; }
  Filter& make(Arena&) const override { return const_cast<PatientFilter&>(*this); }
};

struct Serving : testing::Test, test::NetWorld {
  explicit Serving(config::Config from) : config(std::move(from)) {
    std::string pattern = testing::TempDir() + "weir-listener-XXXXXX";
    directory = mkdtemp(pattern.data());
    address = *net::Address::from(unix_endpoint(directory + "/s"));
    auto fd = net::listen_on(address, {});
    auto snapshot = Snapshot::build(config, 1, nullptr);
    EXPECT_TRUE(fd && snapshot);
    context.snapshot = *snapshot;
    listening = std::move(*fd);
    listener = std::make_unique<Listener>(context, context.snapshot->listeners[0]);
    listener->limit_clients(10);
    listener->accept_on(listening.get(), "127.0.0.1:0");
  }
  ~Serving() override { std::filesystem::remove_all(directory); }

  /// Connects, perhaps from a socket with a name.
  Fd connect(const std::string& name = {}) const {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!name.empty()) {
      auto own = *net::Address::from(unix_endpoint(directory + "/" + name));
      EXPECT_EQ(::bind(fd.get(), own.get(), own.size()), 0);
    }
    EXPECT_EQ(::connect(fd.get(), address.get(), address.size()), 0);
    return fd;
  }
  static void ask(const Fd& fd, std::string_view path, bool close = false) {
    say(fd, "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" +
                (close ? "Connection: close\r\n" : "") + "\r\n");
  }
  /// Puts a filter into the only route.
  void add_filter(std::shared_ptr<const FilterFactory> factory) {
    std::vector<FilterLink> links;
    const Needs needs = factory->needs();
    links.push_back({std::move(factory), needs, "any", "weir.conf:1"});
    const RoutePolicy& policy = *listener->rules().policies()[0];
    const_cast<RoutePolicy&>(policy).filters = FilterChain(std::move(links));
  }

  std::string directory;
  config::Config config;
  test::Steps steps{loop, &time};
  shm::Segment segment = *shm::Segment::create({});
  test::FakeJournal journal;
  std::unique_ptr<AccessLog> access_log = AccessLog::make(config.access_log);
  Context context{net, nullptr, segment, {}, journal, access_log.get(), Random(1)};
  net::Address address;
  Fd listening;
  std::unique_ptr<Listener> listener;
};

/// Limits that no two of are the same.
inline config::Config limited(const std::string& text = "$path") {
  config::Config config = one_answer("$path $status $reason", text);
  config::Limits& limits = config.listeners[0].limits;
  limits.header = std::chrono::seconds(10);
  limits.body = std::chrono::seconds(20);
  limits.idle = std::chrono::seconds(30);
  limits.send = std::chrono::seconds(40);
  limits.filter.emplace(std::nullopt);
  return config;
}

/// One client of it, connected.
struct OneClient : Serving {
  explicit OneClient(config::Config from = limited()) : Serving(std::move(from)) { time.pass(); }

  /// Until the client has heard the end; says how long that took.
  std::uint64_t run_to_end() {
    const std::uint64_t begun = clock.monotonic_us();
    steps.when([this] { return hear(client, heard); }).run();
    return clock.monotonic_us() - begun;
  }
  bool has_heard(std::string_view end) {
    EXPECT_FALSE(hear(client, heard)) << "the end, behind " << heard;
    return heard.ends_with(end);
  }
  std::shared_ptr<PausingFilter> add_pause() {
    auto filter = std::make_shared<PausingFilter>();
    add_filter(filter);
    return filter;
  }

  Fd client = connect();
  std::string heard;
  test::Moment moment{loop};
};

}  // namespace weir::proxy
