// SPDX-License-Identifier: Apache-2.0
//
// What the parser makes of good messages, and the limits and cuts of the scanner.  What it refuses is
// in hostile_test.cc.
#include "http/h1_parser.h"

#include "http/field_lines.h"
#include "http/messages.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace weir::http::test {
namespace {

using State = HeadScanner::State;

TEST(HeadScanner, FindsTheEndInAnyPieces) {
  const std::string head =
      "GET / HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n";
  const std::string bytes = head + "body\n\n\0rest";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    HeadScanner scanner;
    EXPECT_FALSE(scanner.has_begun());
    std::size_t seen = 0;
    State state = State::Incomplete;
    while (state == State::Incomplete && seen < bytes.size()) {
      seen = std::min(seen + piece, bytes.size());
      state = scanner.scan({bytes.data(), seen}, {}, true);
      EXPECT_TRUE(scanner.has_begun());
      EXPECT_EQ(state == State::Incomplete, seen < head.size());
    }
    EXPECT_EQ(state, State::Complete) << piece;
    EXPECT_EQ(scanner.length(), head.size());
  }
}

TEST(HeadScanner, ForgivesOneEmptyLineBeforeARequestOnly) {
  HeadScanner scanner;
  const std::string request = "\r\nGET / HTTP/1.1\r\n\r\n";
  EXPECT_EQ(scanner.scan(request, {}, true), State::Complete);
  EXPECT_EQ(scanner.length(), request.size());
  scanner.reset();
  EXPECT_EQ(scanner.scan(std::string_view("\r\nHTTP/1.1 200 OK\r\n\r\n"), {}, false),
            State::Failed);
  EXPECT_EQ(scanner.failure(), Failure::ResponseSyntax);
  scanner.reset();
  EXPECT_EQ(scanner.scan(std::string_view("\r\n\r\n"), {}, true), State::Failed);
  EXPECT_EQ(scanner.failure(), Failure::RequestSyntax);
}

TEST(HeadScanner, TrailersMayBeEmpty) {
  HeadScanner scanner;
  EXPECT_EQ(scanner.scan_trailers(std::string_view("\r"), {}, true), State::Incomplete);
  EXPECT_EQ(scanner.scan_trailers(std::string_view("\r\nnext"), {}, true), State::Complete);
  EXPECT_EQ(scanner.length(), 2u);
  scanner.reset();
  EXPECT_EQ(scanner.scan_trailers(std::string_view("A: b\r\n\r\n"), {}, true), State::Complete);
  EXPECT_EQ(scanner.length(), 8u);
  scanner.reset();
  EXPECT_EQ(scanner.scan_trailers(std::string_view("A: b\n"), {}, false), State::Failed);
  EXPECT_EQ(scanner.failure(), Failure::ResponseSyntax);
}

struct Limit {
  const char* what;
  std::string bytes;
  Failure failure;  ///< None: complete
};

TEST(HeadScanner, LimitsAreExactAndTheSameForAllCuts) {
  const HeadLimits limits{.line = 40, .total = 120, .fields = 3};
  const std::string start = "GET /";
  const std::string version = " HTTP/1.1";
  const auto line = [&](std::size_t size) {
    return start + std::string(size - start.size() - version.size(), 'a') + version + "\r\n";
  };
  const auto field = [](std::size_t size) { return "X: " + std::string(size - 3, 'a') + "\r\n"; };
  const Limit rows[] = {
      {"longest line", line(40) + "\r\n", Failure::None},
      {"line too long", line(41) + "\r\n", Failure::RequestLineTooLong},
      {"line too long by its LF", line(42) + "\n\r\n", Failure::RequestLineTooLong},
      {"line without end", start + std::string(38, 'a'), Failure::RequestLineTooLong},
      {"method without end", std::string(60, 'G'), Failure::RequestMethodTooLong},
      {"no method", "G\x01" + std::string(60, 'a'), Failure::RequestSyntax},
      {"version too long", "GET /aaaaa HTTP/" + std::string(40, '1') + "\r\n",
       Failure::RequestSyntax},
      {"longest field", line(20) + field(40) + "\r\n", Failure::None},
      {"field too long", line(20) + field(41) + "\r\n", Failure::RequestHeadTooLarge},
      {"field without end", line(20) + std::string(43, 'a'), Failure::RequestHeadTooLarge},
      {"most fields", line(20) + field(5) + field(5) + field(5) + "\r\n", Failure::None},
      {"too many fields", line(20) + field(5) + field(5) + field(5) + field(5) + "\r\n",
       Failure::RequestHeadTooLarge},
      {"largest head", line(40) + field(38) + field(34) + "\r\n", Failure::None},
      {"head too large", line(40) + field(38) + field(35) + "\r\n", Failure::RequestHeadTooLarge},
      {"late NUL", start + std::string(37, 'a') + std::string(1, '\0'),
       Failure::RequestLineTooLong},
      {"early NUL", start + std::string(1, '\0') + std::string(90, 'a'), Failure::RequestSyntax},
  };
  for (const Limit& row : rows) {
    for (std::size_t piece = 1; piece <= row.bytes.size(); ++piece) {
      HeadScanner scanner;
      State state = State::Incomplete;
      for (std::size_t end = piece; state == State::Incomplete; end += piece) {
        const std::size_t seen = std::min(end, row.bytes.size());
        state = scanner.scan({row.bytes.data(), seen}, limits, true);
        if (seen == row.bytes.size()) break;
      }
      EXPECT_EQ(state, row.failure == Failure::None ? State::Complete : State::Failed) << row.what;
      EXPECT_EQ(scanner.failure(), row.failure) << row.what << " in pieces of " << piece;
    }
  }
}

