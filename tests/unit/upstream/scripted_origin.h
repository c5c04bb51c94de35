// SPDX-License-Identifier: Apache-2.0
//
// ScriptedOrigin: a server on a real socket in the test's own loop, which answers each request with the
// next of a list of texts.  Play: what a test waits for, step by step, without sleeping.
#pragma once

#include "event/watch.h"
#include "fakes/manual_clock.h"
#include "net/socket.h"

#include <gtest/gtest.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::upstream {

inline net::Address ip4(std::uint16_t port = 0) {
  return *net::Address::from({config::Endpoint::Kind::Ip4, "127.0.0.1", port, ""});
}

class ScriptedOrigin final : private event::ReadyEvents {
 public:
  /// Each answer is sent in pieces as they stand here, then the connection is closed; the last one is
  /// given again and again.  An empty list: it accepts and never answers.
  using Answer = std::vector<std::string>;

  ScriptedOrigin(event::Loop& loop, std::deque<Answer> answers, net::Address at = ip4())
      : loop_(loop), answers_(std::move(answers)) {
    auto fd = net::listen_on(at, {.reuse_port = false, .defer_accept = false});
    EXPECT_TRUE(fd) << (fd ? "" : fd.error().text());
    fd_ = std::move(*fd);
    sockaddr_storage bound{};
    socklen_t size = sizeof(bound);
    getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    address_ = net::Address::from(reinterpret_cast<sockaddr*>(&bound), size);
    watch_.start(loop, fd_.get(), event::Watch::Edge::LevelRead, *this);
  }

  const net::Address& address() const { return address_; }
  const std::vector<std::string>& requests() const { return requests_; }
  /// Somebody has said something.
  bool has_heard() const {
    return std::any_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return !client->request.empty(); });
  }
  /// All that was sent has reached the other side's kernel.
  bool has_delivered() const {
    return std::all_of(clients_.begin(), clients_.end(), [](const auto& client) {
      int left = 0;
      return client->fd.get() < 0 || (::ioctl(client->fd.get(), SIOCOUTQ, &left) == 0 && left == 0);
    });
  }
  /// Connections that the other side has ended.
  std::size_t ended() const { return ended_; }
  int listening() const { return fd_.get(); }
  void answer(std::deque<Answer> answers) { answers_ = std::move(answers); }
  /// Whether connections stay open after an answer, from now on.
  void stay_open(bool stay = true) { stays_open_ = stay; }
  /// Says something that nobody asked for, on every connection.
  void say(std::string_view text) {
    for (const auto& client : clients_)
      if (client->fd.get() >= 0) ::send(client->fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  /// Says that nothing follows, on every connection.
  void hang_up() {
    for (const auto& client : clients_) ::shutdown(client->fd.get(), SHUT_WR);
  }
  /// Nobody listens there any more.
  void close() {
    watch_.stop();
    fd_.reset();
  }

  /// Called when a request has come, before it is answered.
  std::function<void()> on_request = [] {};

 private:
  struct Client final : event::ReadyEvents {
    Client(ScriptedOrigin& o, int descriptor) : origin(o), fd(descriptor) {
      watch.start(origin.loop_, fd.get(), event::Watch::Edge::LevelRead, *this);
    }
    void on_ready(event::Ready) noexcept override { origin.serve(*this); }
    ScriptedOrigin& origin;
    Fd fd;
    event::Watch watch;
    std::string request;
  };

  void on_ready(event::Ready) noexcept override {
    int fd = ::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) clients_.push_back(std::make_unique<Client>(*this, fd));
  }

  void serve(Client& client) {
    char bytes[4096];
    const ssize_t count = ::recv(client.fd.get(), bytes, sizeof(bytes), 0);
    if (count <= 0) return ++ended_, client.watch.stop(), client.fd.reset();
    client.request.append(bytes, static_cast<std::size_t>(count));
    if (!client.request.ends_with("\r\n\r\n")) return;
    requests_.push_back(client.request);
    on_request();
    if (answers_.empty()) return;
    for (const std::string& piece : answers_.front())
      ::send(client.fd.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
    if (!stays_open_) client.watch.stop(), client.fd.reset();
    if (answers_.size() > 1) answers_.pop_front();
  }

  event::Loop& loop_;
  std::deque<Answer> answers_;
  Fd fd_;
  event::Watch watch_;
  net::Address address_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::string> requests_;
  std::size_t ended_ = 0;
  bool stays_open_ = false;
};

/// Runs a loop through steps: when `until` holds at the end of a turn, `then` is done and the next step waited
/// for; after the last one the loop stops.
class Play final : private event::TaskEvents {
 public:
  explicit Play(event::Loop& loop, test::TimeKeeper* time = nullptr) : loop_(loop), time_(time) {
    loop.at_end_of_turn(*this);
  }

  Play& when(
      std::function<bool()> until, std::function<void()> then = [] {}) {
    steps_.push_back({std::move(until), std::move(then)});
    return *this;
  }

  void run() { loop_.run(); }

 private:
  void on_task() noexcept override {
    while (!steps_.empty() && steps_.front().until()) {
      steps_.front().then();
      steps_.pop_front();
    }
    if (steps_.empty()) return loop_.stop();
    if (time_) time_->look();
  }
  void give_up() {
    ADD_FAILURE() << "waited in vain, " << steps_.size() << " steps before the end";
    loop_.stop();
  }

  struct Step {
    std::function<bool()> until;
    std::function<void()> then;
  };
  event::Loop& loop_;
  test::TimeKeeper* time_;
  std::deque<Step> steps_;
  test::Alarm alarm_{loop_, [this] { give_up(); }};
};

}  // namespace weir::upstream
