// SPDX-License-Identifier: Apache-2.0
//
// Heads as they leave: untouched ones byte for byte, the rest anew, nothing hop-by-hop.
#include "http/h1_writer.h"

#include "http/message.h"
#include "http/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::http::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(WriteRequest, ForwardsAnUntouchedHeadAsItIs) {
  const std::string text =
      "POST /a/b?c=d HTTP/1.1\r\nHost: a.example\r\nUser-Agent: x\r\nContent-Length: 5\r\n"
      "Accept: */*\r\n\r\n";
  const ParsedRequest parsed = parse_request_text(text);
  EXPECT_EQ(written(parsed.head, {.framing = parsed.head.framing}), text);
}

TEST(WriteRequest, WritesAnewWhatIsSpelledOddly) {
  const ParsedRequest parsed = request_with("A:1\r\nB:  2\r\nC: 3 \r\nD:\t4\r\nE:\r\nF: \r\n");
  EXPECT_EQ(written(parsed.head),
            "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: \r\nF: \r\n\r\n");
}

TEST(WriteRequest, NeverPassesHopByHopFields) {
  const ParsedRequest parsed = request_with(
      "Connection: x\r\nX: 1\r\nKeep-Alive: 5\r\nProxy-Connection: y\r\nTE: gzip\r\nUpgrade: z\r\n"
      "Expect: 100-continue\r\nY: 2\r\n");
  EXPECT_EQ(written(parsed.head), "GET / HTTP/1.1\r\nHost: a\r\nY: 2\r\n\r\n");
}

TEST(WriteRequest, SaysTheFramingOnce) {
  const ParsedRequest parsed =
      parse_request_text("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\nX: y\r\n\r\n");
  const std::string start = "PUT / HTTP/1.1\r\nHost: a\r\nX: y\r\n";
  EXPECT_EQ(written(parsed.head, {.framing = {BodyEnd::Length, 7}}),
            start + "Content-Length: 7\r\n\r\n");
  EXPECT_EQ(written(parsed.head, {.framing = {BodyEnd::Length, 8}}),
            start + "Content-Length: 8\r\n\r\n");
  EXPECT_EQ(written(parsed.head, {.framing = {BodyEnd::Chunked, 0}}),
            start + "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(written(parsed.head, {.framing = {BodyEnd::None, 0}}),
            start + "Content-Length: 0\r\n\r\n");
}