// Where the head ends and what is wrong with it, with all that there is, or a byte at a time.
std::string verdict(const std::string& bytes, const HeadLimits& limits, bool is_request,
                    bool whole) {
  HeadScanner scanner;
  State state = State::Incomplete;
  for (std::size_t end = whole ? bytes.size() : 1;
       state == State::Incomplete && end <= bytes.size(); ++end)
    state = scanner.scan({bytes.data(), end}, limits, is_request);
  if (state == State::Incomplete) return "incomplete";
  return state == State::Complete
             ? std::to_string(scanner.length())
             : "failed: " + std::to_string(static_cast<int>(scanner.failure()));
}

TEST(HeadScanner, AnyTextIsJudgedWholeAsByteByByte) {
  const std::string_view pieces[] = {"\r\n",
                                     "\r\n",
                                     "\r\n\r\n",
                                     "\r",
                                     "\n",
                                     std::string_view("\0", 1),
                                     "a",
                                     "X: y",
                                     "GET / HTTP/1.1",
                                     "a long value of thirty bytes..",
                                     "\t"};
  std::mt19937 random(11);
  const auto below = [&random](std::uint32_t end) {
    return static_cast<std::uint32_t>(random() % end);
  };
  std::size_t complete = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string bytes;
    // Most rounds leave out what is odd, or there would hardly be a long head.
    const bool is_plain = round % 4 != 0;
    for (auto count = below(12); count > 0; --count) {
      const auto plain = std::array<std::size_t, 6>{0, 7, 8, 9, 6, 2}[below(6)];
      bytes += pieces[is_plain ? plain : below(std::size(pieces))];
      if (is_plain && plain != 2 && below(2) == 0) bytes += "\r\n";
    }
    const HeadLimits limits{.line = 60 + below(40), .total = 100 + below(100), .fields = below(7)};
    const bool is_request = below(2) == 0;
    const std::string judged = verdict(bytes, limits, is_request, true);
    ASSERT_EQ(judged, verdict(bytes, limits, is_request, false)) << testing::PrintToString(bytes);
    complete += judged.front() != 'i' && judged.front() != 'f';
  }
  EXPECT_GT(complete, 10'000U);
}

TEST(ParseRequest, UnderstandsAUsualHead) {
  const ParsedRequest parsed = parse_request_text(
      "POST /a/./b%2fc?x=1&y HTTP/1.1\r\n"
      "Host: WWW.Example.com:8080\r\n"
      "Content-Length:  5 \r\n"
      "Accept: */*\r\n\r\n");
  ASSERT_EQ(parsed.failure, Failure::None);
  const RequestHead& head = parsed.head;
  EXPECT_EQ(head.method, Method::Post);
  EXPECT_EQ(head.method_text, "POST");
  EXPECT_EQ(head.target, "/a/./b%2fc?x=1&y");
  EXPECT_EQ(head.path, "/a/b%2Fc");
  EXPECT_EQ(head.forward_path, "/a/b%2fc");
  EXPECT_TRUE(head.has_path_readings);
  EXPECT_TRUE(head.has_query);
  EXPECT_EQ(head.query, "x=1&y");
  EXPECT_EQ(head.authority, "WWW.Example.com:8080");
  EXPECT_EQ(head.host, "www.example.com");
  EXPECT_EQ(head.headers.get(FieldName::Host), "WWW.Example.com:8080");
  EXPECT_EQ(head.framing.end, BodyEnd::Length);
  EXPECT_EQ(head.framing.length, 5u);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_EQ(head.headers.size(), 3u);
  EXPECT_TRUE(head.headers.fields()[0].canonical);
  EXPECT_FALSE(head.headers.fields()[1].canonical);
  EXPECT_EQ(head.headers.fields()[1].value, "5");
  EXPECT_TRUE(head.headers.fields()[2].canonical);
}

