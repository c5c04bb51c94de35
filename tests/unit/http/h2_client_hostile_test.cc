// SPDX-License-Identifier: Apache-2.0
//
// What a server should not send.
#include "http/h2_client.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {
namespace {

using namespace std::string_view_literals;

struct BadAnswer {
  Fields fields;
  std::string body;
  bool has_body = true;
  Failure failure = Failure::ResponseSyntax;
};

struct BadAnswerTest : H2ClientCodecTest, testing::WithParamInterface<BadAnswer> {};

// RFC 9113 §8.1.1: the stream's error, and no other's.
TEST_P(BadAnswerTest, EndsItsStreamOnly) {
  FakeSink sink, other;
  greet();
  ask(sink);
  Message* message = ask(other);
  std::string body = GetParam().body;
  answer(1, GetParam().fields, GetParam().has_body ? &body : nullptr);
  turn();
  EXPECT_EQ(closed, (std::map<const MessageSink*, Failure>{{&sink, GetParam().failure}}));
  EXPECT_FALSE(sink.ended);
  answer(3, {{":status", "204"}});
  turn();
  EXPECT_TRUE(other.ended);
  EXPECT_EQ(broken, Failure::None);
  codec.close(*message);
}

INSTANTIATE_TEST_SUITE_P(
    H2ClientCodec, BadAnswerTest,
    testing::Values(
        BadAnswer{{{"x", "y"}}, "b"}, BadAnswer{{{":status", "20"}}, "b"},
        BadAnswer{{{":status", "0200"}}, "b"}, BadAnswer{{{":status", "2x0"}}, "b"},
        BadAnswer{{{":status", "101"}}, "b"}, BadAnswer{{{":status", "600"}}, "b"},
        BadAnswer{{{":status", "200"}, {":status", "200"}}, "b"},
        BadAnswer{{{"x", "y"}, {":status", "200"}}, "b"},
        BadAnswer{{{":status", "200"}, {":path", "/"}}, "b"},
        BadAnswer{{{":status", "200"}, {":other", "/"}}, "b"},
        BadAnswer{{{":status", "200"}, {"a b", "c"}}, "b"},
        BadAnswer{{{":status", "200"}, {"x", "a\rb"}}, "b"},
        BadAnswer{{{":status", "200"}, {"x", " a"}}, "b"},
        BadAnswer{{{":status", "200"}, {"connection", "close"}}, "b"},
        BadAnswer{{{":status", "200"}, {"transfer-encoding", "chunked"}}, "b"},
        BadAnswer{{{":status", "200"}, {"keep-alive", "5"}}, "b"},
        BadAnswer{{{":status", "200"}, {"proxy-connection", "x"}}, "b"},
        BadAnswer{{{":status", "200"}, {"upgrade", "x"}}, "b"},
        BadAnswer{{{":status", "200"}, {"te", "gzip"}}, "b"},
        BadAnswer{
            {{":status", "200"}, {"content-length", "x"}}, "b", true, Failure::ResponseFraming},
        BadAnswer{{{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}},
                  "b",
                  true,
                  Failure::ResponseFraming},
        BadAnswer{{{":status", "200"}, {"content-length", "2"}}, "b"},
        BadAnswer{{{":status", "200"}, {"content-length", "0"}}, "b"},
        BadAnswer{{{":status", "200"}, {"content-length", "2"}}, "", false},
        BadAnswer{{{":status", "100"}}, "", false},
        BadAnswer{{{":status", "204"}, {"content-length", "2"}}, "", false},
        BadAnswer{{{":status", "204"}}, "b"}, BadAnswer{{{":status", "304"}}, "b"}));

TEST_F(H2ClientCodecTest, NamesAreInLowerCase) {
  FakeSink sink;
  greet();
  ask(sink);
  feed("\0\0\6\1\5\0\0\0\1\x88\0\1X\1y"sv);
  turn();
  EXPECT_EQ(closed.at(&sink), Failure::ResponseSyntax);
  EXPECT_TRUE(sink.statuses.empty());
}

// The arena that the first half of the block lies in is gone with who wanted it.
TEST_F(H2ClientCodecTest, GivenUpInTheMiddleOfABlock) {
  auto sink = std::make_unique<FakeSink>();
  greet();
  Message* message = ask(*sink);
  feed("\0\0\6\1\0\0\0\0\1\x88\0\1x\1y"sv);
  codec.close(*message);
  sink.reset();
  feed("\0\0\5\x9\4\0\0\0\1\0\1z\1y"sv);
  FakeSink other;
  Message* next = ask(other);
  answer(3, {{":status", "204"}, {"z", "y"}});
  turn();
  EXPECT_TRUE(other.ended);
  EXPECT_EQ(other.fields, "z=y|");
  EXPECT_EQ(broken, Failure::None);
  codec.close(*next);
}

// An interim answer is none: neither its body nor its end may follow (RFC 9113 §8.1).
TEST_F(H2ClientCodecTest, NoBodyBeforeTheAnswer) {
  FakeSink sink;
  greet();
  ask(sink);
  interim(1, "103");
  turn();
  feed("\0\0\1\0\0\0\0\0\1x"sv);
  turn();
  EXPECT_EQ(closed.at(&sink), Failure::ResponseSyntax);
  FakeSink other;
  ask(other);
  interim(3, "103");
  turn();
  feed("\0\0\0\0\1\0\0\0\3"sv);
  turn();
  EXPECT_EQ(closed.at(&other), Failure::ResponseSyntax);
  EXPECT_EQ(broken, Failure::None);
}

// RFC 9113 §8.1.
TEST_F(H2ClientCodecTest, TrailersEndTheMessage) {
  FakeSink sink;
  greet();
  ask(sink);
  feed("\0\0\1\1\4\0\0\0\1\x88"sv);  // :status: 200
  feed("\0\0\4\1\4\0\0\0\1\0\1x\0"sv);
  turn();
  EXPECT_EQ(sink.statuses, std::vector<std::uint16_t>{200});
  EXPECT_EQ(closed.at(&sink), Failure::ResponseSyntax);
  EXPECT_FALSE(sink.ended);
}

TEST_F(H2ClientCodecTest, TrailersComeBehindTheWholeBody) {
  FakeSink sink;
  greet();
  ask(sink);
  std::string body = "b";
  last = {{"x-sum", "1"}};
  answer(1, {{":status", "200"}, {"content-length", "2"}}, &body);
  turn();
  EXPECT_EQ(closed.at(&sink), Failure::ResponseSyntax);
  EXPECT_FALSE(sink.ended);
}

// As some servers send it.
TEST_F(H2ClientCodecTest, NoContentMayHaveALengthOfNothing) {
  FakeSink sink;
  greet();
  Message* message = ask(sink);
  answer(1, {{":status", "204"}, {"content-length", "0"}});
  turn();
  EXPECT_TRUE(sink.ended);
  EXPECT_EQ(sink.fields, "");
  codec.close(*message);
}

TEST_F(H2ClientCodecTest, HeadsThatAreTooLargeAreRefused) {
  greet();
  const auto refusal = [this](std::size_t count, std::size_t size) {
    FakeSink sink;
    ask(sink);
    Fields fields(count, {"x", std::string(size, 'y')});
    fields.insert(fields.begin(), {":status", "200"});
    turn();
    answer(static_cast<std::int32_t>(requests.rbegin()->first), fields);
    turn();
    return closed.at(&sink);
  };
  EXPECT_EQ(refusal(1, 9000), Failure::ResponseLineTooLong);
  EXPECT_EQ(refusal(110, 1), Failure::ResponseTooManyFields);
  EXPECT_EQ(refusal(9, 4000), Failure::ResponseHeadTooLarge);
}

TEST_F(H2ClientCodecTest, WhatMayNotStandInTrailers) {
  greet();
  for (const char* name : {":status", "connection", "transfer-encoding", "a b"}) {
    FakeSink sink;
    Message* message = ask(sink);
    std::string body = "b";
    last = {{name, "200"}};
    answer(static_cast<std::int32_t>(requests.rbegin()->first), {{":status", "200"}}, &body);
    turn();
    EXPECT_EQ(closed.count(&sink), 1U) << name;
    EXPECT_FALSE(sink.ended) << name;
    if (closed.count(&sink) == 0) codec.close(*message);
    closed.clear();
  }
}

TEST_F(H2ClientCodecTest, WhoDoesNotSpeakItIsFoundOut) {
  FakeSink sink;
  open(sink);
  feed("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  to_server();
  EXPECT_EQ(broken, Failure::NotHttp2);
}

struct BadFrameTest : H2ClientCodecTest, testing::WithParamInterface<std::string_view> {};

TEST_P(BadFrameTest, EndsTheConnection) {
  FakeSink sink;
  greet();
  ask(sink);
  feed(GetParam());
  turn();
  EXPECT_EQ(broken, Failure::ResponseSyntax);
  EXPECT_FALSE(sink.ended);
}

INSTANTIATE_TEST_SUITE_P(
    H2ClientCodec, BadFrameTest,
    testing::Values("\0\0\1\0\0\0\0\0\0x"sv,           // DATA without a stream
                    "\0\0\0\1\4\0\0\0\2"sv,            // HEADERS on a stream of nobody's
                    "\0\0\1\1\4\0\0\0\1\xff"sv,        // HPACK cut short
                    "\0\0\4\x8\0\0\0\0\0\0\0\0\0"sv,   // WINDOW_UPDATE by nothing
                    "\0\0\5\4\0\0\0\0\0\0\0\0\0\0"sv,  // SETTINGS of no whole entry
                    "\0\0\1\6\0\0\0\0\0x"sv,           // PING of another size
                    "\0\0\4\5\4\0\0\0\1\0\0\0\2"sv,    // PUSH_PROMISE, which we forbade
                    "\0\0\0\x9\4\0\0\0\1"sv,           // CONTINUATION of nothing
                    "\x01\0\0\0\0\0\0\0\1"sv));        // larger than a frame may be

TEST_F(H2ClientCodecTest, FloodsEndTheConnection) {
  greet();
  for (int i = 0; i < 200; ++i) nghttp2_submit_ping(server, NGHTTP2_FLAG_NONE, nullptr);
  turn();
  EXPECT_EQ(broken, Failure::ServerAbuse);
}

TEST_F(H2ClientCodecTest, TellsNothingWhenStopped) {
  FakeSink sink;
  greet();
  ask(sink);
  codec.stop();
  answer(1, {{":status", "200"}});
  nghttp2_submit_goaway(server, NGHTTP2_FLAG_NONE, 1, NGHTTP2_NO_ERROR, nullptr, 0);
  turn();
  EXPECT_TRUE(sink.statuses.empty());
  EXPECT_FALSE(leaving);
}

}  // namespace
}  // namespace weir::http
