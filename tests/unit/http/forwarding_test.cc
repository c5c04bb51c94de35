// SPDX-License-Identifier: Apache-2.0
//
// What servers are told about clients.
#include "http/forwarding.h"

#include "http/messages.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::http::test {
namespace {

const std::vector<std::string> others = {"x-forwarded-port", "x-forwarded-prefix"};
constexpr std::uint8_t all_bits = ClientInForwardedFor | ClientInForwarded | ClientInRealIp |
                                  ProtoInForwardedProto | HostInForwardedHost;

// The fields behind Host after forwarding.
std::string forwarded(std::string_view lines, const Forwarding& from) {
  ParsedRequest parsed = request_with(lines);
  EXPECT_EQ(parsed.failure, Failure::None);
  set_forwarding(parsed.head, *parsed.arena, from);
  const std::string text = written(parsed.head);
  const std::string_view start = "GET / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_TRUE(text.starts_with(start));
  return text.substr(start.size(), text.size() - start.size() - 2);
}

const Forwarding stranger{"192.0.2.1", "http", {}, {}};
const std::string usual =
    "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nVia: 1.1 "
    "weir\r\n";

Forwarding trusted_with(std::uint8_t bits, NamedClient client = {}) {
  return {"192.0.2.1", "http", {bits, {}}, client};
}

TEST(Forwarding, AddsToTheEnd) { EXPECT_EQ(forwarded("X: y\r\n", stranger), "X: y\r\n" + usual); }

TEST(Forwarding, BelievesNothingOfAStranger) {
  EXPECT_EQ(
      forwarded("X-Forwarded-For: 10.0.0.1\r\nx-forwarded-proto: https\r\nX-Forwarded-Host: b\r\n"
                "X-Forwarded-For: 10.0.0.2\r\nX-Forwarded-Port: 1\r\nX-FORWARDED-Prefix: /\r\n"
                "X-Real-IP: 10.0.0.3\r\nX-Real: 1\r\n",
                stranger),
      "X-Real: 1\r\n" + usual);
}

TEST(Forwarding, ContinuesOnlyTheListsThatAreTrusted) {
  const std::string lines =
      "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2, 10.0.0.3\r\n"
      "Forwarded: for=_x\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /p\r\nX-Real-IP: "
      "10.0.0.3\r\n";
  EXPECT_EQ(
      forwarded(lines, trusted_with(ClientInForwardedFor)),
      "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"
      "X-Forwarded-Host: a\r\nForwarded: for=192.0.2.1;host=\"a\";proto=http\r\nVia: 1.1 weir\r\n");
  Forwarding all = trusted_with(all_bits);
  all.trusted.others = std::span(others).first(1);
  EXPECT_EQ(
      forwarded(lines, all),
      "X-Forwarded-Port: 1\r\nX-Real-IP: 10.0.0.3\r\n"
      "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"
      "X-Forwarded-Host: a\r\nForwarded: for=_x, for=192.0.2.1;host=\"a\";proto=http\r\n"
      "Via: 1.1 weir\r\n");
}

TEST(Forwarding, TellsSchemeAndHostOfTheClient) {
  const NamedClient client{"203.0.113.5", "https", "b:8443", "Forwarded", false};
  EXPECT_EQ(
      forwarded(
          "X-Forwarded-Proto: http, https\r\nX-Forwarded-Host: c\r\nX-Forwarded-For: 1.1.1.1\r\n",
          trusted_with(ClientInForwarded, client)),
      "X-Forwarded-For: 203.0.113.5, 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"
      "X-Forwarded-Host: b:8443\r\nVia: 1.1 weir\r\n");
}

// The address of a Unix socket's client is not known: it is left out, never written as something else.
TEST(Forwarding, AUnixSocketHasNoAddress) {
  const Forwarding local{"", "http", {}, {}};
  EXPECT_EQ(forwarded("X-Forwarded-For: 10.0.0.1\r\nForwarded: for=x\r\n", local),
            "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
            "Forwarded: for=unknown;host=\"a\";proto=http\r\nVia: 1.1 weir\r\n");
  Forwarding trusted = local;
  trusted.trusted.bits = ClientInForwardedFor | ClientInForwarded;
  EXPECT_EQ(forwarded("X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\n", trusted),
            "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
            "Forwarded: for=10.0.0.1\r\nVia: 1.1 weir\r\n");
}

TEST(Forwarding, ContinuesVia) {
  const std::string text = forwarded("Via: 1.0 x\r\nVia: 1.1 y\r\n", stranger);
  EXPECT_TRUE(text.ends_with("Via: 1.0 x, 1.1 y, 1.1 weir\r\n")) << text;
  ParsedRequest old = parse_request_text("GET / HTTP/1.0\r\n\r\n");
  set_forwarding(old.head, *old.arena, stranger);
  EXPECT_EQ(old.head.headers.get(FieldName::Via), "1.0 weir");
  EXPECT_FALSE(old.head.headers.has(FieldName::XForwardedHost));
}

struct Element {
  Forwarding from;
  const char* value;
};

TEST(Forwarding, WritesForwardedIfThereIsOne) {
  const NamedClient known{"203.0.113.5", "https", "", "X-Forwarded-For", false};
  NamedClient malformed;
  malformed.malformed = true;
  const Element rows[] = {
      {{"192.0.2.1", "http", {}, {}}, "for=192.0.2.1;host=\"a\";proto=http"},
      {{"2001:db8::1", "http", {}, {}}, "for=\"[2001:db8::1]\";host=\"a\";proto=http"},
      {{"", "https", {}, {}}, "for=unknown;host=\"a\";proto=https"},
      {trusted_with(ClientInForwarded), "for=_x, for=192.0.2.1;host=\"a\";proto=http"},
      // What is malformed is not continued: it could swallow our element into its quotes.
      {trusted_with(ClientInForwarded, malformed), "for=192.0.2.1;host=\"a\";proto=http"},
      {trusted_with(ClientInForwardedFor, known),
       "for=203.0.113.5;host=\"a\";proto=https, for=192.0.2.1;host=\"a\";proto=http"},
  };
  for (const Element& row : rows) {
    ParsedRequest parsed = request_with("Forwarded: for=_x\r\n");
    set_forwarding(parsed.head, *parsed.arena, row.from);
    EXPECT_EQ(parsed.head.headers.get(FieldName::Forwarded), row.value);
  }
}

}  // namespace
}  // namespace weir::http::test
