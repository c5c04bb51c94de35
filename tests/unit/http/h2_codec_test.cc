// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 in the server role: heads, bodies under flow control, ends.
#include "http/h2_server.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::http {
namespace {

TEST_F(H2CodecTest, RequestAndAnswer) {
  const StreamId stream = ask({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}});
  turn();
  const RequestHead& head = *sinks.at(stream)->head;
  EXPECT_EQ(head.received, "GET /p?q HTTP/2\r\nhost: a\r\nx: y\r\ncookie: a=1; b=2\r\n\r\n");
  EXPECT_EQ(head.path, "/p");
  EXPECT_EQ(head.query, "q");
  EXPECT_EQ(head.host, "a");
  EXPECT_EQ(head.framing.end, BodyEnd::None);
  EXPECT_TRUE(sinks.at(stream)->ended);
  answer(stream, {BodyEnd::Length, 5});
  body(stream, "hello");
  end(stream);
  turn();
  EXPECT_EQ(answers[1], ":status=200|x-up=1|content-length=5|hello");
  EXPECT_EQ(closed, std::vector{Failure::None});
  EXPECT_EQ(codes.at(1), 0U);
}

TEST_F(H2CodecTest, InterimAnswersAndTrailers) {
  const StreamId stream = ask();
  turn();
  answer(stream, {}, 103);
  answer(stream, {BodyEnd::Chunked, 0});
  body(stream, "x");
  Arena arena;
  Headers trailers;
  trailers.add(arena, "X-Sum", "1");
  end(stream, trailers);
  turn();
  EXPECT_EQ(answers[1], ":status=103|x-up=1|:status=200|x-up=1|xx-sum=1|");
}

TEST_F(H2CodecTest, AnswersWithoutBodyEndWithTheirHead) {
  const StreamId stream = ask();
  turn();
  answer(stream, {}, 204);
  turn();
  EXPECT_EQ(answers[1], ":status=204|x-up=1|");
  EXPECT_EQ(closed, std::vector{Failure::None});
}

