// SPDX-License-Identifier: Apache-2.0
//
// What tests of connections to a server have in common: a backend of one server, which is a ScriptedOrigin on a real socket; a
// user of a connection, with its request and what came of it; and a clock that moves only while both sides wait.
#pragma once

#include "fakes/fake_sharing.h"
#include "fakes/steps.h"
#include "shm/segment.h"
#include "upstream/address_set.h"
#include "upstream/backend.h"
#include "upstream/scripted_origin.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::upstream {

inline constexpr std::uint64_t second = 1'000'000;
inline const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request, and what came of it.
struct FakeUser final : ConnectionUser {
  FakeUser() {
    head.method = Method::Get;
    head.method_text = "GET";
    head.forward_path = "/";
    head.headers.add(memory, "Host", "a");
  }
  void on_connected(ServerSide& on) override {
    side = &on;
    write();
  }
  /// All of the request, or as much as the test wants.
  void write() {
    side->write_request(head, {.framing = head.framing});
    if (!body.empty()) side->write_body(body);
    if (ends) side->write_end(Headers());
  }
  void on_sent() override {}
  void on_failed(http::Failure why) override {
    failure = why;
    side = nullptr;
  }
  bool can_move_body() const override { return false; }
  net::IoResult move_body() override { return {net::Io::Again}; }
  void on_raw_readable() override {}
  const RequestHead& request() const override { return head; }
  Arena& arena() override { return memory; }
  void on_head(MessageHead& given) override {
    statuses.push_back(static_cast<const ResponseHead&>(given).status);
  }
  bool wants_body() const override { return wants; }
  void on_body(std::span<const char> bytes) override { answer.append(bytes.data(), bytes.size()); }
  void on_end(const Headers&) override { ended = true; }
  bool is_done() const { return ended || failure; }

  Arena memory;
  RequestHead head;
  std::string body;
  bool ends = true, wants = true;
  ServerSide* side = nullptr;
  std::vector<std::uint16_t> statuses;
  std::string answer;
  bool ended = false;
  std::optional<http::Failure> failure;
};

class ConnectionWorld : public testing::Test {
 protected:
  void SetUp() override {
    BackendPolicy policy;
    policy.config.name = "api";
    adapt(policy.config);
    backend_ = std::make_unique<Backend>(context_, shared_.all, policy, 1);
    time_.pass_while([this] { return waits_ && origin_.has_delivered(); });
  }
  void TearDown() override {
    backend_.reset();
    loop_.destroy_the_dead();
  }
  virtual void adapt(config::Backend&) {}
  Server& server(const net::Address& at) {
    shm::ServerRow row{};
    row.use = shm::Use::Up;
    row.addresses = to_set(at);
    backend_->apply(0, row);
    return *backend_->choose({}, Turn::Ours).server;
  }
  /// Connects for this request.
  void begin(FakeUser& user, const net::Address& at) {
    server_ = &server(at);
    int error = 0;
    ServerSide* side = server_->connect(error, false);
    if (!side) return user.on_failed(connect_failure(error));
    side->lease(user, limits_);
    if (!side->is_connecting()) user.on_connected(*side);
  }
  void begin(FakeUser& user) { begin(user, origin_.address()); }
  /// Time may pass from now on; says when that is.
  std::uint64_t wait() {
    waits_ = true;
    return clock_.monotonic_us();
  }
  void run_until_done(const FakeUser& user) {
    steps_.when([&user] { return user.is_done(); }).run();
  }

  test::ManualClock clock_;
  event::Loop loop_{clock_};
  test::TimeKeeper time_{loop_, clock_};
  test::Steps steps_{loop_, &time_};
  net::Outbox outbox_{loop_};
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  net::Context context_{loop_, outbox_, buffer_};
  test::FakeSharing shared_{1, 8, 1};
  std::unique_ptr<Backend> backend_;
  Server* server_ = nullptr;
  ScriptedOrigin origin_{loop_, {{ok}}};
  FakeUser user_, next_;
  ServerTimeouts limits_{.connect = 3 * second,
                         .first_byte = 20 * second,
                         .read = 30 * second,
                         .idle = 50 * second,
                         .send = 40 * second};
  bool waits_ = false;
};

}  // namespace weir::upstream