TEST(WriteRequest, SaysOneOfSeveralEqualLengths) {
  ParsedRequest parsed =
      parse_request_text("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
  parsed.head.headers.add(*parsed.arena, "Content-Length", "7");
  EXPECT_EQ(written(parsed.head, {.framing = {BodyEnd::Length, 7}}),
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
}

TEST(WriteRequest, AddsWhatBelongsToTheConnection) {
  const ParsedRequest parsed = request_with("Upgrade: websocket\r\nConnection: upgrade\r\n");
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(written(parsed.head, {.upgrade = "websocket"}),
            start + "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n");
  EXPECT_EQ(written(parsed.head, {.close = true, .upgrade = "a, b", .te_trailers = true}),
            start + "Upgrade: a, b\r\nTE: trailers\r\nConnection: close, te, upgrade\r\n\r\n");
  EXPECT_EQ(written(parsed.head, {.close = true}), start + "Connection: close\r\n\r\n");
  EXPECT_EQ(written(parsed.head, {.te_trailers = true}),
            start + "TE: trailers\r\nConnection: te\r\n\r\n");
  EXPECT_EQ(written(parsed.head, {.close = true, .te_trailers = true}),
            start + "TE: trailers\r\nConnection: close, te\r\n\r\n");
  EXPECT_EQ(written(parsed.head, {.expect_continue = true}),
            start + "Expect: 100-continue\r\n\r\n");
}

TEST(WriteRequest, AlwaysSaysAHost) {
  EXPECT_EQ(written(parse_request_text("GET / HTTP/1.0\r\nX: y\r\n\r\n").head),
            "GET / HTTP/1.1\r\nHost: \r\nX: y\r\n\r\n");
  EXPECT_EQ(written(parse_request_text("GET http://a/x HTTP/1.0\r\n\r\n").head),
            "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(WriteRequest, WritesTheOtherForms) {
  EXPECT_THAT(written(parse_request_text("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").head),
              testing::StartsWith("OPTIONS * HTTP/1.1\r\n"));
  EXPECT_THAT(written(parse_request_text("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n").head),
              testing::StartsWith("OPTIONS * HTTP/1.1\r\n"));
  EXPECT_THAT(written(parse_request_text("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n").head),
              testing::StartsWith("CONNECT a:1 HTTP/1.1\r\n"));
  EXPECT_THAT(written(parse_request_text("GET /? HTTP/1.1\r\nHost: a\r\n\r\n").head),
              testing::StartsWith("GET /? HTTP/1.1\r\n"));
}

TEST(WriteResponse, ForwardsAnUntouchedHeadAsItIs) {
  const std::string text =
      "HTTP/1.1 200 Fine\r\nServer: x\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\n\r\n";
  const ParsedResponse parsed = parse_response_text(text);
  EXPECT_EQ(written(parsed.head, {.framing = parsed.head.framing}), text);
}

TEST(WriteResponse, SaysAReasonOfItsOwn) {
  EXPECT_EQ(written(parse_response_text("HTTP/1.1 404\r\n\r\n").head),
            "HTTP/1.1 404 Not Found\r\n\r\n");
  EXPECT_EQ(written(parse_response_text("HTTP/1.1 299\r\n\r\n").head), "HTTP/1.1 299 \r\n\r\n");
}

TEST(WriteResponse, KeepsTheLengthOfABodyThatIsNotSent) {
  const ParsedResponse head =
      parse_response_text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::Head);
  EXPECT_THAT(written(head.head, {.framing = head.head.framing}),
              HasSubstr("Content-Length: 5\r\n"));
  const ParsedResponse unchanged =
      parse_response_text("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
  EXPECT_THAT(written(unchanged.head), HasSubstr("Content-Length: 5\r\n"));
  const ParsedResponse empty =
      parse_response_text("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(written(empty.head), Not(HasSubstr("Content-Length")));
  const ParsedResponse interim =
      parse_response_text("HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\nLink: x\r\n\r\n");
  EXPECT_EQ(written(interim.head), "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
}

TEST(WriteResponse, AddsWhatBelongsToTheConnection) {
  const ParsedResponse parsed =
      parse_response_text("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(written(parsed.head, {.upgrade = parsed.head.headers.get(FieldName::Upgrade)}),
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
  const ParsedResponse plain = parse_response_text("HTTP/1.0 200 OK\r\n\r\n");
  EXPECT_EQ(written(plain.head, {.framing = {BodyEnd::Chunked, 0}, .keep_alive = true}),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(written(plain.head, {.framing = {BodyEnd::Close, 0}, .close = true}),
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}

TEST(WriteLastChunk, WritesTrailers) {
  Arena arena;
  Headers trailers;
  const auto text = [&] {
    std::string out(trailers_size(trailers), '\0');
    out.resize(write_last_chunk(out.data(), trailers));
    return out;
  };
  EXPECT_EQ(text(), "0\r\n\r\n");
  trailers.add(arena, "A", "b");
  trailers.add(arena, "Content-Length", "5");
  EXPECT_EQ(text(), "0\r\nA: b\r\n\r\n");
}

TEST(ReasonPhrase, KnowsTheUsualOnes) {
  EXPECT_EQ(reason_phrase(100), "Continue");
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(511), "Network Authentication Required");
  EXPECT_EQ(reason_phrase(306), "");
  EXPECT_EQ(reason_phrase(599), "");
  EXPECT_EQ(reason_phrase(0), "");
}

TEST(Methods, AreCaseSensitiveAndSomeAreIdempotent) {
  for (const Method method : {Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete,
                              Method::Connect, Method::Options, Method::Trace, Method::Patch})
    EXPECT_EQ(method_from(method_name(method)), method);
  EXPECT_EQ(method_from("get"), Method::Other);
  EXPECT_EQ(method_from(""), Method::Other);
  EXPECT_TRUE(is_idempotent(Method::Get));
  EXPECT_TRUE(is_idempotent(Method::Delete));
  EXPECT_FALSE(is_idempotent(Method::Post));
  EXPECT_FALSE(is_idempotent(Method::Other));
}

}  // namespace
}  // namespace weir::http::test
