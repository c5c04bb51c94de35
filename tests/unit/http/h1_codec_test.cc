// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1 as a codec: which request an answer is to, what may be moved past it, and when it has had enough.
#include "http/h1_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::http {
namespace {

struct H1CodecTest : testing::Test, H1Events, MessageSink {
  MessageSink* sink() override { return this; }
  void on_begin() override { ++begun; }
  bool on_preface() override { return speaks_h2; }
  void on_broken(Failure failure) override { broken = failure; }

  Arena& arena() override { return memory; }
  void on_head(MessageHead&) override { ++heads; }
  void on_refused_head(RequestHead& head) override { refused.push_back(head.protocol); }
  bool wants_body() const override { return wants; }
  void on_body(std::span<const char> bytes) override { body.append(bytes.data(), bytes.size()); }
  void on_end(const Headers&) override { ++ends; }

  std::size_t feed(H1Codec& codec, std::string bytes) { return codec.feed(bytes); }
  void ask(Method method, std::string_view text) {
    RequestHead head;
    head.method = method;
    head.method_text = text;
    head.forward_path = "/";
    client.write_request(head, {}, out);
  }

  HeadLimits limits;
  Arena memory;
  Gather out;
  H1Codec server{H1Codec::Role::Server, limits, *this},
      client{H1Codec::Role::Client, limits, *this};
  std::string body;
  std::vector<Protocol> refused;  ///< what requests came by
  Failure broken = Failure::None;
  int begun = 0, heads = 0, ends = 0;
  bool wants = true, speaks_h2 = false;
};

// Whether an answer has a body depends on what was asked (RFC 9112 §6.3).
TEST_F(H1CodecTest, AnAnswerIsToTheRequestThatWasWritten) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
  ask(Method::Head, "HEAD");
  EXPECT_EQ(feed(client, answer), answer.size());
  EXPECT_EQ(ends, 1);
  client.next();
  ask(Method::Get, "GET");
  EXPECT_EQ(feed(client, answer), answer.size());
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(client.plain_body(), 4U);
  EXPECT_EQ(feed(client, "body"), 4U);
  EXPECT_EQ(ends, 2);
  EXPECT_EQ(body, "body");
}

TEST_F(H1CodecTest, SomebodyElseMayHaveWrittenTheRequest) {
  client.expect_answer(Method::Head);
  feed(client, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(ends, 1);
  EXPECT_FALSE(client.is_mid_message());
}

TEST_F(H1CodecTest, PlainBodiesMayBeMovedPastIt) {
  wants = false;
  feed(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
  EXPECT_EQ(server.plain_body(), 10U);
  server.skip_body(4);
  EXPECT_EQ(server.plain_body(), 6U);
  wants = true;
  EXPECT_EQ(feed(server, "12"), 2U);
  server.skip_body(4);
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(server.plain_body(), 0U);
  EXPECT_EQ(body, "12");
}

TEST_F(H1CodecTest, ChunksHaveToBeSeen) {
  wants = false;
  feed(server, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody");
  EXPECT_EQ(server.plain_body(), 0U);
  EXPECT_TRUE(server.is_mid_message());
}

TEST_F(H1CodecTest, ThePrefaceOfHttp2MayComeFirstOnly) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  H1Codec other(H1Codec::Role::Server, limits, *this);
  speaks_h2 = true;
  EXPECT_EQ(feed(server, preface), 0U);
  EXPECT_EQ(broken, Failure::None);
  feed(other, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  other.next();
  feed(other, preface);
  EXPECT_EQ(broken, Failure::RequestVersion);
}

// Logs and metrics count it as what the client speaks, whatever its line claims.
TEST_F(H1CodecTest, ARefusedRequestCameByHttp1) {
  for (const char* line :
       {"GET / HTTP/1.0", "GET / HTTP/1.1", "GET / HTTP/2.0", "GET / HTTP/3.0", "GET /"}) {
    H1Codec codec(H1Codec::Role::Server, limits, *this);
    feed(codec, std::string(line) + "\r\nHost: a b\r\n\r\n");
  }
  EXPECT_EQ(refused, (std::vector{Protocol::Http10, Protocol::Http11, Protocol::Http11,
                                  Protocol::Http11, Protocol::Unknown}));
}

TEST_F(H1CodecTest, WhatIsNoRequestIsToldToo) {
  for (const char* head : {"nonsense\r\n\r\n", "\x16\x03\n"}) {
    H1Codec codec(H1Codec::Role::Server, limits, *this);
    feed(codec, head);
  }
  EXPECT_EQ(refused.size(), 2U);
}

TEST_F(H1CodecTest, AStoppedOneReadsNothing) {
  server.stop();
  EXPECT_EQ(feed(server, "GET / HTTP/1.1\r\n"), 0U);
  server.feed_end();
  EXPECT_EQ(begun, 0);
  EXPECT_EQ(broken, Failure::None);
}

}  // namespace
}  // namespace weir::http
