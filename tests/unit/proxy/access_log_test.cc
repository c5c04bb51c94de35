// SPDX-License-Identifier: Apache-2.0
//
// Lines of the access log, byte for byte, and that nothing a peer sends makes them more than one line.
#include "proxy/access_log.h"

#include "base/text.h"
#include "http/failure.h"
#include "proxy/exchange.h"
#include "proxy/log_help.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace weir::proxy {
namespace {

std::unique_ptr<AccessLog> made(const std::string& format) {
  config::LogTarget target;
  target.to = config::LogTo::File;
  target.format = format;
  return AccessLog::make(target);
}

const std::string hostile("a\"b\\c\r\n\t\x01\x7f\0\xff\xe2\x80\xa8{}", 17);

void make_hostile(Exchange& exchange) {
  exchange.request.headers.clear();
  exchange.add(exchange.request, "User-Agent", hostile);
  exchange.add(exchange.request, "Referer", hostile);
  exchange.request.method_text = exchange.request.path = exchange.request.query = hostile;
  exchange.request.forward_path = exchange.request.target = hostile;
  exchange.request.host = exchange.record.client_addr = hostile;
}

TEST(AccessLog, IsNoneIfItIsOff) {
  config::LogTarget target;
  target.to = config::LogTo::Off;
  target.format = "json";
  EXPECT_EQ(AccessLog::make(target), nullptr);
}

TEST(AccessLog, Json) {
  Exchange exchange;
  exchange.record.failure = http::Failure::ReadTimeout;
  exchange.record.reused = true;
  const http::FailureTraits& failure = http::traits(exchange.record.failure);
  const std::string expected =
      "{\"time\":\"2026-11-21T02:00:00.123Z\",\"client\":\"2001:db8::7\",\"client_port\":4711,"
      "\"listener\":\"web\",\"route\":\"route_12\",\"backend\":\"api\",\"server\":\"a1\","
      "\"method\":\"GET\",\"host\":\"shop.example\",\"path\":\"/a/b\","
      "\"query\":\"x=1&name=J%C3%B6rg+M%2b&empty=\",\"protocol\":\"HTTP/1.1\",\"status\":200,"
      "\"failure\":\"" +
      std::string(failure.name) +
      "\",\"bytes_in\":120,\"bytes_out\":4567,\"attempts\":2,\"queue_ms\":1.000,"
      "\"connect_ms\":2.500,\"first_byte_ms\":6.301,\"total_ms\":12.345,\"user_agent\":\"curl/8\","
      "\"referer\":\"https://shop.example/\",\"request_id\":\"0123456789abcdeffedcba9876543210\","
      "\"retry_reason\":\"connect_refused\",\"forward_path\":\"/a/%62\","
      "\"target\":\"/./a/%62?x=1&name=J%C3%B6rg+M%2b&empty=\",\"reused\":true,\"reason\":\"" +
      std::string(failure.words) + "\"}";
  auto log = made("json");
  EXPECT_EQ(log->line(exchange.record), expected);
  EXPECT_EQ(log->line(exchange.record), expected) << "the second line is like the first";
}

TEST(AccessLog, JsonTellsOtherFormsOfThePathWhereTheyDiffer) {
  Exchange exchange;
  auto log = made("json");
  exchange.request.forward_path = "/a/b";
  exchange.request.target = "/a/b?x=1&name=J%C3%B6rg+M%2b&empty=";
  std::string line(log->line(exchange.record));
  EXPECT_EQ(line.find("forward_path"), std::string::npos);
  EXPECT_EQ(line.find("\"target"), std::string::npos);
  exchange.request.target = "http://shop.example/a/b?x=1&name=J%C3%B6rg+M%2b&empty=";
  line = log->line(exchange.record);
  EXPECT_NE(line.find(",\"target\":\"http://shop.example/a/b?x=1"), std::string::npos) << line;
  // What was refused may have no path at all.
  exchange.request.path = exchange.request.forward_path = exchange.request.query = {};
  exchange.request.has_query = false;
  exchange.request.target = "/%zz";
  line = log->line(exchange.record);
  EXPECT_NE(line.find("\"path\":\"\""), std::string::npos) << line;
  EXPECT_NE(line.find(",\"target\":\"/%zz\""), std::string::npos) << line;
}

TEST(AccessLog, JsonOfAConnectionThatSaidNothing) {
  const Record record;
  EXPECT_EQ(made("json")->line(record),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"client\":\"\",\"client_port\":0,"
            "\"listener\":\"\",\"route\":\"\",\"backend\":\"\",\"server\":\"\",\"method\":\"\","
            "\"host\":\"\",\"path\":\"\",\"query\":\"\",\"protocol\":\"\",\"status\":0,"
            "\"failure\":\"\",\"bytes_in\":0,\"bytes_out\":0,\"attempts\":0,\"queue_ms\":0.000,"
            "\"connect_ms\":0.000,\"first_byte_ms\":0.000,\"total_ms\":0.000,\"user_agent\":\"\","
            "\"referer\":\"\",\"request_id\":\"00000000000000000000000000000000\","
            "\"reused\":false,\"reason\":\"\"}");
}

TEST(AccessLog, Combined) {
  Exchange exchange;
  auto log = made("combined");
  EXPECT_EQ(log->line(exchange.record),
            "2001:db8::7 - - [21/Nov/2026:02:00:00 +0000] "
            "\"GET /./a/%62?x=1&name=J%C3%B6rg+M%2b&empty= HTTP/1.1\" 200 4000 "
            "\"https://shop.example/\" \"curl/8\"");
  exchange.request.headers.clear();
  exchange.request.target = "/a/b";
  exchange.record.client_addr = "unix:";
  exchange.record.status = 499;
  EXPECT_EQ(log->line(exchange.record),
            "unix: - - [21/Nov/2026:02:00:00 +0000] \"GET /a/b HTTP/1.1\" 499 4000 \"-\" \"-\"");
}

// The names of the members of an object without objects in it.
std::set<std::string> members(std::string_view line) {
  std::set<std::string> names;
  for (std::size_t at = line.find('"'); at != line.npos; at = line.find(",\"", at)) {
    at += line[at] == ',' ? 2 : 1;
    names.emplace(line.substr(at, line.find("\":", at) - at));
  }
  return names;
}

// With everything that a line may have, the manual lists its members, no more and no less.
TEST(AccessLog, ManualListsTheMembersOfJson) {
  Exchange exchange;
  exchange.record.retry_reason = "connect_refused";
  exchange.record.h2_stream = 3;
  Note notes[] = {{"limit", "logins"}};
  exchange.record.notes = notes;
  std::set<std::string> listed;
  for (const AccessField& field : access_fields()) {
    EXPECT_TRUE(listed.emplace(field.name).second) << field.name;
    EXPECT_FALSE(field.help.empty()) << field.name;
    EXPECT_NE(access_fields_mdoc().find(concat("\n.It Li ", field.name, " Pq ", field.type, "\n")),
              std::string::npos)
        << field.name;
  }
  std::set<std::string> written = members(made("json")->line(exchange.record));
  // There is no TLS connection to be had here; these are what it adds.
  for (const char* of_tls : {"tls_version", "tls_cipher", "tls_server_name", "tls_alpn",
                             "tls_resumed", "client_cert_subject"})
    EXPECT_TRUE(written.insert(of_tls).second) << of_tls;
  EXPECT_EQ(written, listed);
}

TEST(AccessLog, ManualListsEachFailure) {
  const std::string list = failures_mdoc();
  for (auto i = 1U; i < static_cast<unsigned>(http::Failure::Count); ++i) {
    const http::FailureTraits& failure = http::traits(static_cast<http::Failure>(i));
    const std::size_t entry = list.find(concat("\n.It Li ", failure.name, " Pq "));
    ASSERT_NE(entry, std::string::npos) << failure.name;
    const std::string text = list.substr(entry, list.find("\n.It ", entry + 1) - entry);
    if (failure.status != 0) {
      EXPECT_NE(text.find(std::to_string(failure.status)), std::string::npos) << text;
    }
    EXPECT_NE(text.find(failure.words.substr(0, 20)), std::string::npos) << text;
    if (!failure.error.empty()) {
      EXPECT_NE(text.find(failure.error), std::string::npos) << text;
    }
  }
  for (std::string_view line : split(list, '\n')) EXPECT_LE(line.size(), 80U) << line;
}

TEST(AccessLog, Text) {
  Exchange exchange;
  auto log = made("$status $$ $path|$header_cookie|$reason|$cookie_none!");
  EXPECT_EQ(log->line(exchange.record), "200 $ /a/b|sid=abc; theme=\\x22dark\\x22|-|-!");
  EXPECT_EQ(made("only text")->line(exchange.record), "only text");
  EXPECT_EQ(made("")->line(exchange.record), "");
}

TEST(AccessLog, NothingThatAPeerSendsBreaksALine) {
  Exchange exchange;
  make_hostile(exchange);
  for (const char* format :
       {"json", "combined", "$client_addr $host \"$method $request_uri\" \"$user_agent\" $query"}) {
    auto log = made(format);
    const std::string line(log->line(exchange.record));
    const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; };
    EXPECT_TRUE(std::none_of(line.begin(), line.end(), is_control)) << format << ": " << line;
  }
  const std::string escaped = "a\\x22b\\x5cc\\x0d\\x0a\\x09\\x01\\x7f\\x00\\xff\\xe2\\x80\\xa8{}";
  EXPECT_EQ(made("<$user_agent>")->line(exchange.record), "<" + escaped + ">");
  EXPECT_EQ(made("combined")->line(exchange.record),
            escaped + " - - [21/Nov/2026:02:00:00 +0000] \"" + escaped + " " + escaped +
                " HTTP/1.1\" 200 4000 \"" + escaped + "\" \"" + escaped + "\"");
}

// A parser would need a library: a JSON string ends at the first quote without a backslash before it.
TEST(AccessLog, JsonStaysJson) {
  Exchange exchange;
  make_hostile(exchange);
  const std::string line(made("json")->line(exchange.record));
  std::string outside;
  bool inside = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (inside && line[i] == '\\')
      ++i;
    else if (line[i] == '"')
      inside = !inside;
    else if (!inside)
      outside += line[i];
  }
  EXPECT_FALSE(inside);
  EXPECT_EQ(outside,
            "{:,:,:4711,:,:,:,:,:,:,:,:,:,:200,:,:120,:4567,:2,:1.000,:2.500,:6.301,:12.345,:,:,:,"
            ":,:,:false,:}");
  EXPECT_NE(line.find("a\\\"b\\\\c\\u000d\\u000a"), std::string::npos) << line;
}

}  // namespace
}  // namespace weir::proxy
