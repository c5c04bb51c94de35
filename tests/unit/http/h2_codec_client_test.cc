// SPDX-License-Identifier: Apache-2.0
//
// Requests, answers under flow control, and ends.
#include "http/h2_client.h"
#include "http/interim.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http {
namespace {

TEST_F(H2ClientCodecTest, RequestAndAnswer) {
  FakeSink sink;
  greet();
  Message* message = ask(sink);
  EXPECT_EQ(requests[1], ":method=GET|:scheme=http|:path=/p?q|:authority=a|x-up=1|$");
  std::string body = "hello";
  answer(1, {{":status", "200"}, {"content-length", "5"}, {"x", "y"}}, &body);
  turn();
  EXPECT_EQ(sink.statuses, std::vector<std::uint16_t>{200});
  EXPECT_EQ(sink.fields, "content-length=5|x=y|");
  EXPECT_EQ(sink.framing.end, BodyEnd::Length);
  EXPECT_EQ(sink.body, "hello");
  EXPECT_TRUE(sink.ended);
  codec.close(*message);
  turn();
  EXPECT_EQ(codes.at(1), 0U);
  EXPECT_TRUE(closed.empty()) << "who closes knows it";
}

TEST_F(H2ClientCodecTest, AnswersWithoutBodyEndWithTheirHead) {
  FakeSink sink;
  greet();
  codec.close(*ask(sink));
  FakeSink other;
  Message* message = ask(other);
  answer(3, {{":status", "204"}});
  turn();
  EXPECT_TRUE(other.ended);
  EXPECT_EQ(other.framing.end, BodyEnd::None);
  codec.close(*message);
  EXPECT_FALSE(sink.ended);
}

// RFC 9113 §8.1: the length of what is not sent.
TEST_F(H2ClientCodecTest, HeadKeepsTheLength) {
  FakeSink sink;
  greet();
  Message* message = open(sink, {}, Method::Head);
  turn();
  answer(1, {{":status", "200"}, {"content-length", "1000"}});
  turn();
  EXPECT_TRUE(sink.ended);
  EXPECT_EQ(sink.framing.end, BodyEnd::None);
  EXPECT_EQ(sink.fields, "content-length=1000|");
  codec.close(*message);
}

TEST_F(H2ClientCodecTest, BodiesLeaveWithTheirLengthAndTrailers) {
  FakeSink sized, chunked;
  greet();
  Message* first = open(sized, {.framing = {BodyEnd::Length, 4}}, Method::Post);
  Message* second = open(chunked, {.framing = {BodyEnd::Chunked, 0}}, Method::Post);
  codec.write_body(*first, std::string_view("body"));
  EXPECT_EQ(H2ClientCodec::queued(*first), 4U);
  codec.write_end(*first, {});
  turn();
  EXPECT_EQ(H2ClientCodec::queued(*first), 0U);
  EXPECT_TRUE(requests[1].ends_with("|x-up=1|content-length=4|body$")) << requests[1];
  // What comes later goes on.
  codec.write_body(*second, std::string_view("bo"));
  turn();
  codec.write_body(*second, std::string_view("dy"));
  Headers trailers;
  trailers.add(chunked.memory, "X-Sum", "1");
  codec.write_end(*second, trailers);
  turn();
  EXPECT_TRUE(requests[3].ends_with("|x-up=1|bodyx-sum=1|$")) << requests[3];
  EXPECT_GE(sent, 3);
  codec.close(*first);
  codec.close(*second);
}

TEST_F(H2ClientCodecTest, UploadsKeepToTheWindow) {
  FakeSink sink;
  greet({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000}});
  Message* message = open(sink, {.framing = {BodyEnd::Chunked, 0}}, Method::Post);
  codec.write_body(*message, std::string(5000, 'u'));
  codec.write_end(*message, {});
  Gather out;
  codec.write_frames(out, 1 << 20);
  codec.forget_sent();
  EXPECT_EQ(H2ClientCodec::queued(*message), 4000U);
  EXPECT_EQ(sent, 1);
  codec.close(*message);
}

TEST_F(H2ClientCodecTest, RequestsOfATurnLeaveTogether) {
  FakeSink first, second;
  greet();
  Message* one = open(first);
  Message* two = open(second);
  Gather out;
  codec.write_frames(out, 1 << 20);
  EXPECT_EQ(out.pieces().size(), 1U);
  EXPECT_FALSE(codec.wants_write());
  codec.close(*one);
  codec.close(*two);
}