// What is not wanted waits, within the window; the window opens by what was told.
TEST_F(H2CodecTest, UnwantedBodyWaits) {
  std::string upload(200'000, 'u');
  const StreamId stream = ask({}, &upload);
  to_server();
  ServerSink& sink = *sinks.at(stream);
  EXPECT_EQ(sink.head->framing.end, BodyEnd::Chunked);
  sink.wants = false;
  turn();
  sink.wants = true;
  const std::size_t early = sink.body.size();
  EXPECT_LE(200'000 - upload.size() - early, std::size_t{H2Codec::first_window});
  while (!sink.ended) {
    codec.resume(*messages.at(stream));
    turn();
  }
  EXPECT_EQ(sink.body, std::string(200'000, 'u'));
  EXPECT_GT(flushes, 0);
}

TEST_F(H2CodecTest, OneUnwantedBodyHoldsUpNoOther) {
  std::string slow(300'000, 's'), fast(300'000, 'f');
  const StreamId first = ask({}, &slow), second = ask({}, &fast);
  to_server();
  sinks.at(first)->wants = false;
  turn();
  EXPECT_TRUE(sinks.at(second)->ended);
  EXPECT_FALSE(sinks.at(first)->ended);
}

TEST_F(H2CodecTest, AnswersWaitForTheWindow) {
  const StreamId stream = ask();
  turn();
  answer(stream, {BodyEnd::Length, 100'000});
  body(stream, std::string(100'000, 'x'));
  EXPECT_FALSE(codec.has_window(*messages.at(stream)));
  EXPECT_EQ(queued(stream), 100'000U);
  Gather out;
  codec.write_frames(out, 1 << 20);
  codec.forget_sent();
  EXPECT_EQ(sent, 1);
  EXPECT_EQ(queued(stream), 34'465U);
}

TEST_F(H2CodecTest, WhatLeavesAtOnceIsNotCopied) {
  const StreamId stream = ask();
  turn();
  answer(stream, {BodyEnd::Length, 40'000});
  const std::string bytes(40'000, 'b');
  Gather out;
  codec.write_through(*messages.at(stream), bytes, out);
  EXPECT_EQ(queued(stream), 0U);
  std::size_t lent = 0;
  for (const iovec& piece : out.pieces())
    if (piece.iov_base >= bytes.data() && piece.iov_base < bytes.data() + bytes.size())
      lent += piece.iov_len;
  EXPECT_EQ(lent, bytes.size());
  to_client(out);
  EXPECT_EQ(sent, 1);
  end(stream);
  turn();
  EXPECT_TRUE(answers.at(1).ends_with("|" + bytes));
  EXPECT_EQ(codes, (std::map<std::int32_t, std::uint32_t>{{1, 0}}));
}

TEST_F(H2CodecTest, WhatTheWindowDoesNotAllowIsCopied) {
  const StreamId stream = ask();
  turn();
  answer(stream, {BodyEnd::Chunked, 0});
  std::string bytes(100'000, 'b');
  Gather out;
  codec.write_through(*messages.at(stream), bytes, out);
  EXPECT_EQ(queued(stream), 100'000U - 65'535U);
  to_client(out);
  // What waits goes first.
  std::string more(20'000, 'm');
  out.clear();
  codec.write_through(*messages.at(stream), more, out);
  EXPECT_EQ(queued(stream), 120'000U - 65'535U);
  EXPECT_TRUE(out.empty());
  bytes.assign(bytes.size(), 'x');
  more.assign(more.size(), 'x');
  turn();
  EXPECT_TRUE(answers.at(1).ends_with("|" + std::string(100'000, 'b') + std::string(20'000, 'm')));
}

TEST_F(H2CodecTest, FramesStopWhereTheRoomEnds) {
  const StreamId stream = ask();
  turn();
  answer(stream, {BodyEnd::Length, 60'000});
  body(stream, std::string(60'000, 'x'));
  Gather out;
  codec.write_frames(out, 20'000);
  EXPECT_LT(out.size(), 40'000U);
  EXPECT_TRUE(codec.wants_write());
}

TEST_F(H2CodecTest, WhoAsksForMuchGetsItByAndByAndInOrder) {
  late = true;
  for (int i = 0; i < 20; ++i) ask();
  at_once_to_server();
  const auto told = [this] {
    int count = 0;
    for (const auto& [stream, sink] : sinks) count += sink->head != nullptr;
    return count;
  };
  EXPECT_EQ(told(), 0);
  int before = 0;
  while (codec.has_held()) {
    codec.tell_held();
    EXPECT_EQ(told(), before + 4);
    before = told();
    int so_far = 0;
    for (const auto& [stream, sink] : sinks) EXPECT_EQ(sink->ended, so_far++ < before);
  }
  EXPECT_EQ(told(), 20);
}

// A stopped codec tells nothing, and forgets what waits.
TEST_F(H2CodecTest, WhatWaitsIsNotToldBehindTheEnd) {
  late = true;
  for (int i = 0; i < 20; ++i) ask();
  at_once_to_server();
  codec.stop();
  EXPECT_FALSE(codec.has_held());
  codec.tell_held();
  EXPECT_EQ(sinks.at(1)->head, nullptr);
}

// The bytes that a sink is being told of are not given back under its hands.
TEST_F(H2CodecTest, ASinkMayResetFromWithinItsBody) {
  std::string upload(100'000, 'u');
  const StreamId stream = ask({}, &upload);
  to_server();
  ServerSink& sink = *sinks.at(stream);
  sink.wants = false;
  turn();
  sink.wants = true;
  sink.pieces = 0;
  sink.then = [&] { codec.reset(*messages.at(stream), Failure::ServerReset); };
  codec.resume(*messages.at(stream));
  EXPECT_EQ(sink.pieces, 1);
  turn();
  EXPECT_EQ(codes.at(static_cast<std::int32_t>(stream)), std::uint32_t{NGHTTP2_INTERNAL_ERROR});
  EXPECT_TRUE(closed.empty());
}

TEST_F(H2CodecTest, WhatIsTooLargeIsRefused) {
  const StreamId stream = ask({{"a", "1"}, {"x", std::string(9000, 'y')}, {"b", "2"}});
  turn();
  EXPECT_EQ(refused, Failure::RequestHeadTooLarge);
  EXPECT_EQ(sinks.at(stream)->head, nullptr);
  EXPECT_EQ(sinks.at(stream)->refused->received, "GET /p?q HTTP/2\r\nhost: a\r\na: 1\r\n");
}

TEST_F(H2CodecTest, OfATargetThatIsTooLongTheBeginningIsTold) {
  const std::string longer(9000, 'p');
  std::vector<std::pair<std::string, std::string>> named = {
      {":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/" + longer}};
  std::vector<nghttp2_nv> fields;
  for (auto& [name, value] : named)
    fields.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                      reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                      NGHTTP2_NV_FLAG_NONE});
  nghttp2_submit_request(client, nullptr, fields.data(), fields.size(), nullptr, nullptr);
  turn();
  EXPECT_EQ(refused, Failure::RequestLineTooLong);
  const RequestHead& head = *sinks.at(1)->refused;
  EXPECT_EQ(head.received, "GET /" + longer.substr(0, limits.line - 1) + " HTTP/2\r\nhost: a\r\n");
  EXPECT_EQ(head.target, "/" + longer.substr(0, 1023));
}

TEST_F(H2CodecTest, FieldsThatAreDroppedWereReceived) {
  const StreamId stream = ask({{"x_y", "1"}, {"x", "2"}, {"_", ""}});
  turn();
  const RequestHead& head = *sinks.at(stream)->head;
  EXPECT_EQ(head.received, "GET /p?q HTTP/2\r\nhost: a\r\nx_y: 1\r\nx: 2\r\n_: \r\n\r\n");
  EXPECT_EQ(head.dropped_fields, 2);
  EXPECT_EQ(head.headers.size(), 2U);
  EXPECT_EQ(head.headers.get(FieldName::Host), "a");
  EXPECT_EQ(head.headers.find("x")->value, "2");
}

// GET http://a/ with a cookie, of which the end of the block is missing.
TEST_F(H2CodecTest, OfAHeadThatStopsIsToldWhatHasCome) {
  constexpr std::string_view cut("\0\0\16\1\1\0\0\0\1\x82\x86\x84\x41\1a\x60\1b\x60\3", 20);
  codec.feed(cut);
  ServerSink& sink = *sinks.at(1);
  codec.tell_partly(*messages.at(1));
  ASSERT_TRUE(sink.refused);
  EXPECT_EQ(sink.refused->received, "GET / HTTP/2\r\nhost: a\r\ncookie: b\r\n");
  EXPECT_EQ(sink.refused->host, "a");
  codec.feed(std::string_view("ccc", 3));
  codec.tell_held();
  EXPECT_EQ(sink.head, nullptr);
  EXPECT_EQ(broken, Failure::None);
}

TEST_F(H2CodecTest, WithoutASinkAMessageIsRefused) {
  refuses = true;
  ask();
  turn();
  EXPECT_EQ(codes.at(1), std::uint32_t{NGHTTP2_REFUSED_STREAM});
}

// RFC 9113 §5.1.2: the limit is not known to a client that has not acknowledged it.
TEST_F(H2CodecTest, StreamsBeyondAnUnknownLimitAreRefusedHoweverMany) {
  H2Codec other(limits, *this);
  std::string all = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9);
  for (std::uint32_t stream = 1; stream < 3000; stream += 2) {
    all.append("\0\0\6\1\5\0\0", 7);
    all += {static_cast<char>(stream >> 8), static_cast<char>(stream)};
    all += "\x82\x86\x84\x41\1a";
  }
  other.feed({all.data(), all.size()});
  other.tell_held();
  EXPECT_EQ(overruns, 1);
  EXPECT_EQ(abuse, "");
  EXPECT_EQ(broken, Failure::None);
  EXPECT_EQ(sinks.size(), H2Room().streams);
  EXPECT_EQ(sinks.at(1)->head, nullptr) << "it waits for the acknowledgement";
  Gather out;
  other.write_frames(out, 1 << 20);
  std::string ack("\0\0\0\4\1\0\0\0\0", 9);
  other.feed({ack.data(), ack.size()});
  other.tell_held();
  EXPECT_NE(sinks.at(1)->head, nullptr);
  other.stop();
}

TEST_F(H2CodecTest, GarbageBreaksIt) {
  std::string garbage(100, '\xff');
  H2Codec other(limits, *this);
  other.feed({garbage.data(), garbage.size()});
  EXPECT_EQ(broken, Failure::RequestSyntax);
}

TEST_F(H2CodecTest, EndsInTwoSteps) {
  const StreamId stream = ask();
  turn();
  codec.announce_end();
  turn();
  EXPECT_TRUE(end_known);
  codec.end();
  turn();
  EXPECT_FALSE(codec.is_over());
  answer(stream, {}, 204);
  turn();
  EXPECT_TRUE(codec.is_over());
}

TEST_F(H2CodecTest, RestsAndKnowsEverythingAfterwards) {
  for (int i = 0; i < 3; ++i) {
    // The same fields again: they lie in the tables of both sides by now.
    const StreamId stream = ask({{"x-much", std::string(100, 'm')}});
    turn();
    EXPECT_EQ(sinks.at(stream)->head->headers.find("x-much")->value, std::string(100, 'm'));
    answer(stream, {BodyEnd::Length, 4});
    body(stream, "body");
    end(stream);
    turn();
    const auto number = static_cast<std::int32_t>(stream);
    EXPECT_EQ(answers.at(number), ":status=200|x-up=1|content-length=4|body");
    EXPECT_EQ(codes.at(number), 0U);
    codec.rest();
    EXPECT_TRUE(codec.is_resting());
  }
  EXPECT_FALSE(codec.wants_write());
  EXPECT_FALSE(codec.is_resting());
  codec.rest();
  codec.end();
  EXPECT_FALSE(codec.is_resting());
  turn();
  EXPECT_TRUE(codec.is_over());
  codec.rest();
}

TEST_F(H2CodecTest, AbuseIsNamedOnce) {
  for (int i = 0; i < 200; ++i) nghttp2_submit_ping(client, NGHTTP2_FLAG_NONE, nullptr);
  turn();
  EXPECT_EQ(abuse, "pings");
}

}  // namespace
}  // namespace weir::http