TEST(ParseRequest, TellsEmptyQueryFromNone) {
  EXPECT_FALSE(parse_request_text("GET /a HTTP/1.1\r\nHost: a\r\n\r\n").head.has_query);
  const ParsedRequest parsed = parse_request_text("GET /a? HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(parsed.head.has_query);
  EXPECT_EQ(parsed.head.query, "");
}

TEST(ParseRequest, UnderstandsTheFourForms) {
  const ParsedRequest absolute =
      parse_request_text("GET HTTPS://a.example:443/x HTTP/1.1\r\nHost: A.example\r\n\r\n");
  ASSERT_EQ(absolute.failure, Failure::None);
  EXPECT_EQ(absolute.head.path, "/x");
  EXPECT_EQ(absolute.head.host, "a.example");
  const ParsedRequest bare = parse_request_text("GET http://a HTTP/1.0\r\n\r\n");
  ASSERT_EQ(bare.failure, Failure::None);
  EXPECT_EQ(bare.head.path, "/");
  EXPECT_EQ(bare.head.host, "a");
  const ParsedRequest server = parse_request_text("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(server.head.path, "*");
  const ParsedRequest tunnel =
      parse_request_text("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n");
  ASSERT_EQ(tunnel.failure, Failure::None);
  EXPECT_EQ(tunnel.head.authority, "a.example:443");
  EXPECT_EQ(tunnel.head.host, "a.example");
  EXPECT_TRUE(tunnel.head.wants_upgrade);
  EXPECT_EQ(parse_request_text("CONNECT a.example:443 HTTP/1.1\r\nHost: b\r\n\r\n").failure,
            Failure::RequestHost);
}

// What is refused is logged with what could be understood of it.
TEST(ParseRequest, KeepsMethodTargetAndHostOfWhatIsRefused) {
  const ParsedRequest target = parse_request_text("GET /%zz?q HTTP/1.1\r\nHost: A.b:1\r\n\r\n");
  EXPECT_EQ(target.failure, Failure::RequestTarget);
  EXPECT_EQ(target.head.method_text, "GET");
  EXPECT_EQ(target.head.target, "/%zz?q");
  EXPECT_EQ(target.head.host, "a.b");
  const ParsedRequest host = parse_request_text("GET /x HTTP/1.1\r\nHost: a b\r\n\r\n");
  EXPECT_EQ(host.failure, Failure::RequestHost);
  EXPECT_EQ(host.head.target, "/x");
  EXPECT_EQ(host.head.host, "");
}

struct Persistence {
  const char* version;
  const char* connection;
  bool keep_alive;
};

TEST(ParseRequest, KnowsWhetherTheConnectionStays) {
  const Persistence rows[] = {
      {"1.1", "", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "Connection: CLOSE\r\n", false},
      {"1.1", "Connection: keep-alive, close\r\n", false},
      {"1.1", "Connection: keep-alive\r\nConnection: x, close\r\n", false},
      {"1.1", "Connection: closed\r\n", true},
      {"1.9", "", true},
      {"1.0", "", false},
      {"1.0", "Connection: keep-alive\r\n", true},
      {"1.0", "Connection: Keep-Alive, close\r\n", false},
      {"1.0", "Proxy-Connection: keep-alive\r\n", false},
  };
  for (const Persistence& row : rows) {
    const std::string fields =
        std::string(row.version) + "\r\nHost: a\r\n" + row.connection + "\r\n";
    const ParsedRequest request = parse_request_text("GET / HTTP/" + fields);
    ASSERT_EQ(request.failure, Failure::None) << fields;
    EXPECT_EQ(request.head.keep_alive, row.keep_alive) << fields;
    const ParsedResponse response =
        parse_response_text("HTTP/" + std::string(row.version) +
                            " 200 OK\r\nContent-Length: 0\r\n" + row.connection + "\r\n");
    ASSERT_EQ(response.failure, Failure::None) << fields;
    EXPECT_EQ(response.head.keep_alive, row.keep_alive) << fields;
  }
}

TEST(ParseRequest, RemovesWhatConnectionNames) {
  const ParsedRequest parsed = request_with(
      "X-Private: 1\r\nConnection: x-private, te, Keep-Alive\r\nx-PRIVATE: 2\r\nTE: trailers\r\n"
      "X-Public: 3\r\n");
  ASSERT_EQ(parsed.failure, Failure::None);
  EXPECT_EQ(parsed.head.headers.find("X-Private"), nullptr);
  EXPECT_NE(parsed.head.headers.find("X-Public"), nullptr);
  EXPECT_TRUE(parsed.head.headers.has(FieldName::Te));
}

TEST(ParseRequest, DropsAndCountsUnderscores) {
  const ParsedRequest parsed = request_with("X_Real_IP: 1\r\nA: b\r\n_: c\r\n");
  ASSERT_EQ(parsed.failure, Failure::None);
  EXPECT_EQ(parsed.head.dropped_fields, 2);
  EXPECT_EQ(parsed.head.headers.size(), 2u);
}

TEST(ParseRequest, KnowsWhoWantsAnotherProtocol) {
  EXPECT_TRUE(request_with("Connection: Upgrade\r\nUpgrade: websocket\r\n").head.wants_upgrade);
  EXPECT_TRUE(request_with("Upgrade: a/1, b\r\nConnection: x, upgrade\r\n").head.wants_upgrade);
  EXPECT_FALSE(request_with("Upgrade: websocket\r\n").head.wants_upgrade);
  EXPECT_FALSE(request_with("Connection: upgrade\r\n").head.wants_upgrade);
  const ParsedRequest old =
      parse_request_text("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_FALSE(old.head.wants_upgrade);
  const ParsedRequest h2c =
      request_with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n");
  EXPECT_FALSE(h2c.head.wants_upgrade);
  EXPECT_FALSE(h2c.head.headers.has(FieldName::Upgrade));
  EXPECT_EQ(h2c.head.headers.find("HTTP2-Settings"), nullptr);
}

TEST(ParseRequest, ContinuesOnlyForBodiesOfHttp11) {
  const std::string fields = "Host: a\r\nExpect: 100-Continue\r\n";
  const auto expects = [](const std::string& text) {
    const ParsedRequest parsed = parse_request_text(text);
    EXPECT_EQ(parsed.failure, Failure::None);
    return parsed.head.expects_continue;
  };
  EXPECT_TRUE(expects("PUT / HTTP/1.1\r\n" + fields + "Content-Length: 1\r\n\r\n"));
  EXPECT_TRUE(expects("PUT / HTTP/1.1\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n"));
  EXPECT_FALSE(expects("PUT / HTTP/1.1\r\n" + fields + "\r\n"));
  EXPECT_FALSE(expects("PUT / HTTP/1.0\r\n" + fields + "Content-Length: 1\r\n\r\n"));
}

TEST(ParseRequest, RefusesMoreFieldsThanItHasRoomFor) {
  std::string fields;
  for (std::size_t i = 1; i < FieldLines::most; ++i) fields += "A: b\r\n";
  EXPECT_EQ(request_with(fields).failure, Failure::None);
  EXPECT_EQ(request_with(fields + "A: b\r\n").failure, Failure::RequestHeadTooLarge);
}

TEST(ParseRequest, RefusesWhatDoesNotEndWhereItSays) {
  for (const char* text :
       {"", "\r\n", "G", "GET", "GET ", "GET /", "GET / HTTP/1.1", "GET / HTTP/1.1\r",
        "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a", "GET / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r", "GET / HTTP/1.1\r\nHost: a\r\n\r\nX"})
    EXPECT_EQ(parse_request_text(text).failure, Failure::RequestSyntax) << text;
}

struct ResponseBody {
  const char* status;
  const char* fields;
  Method request;
  BodyEnd end;
  std::uint64_t length;
};

TEST(ParseResponse, KnowsHowTheBodyEnds) {
  const ResponseBody rows[] = {
      {"200 OK", "Content-Length: 7\r\n", Method::Get, BodyEnd::Length, 7},
      {"200 OK", "Content-Length: 0\r\n", Method::Get, BodyEnd::Length, 0},
      {"200 OK", "Transfer-Encoding: chunked\r\n", Method::Get, BodyEnd::Chunked, 0},
      {"200 OK", "", Method::Get, BodyEnd::Close, 0},
      {"200 OK", "Content-Length: 7\r\n", Method::Head, BodyEnd::None, 0},
      {"200 OK", "", Method::Head, BodyEnd::None, 0},
      {"204 No Content", "", Method::Get, BodyEnd::None, 0},
      {"304 Not Modified", "Content-Length: 7\r\n", Method::Get, BodyEnd::None, 0},
      {"100 Continue", "", Method::Post, BodyEnd::None, 0},
      {"101 Switching Protocols", "Upgrade: x\r\n", Method::Get, BodyEnd::None, 0},
      {"200 OK", "", Method::Connect, BodyEnd::None, 0},
      {"200 OK", "Content-Length: 7\r\n", Method::Connect, BodyEnd::None, 0},
      {"407 No", "Content-Length: 7\r\n", Method::Connect, BodyEnd::Length, 7},
  };
  for (const ResponseBody& row : rows) {
    const ParsedResponse parsed = parse_response_text(
        std::string("HTTP/1.1 ") + row.status + "\r\n" + row.fields + "\r\n", row.request);
    ASSERT_EQ(parsed.failure, Failure::None) << row.status;
    EXPECT_EQ(parsed.head.framing.end, row.end) << row.status << row.fields;
    EXPECT_EQ(parsed.head.framing.length, row.length) << row.status << row.fields;
    EXPECT_EQ(parsed.head.keep_alive,
              row.end != BodyEnd::Close && (row.request != Method::Connect ||
                                            row.fields[0] == '\0' || row.end == BodyEnd::Length));
  }
}

// In HTTP/1 nobody speaks HTTP/2, whatever the line says.
TEST(ParseRequest, KnowsWhatItCameBy) {
  struct Row {
    const char* version;
    Failure failure;
    Protocol protocol;
  };
  for (const Row& row : {Row{"HTTP/1.0", Failure::None, Protocol::Http10},
                         Row{"HTTP/1.1", Failure::None, Protocol::Http11},
                         Row{"HTTP/1.9", Failure::None, Protocol::Http11},
                         Row{"HTTP/2.0", Failure::RequestVersion, Protocol::Http11},
                         Row{"HTTP/3.0", Failure::RequestVersion, Protocol::Http11},
                         Row{"HTTP/0.9", Failure::RequestSyntax, Protocol::Http11}}) {
    const ParsedRequest parsed =
        parse_request_text("GET / " + std::string(row.version) + "\r\nHost: a\r\n\r\n");
    EXPECT_EQ(parsed.failure, row.failure) << row.version;
    EXPECT_EQ(parsed.head.protocol, row.protocol) << row.version;
  }
}

TEST(ParseResponse, KeepsStatusAndReason) {
  const ParsedResponse parsed =
      parse_response_text("HTTP/1.0 503 Not  now\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(parsed.failure, Failure::None);
  EXPECT_EQ(parsed.head.status, 503);
  EXPECT_EQ(parsed.head.reason, "Not  now");
  EXPECT_EQ(parsed.head.protocol, Protocol::Http10);
  EXPECT_FALSE(parsed.head.is_interim());
  EXPECT_TRUE(parse_response_text("HTTP/1.1 103 Early\r\n\r\n").head.is_interim());
}

TEST(ParseResponse, RefusesWhatDoesNotEndWhereItSays) {
  for (const char* text : {"", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 200",
                           "HTTP/1.1 200\r", "HTTP/1.1 200\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n"})
    EXPECT_EQ(parse_response_text(text).failure, Failure::ResponseSyntax) << text;
}

TEST(ParseTrailers, KeepsOnlyWhatMayStandThere) {
  std::string text =
      "X-Checksum: 1\r\nContent-Length: 5\r\nHost: b\r\nAuthorization: c\r\nX-Forwarded-For: d\r\n"
      "Connection: e\r\nCache-Control: f\r\nIf-Match: g\r\nX_Y: h\r\nContent-Disposition: i\r\n"
      "Grpc-Status: 0\r\n\r\n";
  Arena arena;
  Headers trailers;
  ASSERT_EQ(parse_trailers(text, arena, trailers), Failure::None);
  ASSERT_EQ(trailers.size(), 2u);
  EXPECT_EQ(trailers.fields()[0].name, "X-Checksum");
  EXPECT_EQ(trailers.fields()[1].name, "Grpc-Status");
}

}  // namespace
}  // namespace weir::http::test
