// SPDX-License-Identifier: Apache-2.0
//
// What each variable is worth, early and late in a request, and how texts with them become safe.
#include "proxy/variables.h"

#include <weir/version.h>

#include "proxy/exchange.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace weir::proxy {
namespace {

config::Template parsed(std::string_view text) {
  auto result = config::parse_template(text);
  EXPECT_TRUE(result) << text;
  return result ? *result : config::Template();
}

std::string expanded(std::string_view text, const Record& record) {
  Arena arena;
  return std::string(expand(parsed(text), record, arena));
}

const std::map<std::string_view, std::string_view> worth{
    {"$attempts", "2"},
    {"$retry_reason", "connect_refused"},
    {"$backend", "api"},
    {"$body_bytes_out", "4000"},
    {"$bytes_in", "120"},
    {"$bytes_out", "4567"},
    {"$client_addr", "2001:db8::7"},
    {"$client_port", "4711"},
    {"$cookie_sid", "abc"},
    {"$duration", "12.345"},
    {"$header_x_forwarded_for", "203.0.113.5"},
    {"$forward_path", "/a/%62"},
    {"$h2_stream", "7"},
    {"$host", "shop.example"},
    {"$listener", "web"},
    {"$method", "GET"},
    {"$path", "/a/b"},
    {"$protocol", "HTTP/1.1"},
    {"$query", "x=1&name=J%C3%B6rg+M%2b&empty="},
    {"$query_name", "J\xc3\xb6rg M+"},
    {"$reason", "connect_refused"},
    {"$referer", "https://shop.example/"},
    {"$request_id", "0123456789abcdeffedcba9876543210"},
    {"$request_uri", "/./a/%62?x=1&name=J%C3%B6rg+M%2b&empty="},
    {"$response_header_x_cache", "hit"},
    {"$route", "route_12"},
    {"$scheme", "http"},
    {"$server", "a1"},
    {"$server_addr", "192.0.2.9:80"},
    {"$status", "200"},
    {"$t_connect", "2.500"},
    {"$target", "/./a/%62?x=1&name=J%C3%B6rg+M%2b&empty="},
    {"$t_first_byte", "6.301"},
    {"$t_queue", "1.000"},
    {"$t_total", "12.345"},
    {"$time", "2026-11-21T02:00:00.123Z"},
    {"$client_cert_fingerprint", ""},
    {"$client_cert_names", ""},
    {"$client_cert_subject", ""},
    {"$tls_alpn", ""},
    {"$note_a", "left"},
    {"$tls_cipher", ""},
    {"$tls_resumed", ""},
    {"$tls_server_name", ""},
    {"$tls_version", ""},
    {"$user_agent", "curl/8"},
    {"$weir_version", version}};

TEST(ProxyVariables, EachHasItsWorth) {
  Exchange exchange;
  exchange.record.failure = http::Failure::ConnectRefused;
  exchange.record.h2_stream = 7;
  Note notes[] = {{"a", "left"}};
  exchange.record.notes = notes;
  for (const auto& [text, value] : worth) EXPECT_EQ(expanded(text, exchange.record), value) << text;
}

TEST(ProxyVariables, NoneIsForgottenHere) {
  for (const config::VariableKind& kind : config::variable_kinds()) {
    bool found = false;
    for (const auto& [text, value] : worth)
      found = found || parsed(text).parts[0].variable == kind.variable;
    EXPECT_TRUE(found) << kind.name;
  }
}

// Before a head was understood nothing is known but where and when.
TEST(ProxyVariables, AreEmptyOrZeroBeforeThereIsARequest) {
  Record record;
  for (const auto& [text, value] : worth) {
    const std::string now = expanded(text, record);
    if (text == "$scheme" || text == "$weir_version")
      EXPECT_EQ(now, value) << text;
    else if (text == "$time")
      EXPECT_EQ(now, "1970-01-01T00:00:00.000Z");
    else if (text == "$request_id")
      EXPECT_EQ(now, std::string(32, '0'));
    else if (text.starts_with("$t_") || text == "$duration")
      EXPECT_EQ(now, "0.000") << text;
    else
      EXPECT_TRUE(now.empty() || now == "0") << text << " " << now;
  }
}

TEST(ProxyVariables, OfPartsThatAreMissing) {
  Exchange exchange;
  for (const char* none : {"$cookie_none", "$header_none", "$query_none", "$query_empty",
                           "$response_header_none", "$response_header_referer", "$reason"})
    EXPECT_EQ(expanded(none, exchange.record), "") << none;
  EXPECT_EQ(expanded("$cookie_theme", exchange.record), "dark");
  EXPECT_EQ(expanded("$header_cookie", exchange.record), "sid=abc; theme=\"dark\"");
  exchange.request.protocol = Protocol::Http10;
  exchange.record.response = nullptr;
  EXPECT_EQ(expanded("$protocol|$response_header_x_cache", exchange.record), "HTTP/1.0|");
}

// Whatever form the target was sent in (RFC 9112 §3.2).
TEST(ProxyVariables, RequestUriIsPathAndQueryAsSent) {
  Exchange exchange;
  const char* rows[][2] = {
      {"/a%2fb/../c?", "/a%2fb/../c?"}, {"http://Host:80/a//b?q", "/a//b?q"}, {"https://host", "/"},
      {"http://host?q=/", "/?q=/"},     {"/x?u=http://y/", "/x?u=http://y/"}, {"*", "*"}};
  for (const auto& [target, uri] : rows) {
    exchange.request.target = target;
    EXPECT_EQ(expanded("$target $request_uri", exchange.record), std::string(target) + " " + uri);
  }
  exchange.request.method = Method::Connect;
  exchange.request.target = "a.example:443";
  EXPECT_EQ(expanded("$request_uri", exchange.record), "a.example:443");
}

// A client must not be able to name the host that a redirect leads to.
TEST(ProxyVariables, UrlsBeginWithNoMoreThanOneSlash) {
  Exchange exchange;
  const auto url = [&](const char* text) {
    Arena arena;
    return std::string(expand_url(parsed(text), exchange.record, arena));
  };
  for (const char* path : {"//evil.example/x", "/\\evil.example/x", "\\\\evil.example/x",
                           "///evil.example/x", "\\/\\/evil.example/x"}) {
    exchange.request.path = path;
    EXPECT_EQ(url("$path"), "/evil.example/x") << path;
    EXPECT_EQ(url("/$path"), "/evil.example/x") << path;
    EXPECT_EQ(url("$cookie_none$path"), "/evil.example/x") << path;
  }
  exchange.request.path = "/\\";
  EXPECT_EQ(url("$path$path"), "/");
  exchange.request.path = "//a//b";
  EXPECT_EQ(url("https://$host$path"), "https://shop.example//a//b");
  exchange.request.path = "\\a";
  EXPECT_EQ(url("$path"), "%5Ca");
}

TEST(ProxyVariables, TimesNeverRunBackwards) {
  Arena arena;
  EXPECT_EQ(milliseconds(0, 5'000, arena), "0.000");
  EXPECT_EQ(milliseconds(5'000, 0, arena), "0.000");
  EXPECT_EQ(milliseconds(5'000, 4'999, arena), "0.000");
  EXPECT_EQ(milliseconds(5'000, 5'000, arena), "0.000");
  EXPECT_EQ(milliseconds(5'000, 5'007, arena), "0.007");
  EXPECT_EQ(milliseconds(1, 1'000'001, arena), "1000.000");
  EXPECT_EQ(milliseconds(1, UINT64_MAX, arena), "18446744073709551.614");
}

TEST(ProxyVariables, TextsAreFilledIn) {
  Exchange exchange;
  EXPECT_EQ(expanded("", exchange.record), "");
  EXPECT_EQ(expanded("plain", exchange.record), "plain");
  EXPECT_EQ(expanded("$$5", exchange.record), "$5");
  EXPECT_EQ(expanded("https://$host/new$path?a=$status.", exchange.record),
            "https://shop.example/new/a/b?a=200.");
  EXPECT_EQ(expanded("$host$host", exchange.record), "shop.exampleshop.example");
}

TEST(ProxyVariables, FieldsHoldNoControls) {
  Exchange exchange;
  exchange.add(exchange.request, "X-A", std::string_view("a\r\nX-Evil: 1\0\x7f\t\xc3\xa4 \"", 20));
  Arena arena;
  EXPECT_EQ(expand_field(parsed("<$header_x_a>"), exchange.record, arena),
            "<aX-Evil: 1\t\xc3\xa4 \">");
  // An escape in the query is decoded before it is looked at.
  exchange.request.query = "next=%0d%0aSet-Cookie:x";
  EXPECT_EQ(expand_field(parsed("$query_next"), exchange.record, arena), "Set-Cookie:x");
}

TEST(ProxyVariables, UrlsHoldOnlyWhatAUrlMay) {
  Exchange exchange;
  exchange.request.query = "next=%0d%0a%20%22%3cb%3e%5c%23%c3%a4%7f/ok?a=b%2526";
  Arena arena;
  EXPECT_EQ(expand_url(parsed("/login?to=$query_next"), exchange.record, arena),
            "/login?to=%0D%0A%20%22%3Cb%3E%5C%23%C3%A4%7F/ok?a=b%26");
  // What the operator wrote stays as it is.
  EXPECT_EQ(expand_url(parsed("/<a>#$host"), exchange.record, arena), "/<a>#shop.example");
}

TEST(ProxyVariables, ValuesLiveInTheArena) {
  Exchange exchange;
  Arena arena;
  std::string_view value;
  {
    const config::Template text = parsed("$status of $path");
    value = expand(text, exchange.record, arena);
  }
  EXPECT_EQ(value, "200 of /a/b");
}

}  // namespace
}  // namespace weir::proxy
