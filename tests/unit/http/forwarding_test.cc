// SPDX-License-Identifier: Apache-2.0
//
// What servers are told about clients, and which of their claims are believed.
#include "http/forwarding.h"

#include "http/messages.h"

#include <gtest/gtest.h>

namespace weir::http::test {
namespace {

// The fields behind Host after forwarding.
std::string forwarded(std::string_view lines, const Forwarding& from) {
  ParsedRequest parsed = request_with(lines);
  EXPECT_EQ(parsed.failure, Failure::None);
  add_forwarding(parsed.head, *parsed.arena, from);
  const std::string text = written(parsed.head);
  const std::string_view start = "GET / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_TRUE(text.starts_with(start));
  return text.substr(start.size(), text.size() - start.size() - 2);
}

const Forwarding stranger{"192.0.2.1", "http", false};
const Forwarding friendly{"192.0.2.1", "https", true};
const std::string usual =
    "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nVia: 1.1 "
    "weir\r\n";

TEST(Forwarding, AddsToTheEnd) { EXPECT_EQ(forwarded("X: y\r\n", stranger), "X: y\r\n" + usual); }

TEST(Forwarding, BelievesNothingOfAStranger) {
  EXPECT_EQ(
      forwarded("X-Forwarded-For: 10.0.0.1\r\nx-forwarded-proto: https\r\nX-Forwarded-Host: b\r\n"
                "X-Forwarded-For: 10.0.0.2\r\nX-Forwarded-Port: 1\r\nX-FORWARDED-Prefix: /\r\n"
                "X-Real-IP: 10.0.0.3\r\nX-Real: 1\r\n",
                stranger),
      "X-Real: 1\r\n" + usual);
}

TEST(Forwarding, ContinuesTheListsOfAFriend) {
  EXPECT_EQ(forwarded("X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2, 10.0.0.3\r\n"
                      "X-Forwarded-Proto: http\r\nX-Forwarded-Host: b\r\nX-Forwarded-Port: 1\r\n"
                      "X-Real-IP: 10.0.0.3\r\n",
                      friendly),
            "X-Forwarded-Proto: http\r\nX-Forwarded-Host: b\r\nX-Forwarded-Port: 1\r\n"
            "X-Real-IP: 10.0.0.3\r\n"
            "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.1\r\nVia: 1.1 weir\r\n");
  EXPECT_EQ(forwarded("", friendly),
            "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n"
            "Via: 1.1 weir\r\n");
}

TEST(Forwarding, ContinuesVia) {
  const std::string text = forwarded("Via: 1.0 x\r\nVia: 1.1 y\r\n", stranger);
  EXPECT_TRUE(text.ends_with("Via: 1.0 x, 1.1 y, 1.1 weir\r\n")) << text;
  ParsedRequest old = parse_request_text("GET / HTTP/1.0\r\n\r\n");
  add_forwarding(old.head, *old.arena, stranger);
  EXPECT_EQ(old.head.headers.get(FieldName::Via), "1.0 weir");
  EXPECT_FALSE(old.head.headers.has(FieldName::XForwardedHost));
}

struct Element {
  const char* client;
  bool trusted;
  const char* value;
};

TEST(Forwarding, WritesForwardedIfThereIsOne) {
  const Element rows[] = {
      {"192.0.2.1", false, "for=192.0.2.1;host=\"a\";proto=http"},
      {"192.0.2.1", true, "for=_x, for=192.0.2.1;host=\"a\";proto=http"},
      {"2001:db8::1", false, "for=\"[2001:db8::1]\";host=\"a\";proto=http"},
      {"unix:", false, "for=unknown;host=\"a\";proto=http"},
      {"", false, "for=unknown;host=\"a\";proto=http"},
  };
  for (const Element& row : rows) {
    ParsedRequest parsed = request_with("Forwarded: for=_x\r\n");
    add_forwarding(parsed.head, *parsed.arena, {row.client, "http", row.trusted});
    EXPECT_EQ(parsed.head.headers.get(FieldName::Forwarded), row.value);
  }
}

// 10.* is ours, and what does not begin with a digit is no address.
Hop judge(const void*, std::string_view address) {
  if (address.empty() || address[0] < '0' || address[0] > '9') return Hop::Malformed;
  return address.starts_with("10.") ? Hop::Trusted : Hop::Untrusted;
}

struct Chain {
  const char* lines;
  const char* client;
};

TEST(EffectiveClient, IsTheRightmostOneThatIsNotOurs) {
  const Chain rows[] = {
      {"", ""},
      {"X-Forwarded-For: 1.1.1.1\r\n", "1.1.1.1"},
      {"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.0.0.1\r\n", "2.2.2.2"},
      {"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 10.0.0.2,10.0.0.1\r\n", "1.1.1.1"},
      {"X-Forwarded-For: 10.0.0.2, 10.0.0.1\r\n", "10.0.0.2"},
      {"X-Forwarded-For: 1.1.1.1, evil, 10.0.0.1\r\n", "10.0.0.1"},
      {"X-Forwarded-For: 1.1.1.1, unknown\r\n", ""},
      {"X-Forwarded-For: 1.1.1.1:4711\r\n", "1.1.1.1"},
      {"X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1"},
      {"X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"},
      {"X-Forwarded-For: , 1.1.1.1 ,, \r\n", "1.1.1.1"},
      {"X-Forwarded-For: [\r\n", ""},
      {"X-Forwarded-For: []\r\n", ""},
  };
  for (const Chain& row : rows) {
    const ParsedRequest parsed = request_with(row.lines);
    EXPECT_EQ(effective_client(parsed.head.headers, judge, nullptr), row.client) << row.lines;
  }
}

}  // namespace
}  // namespace weir::http::test
