// SPDX-License-Identifier: Apache-2.0
//
// FakeClient: where a stream's request came from and its answer goes, without a connection: what is written is kept, and the
// test says what the client takes.
#pragma once

#include "http/message.h"
#include "net/outbox.h"
#include "proxy/client_side.h"
#include "proxy/stream.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace weir::test {

class FakeClient final : public proxy::ClientSide {
 public:
  FakeClient(proxy::Listener& listener, proxy::Context& context)
      : ClientSide(listener, address_),
        outbox_(context.net.outbox),
        stream_(context, *this, context.net.loop.now()) {}
  ~FakeClient() { stream_.stop(); }

  // What the test says.
  bool has_room_now = true;
  bool may_take_back = false;
  bool keeps = true;

  // What the stream did.
  std::vector<std::uint16_t> interim;
  std::uint16_t status = 0;  ///< 0: no head has been written
  std::string head;          ///< "Name: value" lines, joined by "|"
  Framing framing;
  std::string body, trailers;
  bool is_ended = false;           ///< the end of the answer was written
  std::optional<bool> finished{};  ///< `keep`
  bool is_aborted = false;
  int resumed = 0;

  proxy::Stream& its() { return stream_; }
  /// Neither is to be heard of the stream.
  bool is_over() const { return finished || is_aborted; }

  /// The head of a request, which is complete if it has no body.
  RequestHead& request(std::string_view method, std::string_view path) {
    Arena& arena = stream_.arena();
    RequestHead& made = arena.array<RequestHead>(1)[0];
    made.method = http::method_from(method);
    made.method_text = arena.copy(method);
    made.path = made.forward_path = made.target = arena.copy(path);
    made.host = made.authority = "test";
    made.keep_alive = true;
    made.headers.assign(arena, {});
    made.headers.add(arena, FieldName::Host, "test");
    return made;
  }
  void ask(std::string_view method = "GET", std::string_view path = "/") {
    stream_.on_head(request(method, path));
    stream_.on_end(Headers());
  }
  void ask_with_body(std::string_view method, std::uint64_t length) {
    RequestHead& made = request(method, "/");
    made.framing = {BodyEnd::Length, length};
    stream_.on_head(made);
  }
  /// As a reader that uses its buffer again for the next piece.
  void say(std::string_view bytes) {
    stream_.on_body({bytes.data(), bytes.size()});
    outbox_.release();
  }

  const proxy::Stream* stream() const override { return &stream_; }
  void resume() override { ++resumed; }
  std::size_t write_head(const ResponseHead& its_head, const http::WriteOptions& options) override {
    if (its_head.is_interim() && its_head.status != 101) {
      interim.push_back(its_head.status);
      return 1;
    }
    EXPECT_EQ(status, 0) << "a second head";
    status = its_head.status;
    framing = options.framing;
    for (const Field& field : its_head.headers)
      head.append(head.empty() ? "" : "|").append(field.name).append(": ").append(field.value);
    return 1;
  }
  std::size_t write_body(std::span<const char> bytes) override {
    EXPECT_NE(status, 0) << "a body before its head";
    EXPECT_FALSE(is_ended);
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  std::size_t write_end(const Headers& its_trailers) override {
    EXPECT_FALSE(is_ended);
    is_ended = true;
    for (const Field& field : its_trailers)
      trailers.append(field.name).append(": ").append(field.value).append("|");
    return 0;
  }
  bool take_back() override {
    if (!may_take_back) return false;
    status = 0;
    head.clear();
    body.clear();
    return true;
  }
  bool has_room() const override { return has_room_now; }
  bool leaves_at_once() const override { return has_room_now; }
  net::Wire wire() override { return {}; }
  void finish(bool keep) override {
    EXPECT_FALSE(is_over());
    finished = keep;
  }
  void abort() override {
    is_aborted = true;
    stream_.stop();
    stream_.log();
  }
  void become_raw() override {}
  void note_progress() override {}
  void set_timeouts(const proxy::ClientTimeouts&) override {}
  std::uint64_t lifetime_end() const override { return 0; }
  bool may_keep() const override { return keeps; }

 private:
  net::Address address_ = *net::Address::from({config::Endpoint::Kind::Ip4, "192.0.2.1", 4711, ""});
  net::Outbox& outbox_;
  proxy::Stream stream_;
};

}  // namespace weir::test