TEST_F(H2ClientCodecTest, InterimAnswersAndTrailers) {
  FakeSink sink;
  greet();
  Message* message = ask(sink);
  interim(1, "103");
  turn();
  EXPECT_EQ(sink.statuses, std::vector<std::uint16_t>{103});
  std::string body = "x";
  last = {{"x-sum", "1"}};
  answer(1, {{":status", "200"}}, &body);
  turn();
  EXPECT_EQ(sink.statuses, (std::vector<std::uint16_t>{103, 200}));
  EXPECT_EQ(sink.framing.end, BodyEnd::Chunked);
  EXPECT_EQ(sink.body, "x");
  EXPECT_EQ(sink.trailers, "x-sum=1");
  EXPECT_TRUE(sink.ended);
  codec.close(*message);
}

TEST_F(H2ClientCodecTest, InterimAnswersWithoutEndAreRefused) {
  FakeSink sink;
  greet();
  ask(sink);
  for (std::uint32_t i = 0; i <= InterimBudget::most_heads; ++i) interim(1, "102");
  turn();
  EXPECT_EQ(sink.statuses.size(), std::size_t{InterimBudget::most_heads});
  EXPECT_EQ(closed.at(&sink), Failure::ResponseInterimFlood);
  EXPECT_EQ(codes.at(1), std::uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
}

// What is not wanted waits, within the window; the window opens by what was told.
TEST_F(H2ClientCodecTest, UnwantedBodyWaits) {
  FakeSink slow, fast;
  greet();
  Message* first = ask(slow);
  Message* second = ask(fast);
  slow.wants = false;
  std::string much(200'000, 's'), other(200'000, 'f');
  answer(1, {{":status", "200"}}, &much);
  answer(3, {{":status", "200"}}, &other);
  turn();
  EXPECT_EQ(slow.body, "");
  EXPECT_EQ(200'000 - much.size(), 65'535U);
  EXPECT_TRUE(fast.ended) << "one unwanted body holds up no other";
  slow.wants = true;
  while (!slow.ended) {
    const std::size_t before = slow.body.size();
    codec.resume(*first);
    turn();
    ASSERT_GT(slow.body.size(), before);
  }
  EXPECT_EQ(slow.body, std::string(200'000, 's'));
  EXPECT_GT(flushes, 0);
  codec.close(*first);
  codec.close(*second);
}

TEST_F(H2ClientCodecTest, WhatCameWholeIsKept) {
  FakeSink sink;
  greet();
  Message* message = ask(sink);
  sink.wants = false;
  std::string body = "whole";
  answer(1, {{":status", "200"}}, &body);
  turn();
  EXPECT_EQ(codes.at(1), 0U) << "the stream is over";
  EXPECT_TRUE(closed.empty());
  sink.wants = true;
  codec.resume(*message);
  EXPECT_EQ(sink.body, "whole");
  EXPECT_TRUE(sink.ended);
  codec.close(*message);
}

TEST_F(H2ClientCodecTest, ASinkMayCloseFromWithinItsBody) {
  FakeSink sink;
  greet();
  Message* message = ask(sink);
  sink.then = [&] { codec.close(*std::exchange(message, nullptr)), sink.then = {}; };
  std::string body(100'000, 'b');
  answer(1, {{":status", "200"}}, &body);
  turn();
  EXPECT_EQ(codes.at(1), std::uint32_t{NGHTTP2_CANCEL});
  EXPECT_LE(sink.body.size(), 16'384U);
  EXPECT_FALSE(sink.ended);
}

// Its request, of which the server has seen nothing, never leaves.
TEST_F(H2ClientCodecTest, ClosedBeforeItLeft) {
  FakeSink sink;
  greet();
  codec.close(*open(sink));
  turn();
  EXPECT_EQ(requests.count(1), 0U);
  FakeSink other;
  Message* message = ask(other);
  EXPECT_EQ(requests.count(3), 1U);
  codec.close(*message);
}

struct ResetCase {
  std::uint32_t code;
  Failure failure;
};

struct ResetTest : H2ClientCodecTest, testing::WithParamInterface<ResetCase> {};

TEST_P(ResetTest, SaysWhy) {
  FakeSink sink;
  greet();
  ask(sink);
  reset(1, GetParam().code);
  EXPECT_EQ(closed.at(&sink), GetParam().failure);
  EXPECT_EQ(resets, std::vector<bool>{true});
  EXPECT_EQ(broken, Failure::None);
}

INSTANTIATE_TEST_SUITE_P(
    H2ClientCodec, ResetTest,
    testing::Values(ResetCase{NGHTTP2_REFUSED_STREAM, Failure::StreamRefused},
                    ResetCase{NGHTTP2_HTTP_1_1_REQUIRED, Failure::NeedsHttp11},
                    ResetCase{NGHTTP2_CANCEL, Failure::StreamCancelled},
                    ResetCase{NGHTTP2_ENHANCE_YOUR_CALM, Failure::StreamThrottled},
                    ResetCase{NGHTTP2_INADEQUATE_SECURITY, Failure::StreamInsecure},
                    ResetCase{NGHTTP2_NO_ERROR, Failure::StreamReset},
                    ResetCase{NGHTTP2_INTERNAL_ERROR, Failure::StreamReset},
                    ResetCase{0xff, Failure::StreamReset}));

// An answer that is complete counts, though its server wants nothing more of the request (RFC 9113 §8.1).
TEST_F(H2ClientCodecTest, AnsweredBeforeTheRequestEnded) {
  FakeSink sink;
  greet();
  Message* message = open(sink, {.framing = {BodyEnd::Chunked, 0}}, Method::Post);
  turn();
  answer(1, {{":status", "413"}});
  turn();
  EXPECT_TRUE(sink.ended);
  reset(1, NGHTTP2_NO_ERROR);
  EXPECT_TRUE(closed.empty());
  codec.close(*message);
}

TEST_F(H2ClientCodecTest, FarewellsRefuseWhatIsBehindThem) {
  FakeSink first, second;
  greet();
  Message* message = ask(first);
  ask(second);
  nghttp2_submit_goaway(server, NGHTTP2_FLAG_NONE, 1, NGHTTP2_NO_ERROR, nullptr, 0);
  turn();
  EXPECT_TRUE(leaving);
  EXPECT_EQ(closed, (std::map<const MessageSink*, Failure>{{&second, Failure::StreamRefused}}));
  std::string body = "still";
  answer(1, {{":status", "200"}}, &body);
  turn();
  EXPECT_EQ(first.body, "still");
  codec.close(*message);
}

TEST_F(H2ClientCodecTest, SettingsSayWhatIsAllowed) {
  EXPECT_FALSE(codec.knows_settings());
  greet({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1},
         {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}});
  EXPECT_TRUE(codec.knows_settings());
  EXPECT_EQ(codec.most_streams(), 1U);
  EXPECT_TRUE(codec.takes_tunnels());
  EXPECT_EQ(settings, 1);
  // One more waits until the first is over.
  FakeSink first, second;
  Message* one = ask(first);
  Message* two = ask(second);
  EXPECT_EQ(requests.count(3), 0U);
  answer(1, {{":status", "204"}});
  turn();
  EXPECT_EQ(requests.count(3), 1U);
  codec.close(*one);
  codec.close(*two);
}

TEST_F(H2ClientCodecTest, TunnelsAreAskedFor) {
  FakeSink sink;
  greet({{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}});
  Message* message = open(sink, {.upgrade = "websocket"});
  turn();
  EXPECT_EQ(requests[1],
            ":method=CONNECT|:protocol=websocket|:scheme=http|:path=/p?q|:authority=a|x-up=1|");
  std::string frames = "down";
  answer(1, {{":status", "200"}}, &frames);
  codec.write_body(*message, std::string_view("up"));
  turn();
  EXPECT_TRUE(requests[1].ends_with("|up"));
  EXPECT_EQ(sink.body, "down");
  codec.close(*message);
}

TEST_F(H2ClientCodecTest, PingsAreAnswered) {
  greet();
  codec.ping();
  turn();
  EXPECT_EQ(pongs, 1);
}

TEST_F(H2ClientCodecTest, SaysFarewell) {
  greet();
  codec.end();
  to_server();
  EXPECT_EQ(farewell, std::uint32_t{NGHTTP2_NO_ERROR});
  EXPECT_EQ(broken, Failure::None);
}

}  // namespace
}  // namespace weir::http
