// SPDX-License-Identifier: Apache-2.0
//
// Every message of tests/hostile comes to what its line says, in whatever pieces it arrives; and what
// is forwarded of those that pass is read in the same way again, with nothing hop-by-hop in it.
#include "http/field.h"
#include "http/messages.h"
#include "http/path_readings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace weir::http::test {
namespace {

constexpr std::size_t pieces[] = {1, 2, 3, 7, 64, 1'000'000};

bool hides_something(const RequestHead& head) {
  Arena arena;
  const Path path{head.path, head.forward_path, head.has_path_readings};
  return find_hidden(path, arena) != Hidden::Nothing;
}

std::string outcome_of(const Reading& reading, const ParsedRequest& parsed) {
  if (reading.failure != Failure::None) return std::to_string(traits(reading.failure).status);
  if (!reading.complete) return "408";
  return hides_something(parsed.head) ? "hidden" : "pass";
}

std::string outcome_of(const Reading& reading, const ParsedResponse& parsed) {
  const Blame blame = traits(reading.failure).blame;
  if (!reading.has_head) {
    EXPECT_TRUE(reading.failure == Failure::None || blame == Blame::Server);
    return "502";
  }
  if (parsed.head.framing.end == BodyEnd::Close) return "end";
  return reading.complete ? std::to_string(parsed.head.status) : "cut";
}

void expect_same_fields(const Headers& a, const Headers& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a.fields()[i].name, b.fields()[i].name);
    EXPECT_EQ(a.fields()[i].value, b.fields()[i].value);
  }
}

// What is forwarded has one meaning: it is read back as it was understood, and writing that again
// changes no byte.
void expect_forwarded_faithfully(const RequestHead& head) {
  const std::string once = written(head, {.framing = head.framing});
  if (head.authority.empty()) {
    // Only HTTP/1.0 may leave out Host; the server then gets an empty one (RFC 9112 §3.2).
    EXPECT_NE(once.find("\r\nHost: \r\n"), std::string::npos);
    return;
  }
  const ParsedRequest again = parse_request_text(once);
  ASSERT_EQ(again.failure, Failure::None) << once;
  EXPECT_EQ(again.head.method_text, head.method_text);
  EXPECT_EQ(again.head.path, head.path);
  EXPECT_EQ(again.head.forward_path, head.forward_path);
  EXPECT_EQ(again.head.query, head.query);
  EXPECT_EQ(again.head.host, head.host);
  EXPECT_EQ(again.head.dropped_fields, 0);
  EXPECT_TRUE(again.head.keep_alive);
  EXPECT_FALSE(again.head.expects_continue);
  for (const FieldName id : {FieldName::Connection, FieldName::KeepAlive, FieldName::Te,
                             FieldName::Upgrade, FieldName::ProxyConnection})
    EXPECT_FALSE(again.head.headers.has(id)) << once;
  EXPECT_EQ(again.head.headers.find("http2-settings"), nullptr);
  EXPECT_EQ(again.head.headers.find("x-real"), nullptr);
  if (head.framing.end == BodyEnd::None) {
    EXPECT_EQ(again.head.framing.length, 0u);
  } else {
    EXPECT_EQ(again.head.framing.end, head.framing.end);
    EXPECT_EQ(again.head.framing.length, head.framing.length);
  }
  const std::string twice = written(again.head, {.framing = again.head.framing});
  const ParsedRequest third = parse_request_text(twice);
  ASSERT_EQ(third.failure, Failure::None);
  EXPECT_EQ(written(third.head, {.framing = third.head.framing}), twice);
  expect_same_fields(third.head.headers, parse_request_text(once).head.headers);
}

TEST(Hostile, ListsAreLongAndNamesUnique) {
  const auto requests = load_requests();
  const auto responses = load_responses();
  EXPECT_GE(requests.size() + responses.size(), 350u) << "run from the root of the repository";
  for (const auto* list : {&requests, &responses}) {
    std::set<std::string> names;
    for (const HostileMessage& message : *list)
      EXPECT_TRUE(names.insert(message.name).second) << message.name;
  }
}

TEST(Hostile, RequestsComeToWhatTheirLineSays) {
  for (const HostileMessage& message : load_requests()) {
    for (const std::size_t piece : pieces) {
      ParsedRequest parsed;
      const Reading reading = read_request(message.bytes, piece, parsed);
      EXPECT_EQ(outcome_of(reading, parsed), message.outcome)
          << message.name << " in pieces of " << piece << ": " << traits(reading.failure).name;
      EXPECT_TRUE(reading.failure == Failure::None ||
                  traits(reading.failure).blame == Blame::Client);
    }
  }
}

TEST(Hostile, RequestsThatPassAreForwardedWithOneMeaning) {
  int count = 0;
  for (const HostileMessage& message : load_requests()) {
    if (message.outcome != "pass") continue;
    SCOPED_TRACE(message.name);
    ParsedRequest parsed;
    const Reading reading = read_request(message.bytes, 1'000'000, parsed);
    ASSERT_TRUE(reading.complete);
    expect_forwarded_faithfully(parsed.head);
    for (const std::string_view forbidden : {"Content-Length", "Host", "Cookie", "X-Forwarded-For"})
      EXPECT_EQ(reading.trailers.find(forbidden), std::string::npos);
    ++count;
  }
  EXPECT_GE(count, 40);
}

TEST(Hostile, ResponsesComeToWhatTheirLineSays) {
  for (const HostileMessage& message : load_responses()) {
    for (const std::size_t piece : pieces) {
      ParsedResponse parsed;
      const Reading reading = read_response(message.bytes, piece, message.request, parsed);
      EXPECT_EQ(outcome_of(reading, parsed), message.outcome)
          << message.name << " in pieces of " << piece << ": " << traits(reading.failure).name;
    }
  }
}

TEST(Hostile, ConnectionsAreNotReusedAfterContradictions) {
  for (const HostileMessage& message : load_responses()) {
    if (message.name != "te-on-204" && message.name != "cl-on-204" &&
        message.name != "no-length-http-1-0")
      continue;
    ParsedResponse parsed;
    EXPECT_TRUE(read_response(message.bytes, 1'000'000, message.request, parsed).has_head);
    EXPECT_FALSE(parsed.head.keep_alive) << message.name;
  }
}

}  // namespace
}  // namespace weir::http::test
