// SPDX-License-Identifier: Apache-2.0
//
// Which client a trusted proxy speaks for, in each of the notations, and what is not believed.
#include "http/forwarding.h"
#include "http/messages.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http::test {
namespace {

constexpr std::uint8_t usual = ClientInForwardedFor | ProtoInForwardedProto;
constexpr std::uint8_t everything =
    usual | ClientInForwarded | ClientInRealIp | HostInForwardedHost;

// 10.1.* is trusted with everything, 10.2.* with addresses, 10.3.* with nothing it writes but Forwarded.
Hop find(const void*, std::string_view address) {
  if (address.empty() || address.find_first_not_of("0123456789abcdef.:") != address.npos) return {};
  if (address.starts_with("10.1.")) return {true, everything};
  if (address.starts_with("10.2.")) return {true, ClientInForwardedFor};
  if (address.starts_with("10.3.")) return {true, ClientInForwarded};
  return {true, 0};
}

// "address scheme authority", with "-" for what is not known.
std::string told(std::string_view lines, std::uint8_t bits) {
  ParsedRequest parsed = request_with(lines);
  EXPECT_EQ(parsed.failure, Failure::None) << lines;
  const NamedClient client =
      find_client(parsed.head.headers, {bits, {}}, find, nullptr, *parsed.arena);
  std::string text;
  for (const std::string_view part : {client.address, client.scheme, client.authority})
    text.append(text.empty() ? "" : " ").append(part.empty() ? "-" : part);
  if (client.malformed) text += " malformed";
  return text;
}

struct Row {
  const char* lines;
  const char* client;
};

TEST(NamedClient, IsTheRightmostAddressThatIsNoProxy) {
  const Row rows[] = {
      {"", "- - -"},
      {"X-Forwarded-For: 1.1.1.1\r\n", "1.1.1.1 - -"},
      {"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.1.0.1\r\n", "2.2.2.2 - -"},
      {"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 10.1.0.2,10.1.0.1\r\n", "1.1.1.1 - -"},
      {"X-Forwarded-For: 10.1.0.2, 10.1.0.1\r\n", "10.1.0.2 - -"},
      {"X-Forwarded-For: 1.1.1.1, evil, 10.1.0.1\r\n", "10.1.0.1 - -"},
      {"X-Forwarded-For: 1.1.1.1, unknown\r\n", "- - -"},
      {"X-Forwarded-For: 1.1.1.1:4711\r\n", "1.1.1.1 - -"},
      {"X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1 - -"},
      {"X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1 - -"},
      {"X-Forwarded-For: , 1.1.1.1 ,, \r\n", "1.1.1.1 - -"},
      {"X-Forwarded-For: [\r\n", "- - -"},
      {"X-Forwarded-For: []\r\n", "- - -"},
      // A proxy that is not known to overwrite this field has its client's.
      {"X-Forwarded-For: 1.1.1.1, 10.3.0.1\r\n", "10.3.0.1 - -"},
  };
  for (const Row& row : rows) EXPECT_EQ(told(row.lines, usual), row.client) << row.lines;
}

TEST(NamedClient, SchemeAndHostAreOfTheSameHop) {
  const Row rows[] = {
      {"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: B:8443\r\n",
       "1.1.1.1 https B:8443"},
      {"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.1.0.1\r\nX-Forwarded-Proto: ws, https, http\r\n"
       "X-Forwarded-Host: x, b, c\r\n",
       "2.2.2.2 https b"},
      // Overwritten on the way: what is left.
      {"X-Forwarded-For: 1.1.1.1, 10.1.0.2, 10.1.0.1\r\nX-Forwarded-Proto: WSS\r\n",
       "1.1.1.1 https -"},
      // 10.2.* is not trusted with the scheme: only what the peer itself has written counts.
      {"X-Forwarded-For: 1.1.1.1, 10.2.0.1\r\nX-Forwarded-Proto: https, http\r\n",
       "1.1.1.1 http -"},
      {"X-Forwarded-Proto: https\r\n", "- https -"},
      {"X-Forwarded-Proto: javascript\r\nX-Forwarded-Host: a b\r\n", "- - -"},
      {"X-Forwarded-Proto: https,\r\nX-Forwarded-Host: user@b\r\n", "- https -"},
  };
  for (const Row& row : rows) EXPECT_EQ(told(row.lines, everything), row.client) << row.lines;
}

TEST(NamedClient, IsReadFromForwardedFirst) {
  const Row rows[] = {
      {"Forwarded: for=1.1.1.1;proto=https;host=b\r\nX-Forwarded-For: 2.2.2.2\r\n",
       "1.1.1.1 https b"},
      {"forwarded: For=\"[2001:db8::1]:4711\" ; PROTO=HTTPS;host=\"b:1\"\r\n",
       "2001:db8::1 https b:1"},
      {"Forwarded: for=1.1.1.1;proto=https, for=10.3.0.1;proto=http\r\n", "1.1.1.1 https -"},
      {"Forwarded: for=1.1.1.1;proto=https\r\nForwarded: for=10.1.0.1;proto=http\r\n",
       "1.1.1.1 https -"},
      {"Forwarded: for=1.1.1.1;proto=https, for=10.2.0.1;proto=http\r\n", "10.2.0.1 http -"},
      // The nearest proxy hides its client, or does not know it: scheme and host are still its word.
      {"Forwarded: for=1.1.1.1, for=_secret;proto=https;host=b\r\n", "- https b"},
      {"Forwarded: for=1.1.1.1, proto=https;by=_me\r\n", "- https -"},
      {"Forwarded: for=\"1.1.1\\.1\";host=\"a\\\"b\"\r\n", "- - -"},
      {"Forwarded: for=1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: c\r\n",
       "1.1.1.1 https c"},
      {"Forwarded: ,\r\nX-Forwarded-For: 2.2.2.2\r\n", "2.2.2.2 - -"},
  };
  for (const Row& row : rows) EXPECT_EQ(told(row.lines, everything), row.client) << row.lines;
}

TEST(NamedClient, NothingOfAMalformedForwardedCounts) {
  for (const char* value :
       {"for=1.1.1.1, for=\"2.2.2.2", "for=1.1.1.1;for=2.2.2.2", "for", "for=", "=1.1.1.1",
        "for=1.1.1.1:80", "for=[2001:db8::1]", "for=1.1.1.1 proto=https", "for=\"a\"b",
        "for=\"1.1.1.1\\", "for=1.1.1.1;Proto=http;proto=https", "for = 1.1.1.1"})
    EXPECT_EQ(told(std::string("Forwarded: ") + value + "\r\n", ClientInForwarded),
              "- - - malformed")
        << value;
  std::string many = "Forwarded: for=1.1.1.1";
  for (int i = 0; i < 64; ++i) many += ",for=10.3.0.1";
  EXPECT_EQ(told(many + "\r\n", ClientInForwarded), "- - - malformed");
}

TEST(NamedClient, IsInXRealIpIfNothingElseSaysIt) {
  const Row rows[] = {
      {"X-Real-IP: 1.1.1.1\r\n", "1.1.1.1 - -"},
      {"X-Real-IP: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n", "2.2.2.2 - -"},
      {"X-Real-IP: 1.1.1.1\r\nX-Forwarded-For: unknown\r\n", "- - -"},
      {"X-Real-IP: 1.1.1.1\r\nx-real-ip: 2.2.2.2\r\n", "- - -"},
      {"X-Real-IP: 1.1.1.1, 2.2.2.2\r\n", "- - -"},
  };
  for (const Row& row : rows) EXPECT_EQ(told(row.lines, everything), row.client) << row.lines;
}

TEST(NamedClient, FieldsThatAreNotNamedAreTheClients) {
  const std::string lines =
      "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n"
      "Forwarded: for=2.2.2.2;proto=https;host=c\r\nX-Real-IP: 3.3.3.3\r\n";
  EXPECT_EQ(told(lines, 0), "- - -");
  EXPECT_EQ(told(lines, usual), "1.1.1.1 https -");
  EXPECT_EQ(told(lines, ClientInRealIp), "3.3.3.3 - -");
  EXPECT_EQ(told(lines, ClientInForwarded), "2.2.2.2 https c");
  EXPECT_EQ(told(lines, HostInForwardedHost), "- - b");
}

}  // namespace
}  // namespace weir::http::test
