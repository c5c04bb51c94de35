// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 in the server role: streams that are reset, malformed or closed.
#include "http/h2_server.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::http {
namespace {

TEST_F(H2CodecTest, ResetsEndAMessage) {
  const StreamId first = ask(), second = ask();
  turn();
  nghttp2_submit_rst_stream(client, NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(first),
                            NGHTTP2_CANCEL);
  turn();
  EXPECT_EQ(closed, std::vector{Failure::ClientGone});
  codec.reset(*messages.at(second), Failure::ServerReset);
  turn();
  EXPECT_EQ(codes.at(static_cast<std::int32_t>(second)), std::uint32_t{NGHTTP2_INTERNAL_ERROR});
  EXPECT_EQ(closed.size(), 1U) << "who resets knows it";
}

TEST_F(H2CodecTest, NothingBeginsBeforeWhatWasReadIsJudged) {
  std::string upload(30'000, 'u'), rest = upload;
  const StreamId first = ask(), second = ask({}, &rest);
  at_once_to_server();
  nghttp2_submit_rst_stream(client, NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(first),
                            NGHTTP2_CANCEL);
  at_once_to_server();
  EXPECT_TRUE(codec.has_held());
  EXPECT_TRUE(!sinks.at(first)->head && !sinks.at(second)->head);
  codec.tell_held();
  EXPECT_FALSE(codec.has_held());
  EXPECT_TRUE(!sinks.at(first)->head && sinks.at(second)->body == upload);
  EXPECT_TRUE(sinks.at(second)->head && sinks.at(second)->ended);
  EXPECT_EQ(closed, (std::vector{Failure::ClientGone}));
}

// An empty frame with END_STREAM closes a stream whose answer is complete: the stream was open when the frame came.
TEST_F(H2CodecTest, AnEmptyFrameMayCloseItsStream) {
  std::string none;
  const StreamId stream = ask({}, &none);
  std::string head = next_frame(), end_of_body = next_frame();
  ASSERT_EQ(end_of_body, std::string("\0\0\0\0\1\0\0\0\1", 9));
  codec.feed(head);
  codec.tell_held();
  answer(stream, {BodyEnd::Length, 0});
  end(stream);
  to_client();
  codec.feed(end_of_body);
  to_client();
  EXPECT_EQ(closed, std::vector{Failure::None});
  EXPECT_EQ(broken, Failure::None);
  EXPECT_FALSE(codec.is_over());
}

// The frames before it in the same read count: a stream that they reset was closed (RFC 9113 §5.1).
TEST_F(H2CodecTest, AnEmptyFrameBehindAResetIsAnError) {
  std::string none;
  ask({}, &none);
  std::string head = next_frame(), end_of_body = next_frame();
  codec.feed(head);
  codec.tell_held();
  std::string both = std::string("\0\0\4\3\0\0\0\0\1\0\0\0\10", 13) + end_of_body;
  codec.feed(both);
  to_client();
  EXPECT_EQ(closed, std::vector{Failure::ClientGone});
  EXPECT_TRUE(codec.is_over());
}

TEST_F(H2CodecTest, NothingBeginsThatEndsInAnError) {
  const StreamId stream = ask();
  feed_each();
  std::string zero_window_update("\0\0\4\10\0\0\0\0\0\0\0\0\0", 13);
  codec.feed(zero_window_update);
  to_client();
  EXPECT_TRUE(codec.is_over());
  EXPECT_EQ(sinks.at(stream)->head, nullptr);
}

TEST_F(H2CodecTest, WhatIsMalformedIsNotTheClientsGoing) {
  std::string upload(10, 'u');
  ask({{"content-length", "5"}}, &upload);
  turn();
  EXPECT_EQ(closed, std::vector{Failure::RequestSyntax});
}

TEST_F(H2CodecTest, OfWhatIsMalformedNobodyIsToldTheEnd) {
  const StreamId stream = ask({{":protocol", "websocket"}}, nullptr, "CONNECT");
  to_server();
  codec.resume(*messages.at(stream));
  EXPECT_FALSE(sinks.at(stream)->head || sinks.at(stream)->ended);
  turn();
  EXPECT_EQ(closed, std::vector{Failure::RequestSyntax});
}

}  // namespace
}  // namespace weir::http
