// SPDX-License-Identifier: Apache-2.0
//
// `header` and `response_header`: what they do to fields, and what they refuse.
#include "filter/headers.h"

#include "fakes/fake_explanation.h"
#include "fakes/fake_stream.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::filter {
namespace {

using test::fields;
using Values = std::vector<std::string>;

std::unique_ptr<FilterFactory> made(const Values& values, bool on_request = true) {
  auto factory =
      on_request ? build_request_header({"header", values, "weir.conf:1:1"}, test::FakeContext())
                 : build_response_header({"response_header", values, "weir.conf:1:1"},
                                         test::FakeContext());
  EXPECT_TRUE(factory) << (factory ? "" : factory.error().text());
  return factory ? std::move(*factory) : nullptr;
}

struct Change {
  Values values;
  std::string before, after;  ///< lines joined by "|"
};

class HeaderChange : public testing::TestWithParam<Change> {
 protected:
  /// Adds the fields of such a text.
  void add(MessageHead& head, std::string_view lines) {
    while (!lines.empty()) {
      std::string_view line = lines.substr(0, lines.find('|'));
      lines.remove_prefix(std::min(line.size() + 1, lines.size()));
      const std::size_t colon = line.find(": ");
      head.headers.add(stream.arena(), line.substr(0, colon), line.substr(colon + 2));
    }
  }
  test::FakeStream stream;
};

TEST_P(HeaderChange, ChangesItsSideOnly) {
  for (bool on_request : {true, false}) {
    auto factory = made(GetParam().values, on_request);
    ASSERT_TRUE(factory);
    stream.request_head = {};
    stream.response_head = {};
    add(stream.request_head, GetParam().before);
    add(stream.response_head, GetParam().before);
    EXPECT_EQ(factory->needs().request, on_request);
    EXPECT_EQ(factory->needs().response, !on_request);
    Filter& filter = factory->make(stream.arena());
    EXPECT_EQ(on_request ? filter.on_request(stream) : filter.on_response(stream),
              Verdict::Continue);
    EXPECT_EQ(fields(stream.request_head), on_request ? GetParam().after : GetParam().before);
    EXPECT_EQ(fields(stream.response_head), on_request ? GetParam().before : GetParam().after);
    EXPECT_EQ(stream.status, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Header, HeaderChange,
    testing::Values(Change{{"set", "X-A", "new"}, "", "X-A: new"},
                    Change{{"set", "X-A", "new"}, "X-B: 1|x-a: 1|X-A: 2", "X-B: 1|X-A: new"},
                    Change{{"set", "user-agent", "me"}, "User-Agent: you", "user-agent: me"},
                    Change{{"set", "X-A", ""}, "X-A: 1", "X-A: "},
                    Change{{"add", "X-A", "new"}, "X-A: 1|X-B: 1", "X-A: 1|X-B: 1|X-A: new"},
                    Change{{"add", "Cookie", "a=b; c"}, "", "Cookie: a=b; c"},
                    Change{{"remove", "X-A"}, "x-a: 1|X-B: 1|X-A: 2", "X-B: 1"},
                    Change{{"remove", "COOKIE"}, "Cookie: 1|X-B: 1", "X-B: 1"},
                    Change{{"remove", "X-A"}, "X-Ab: 1", "X-Ab: 1"}));

TEST(Header, FillsInVariables) {
  test::FakeStream stream;
  stream.variables["$client_addr"] = "192.0.2.1";
  auto factory = made({"set", "X-Client", "$client_addr"});
  factory->make(stream.arena()).on_request(stream);
  EXPECT_EQ(fields(stream.request_head), "X-Client: 192.0.2.1");
}

// The stream's expand drops such bytes; a filter must not rely on it.
TEST(Header, LeavesAFieldAloneRatherThanBreakIt) {
  test::FakeStream stream;
  stream.variables["$cookie_a"] = "a\r\nX-Evil: 1";
  stream.request_head.headers.add(stream.arena(), "X-A", "old");
  for (const char* action : {"set", "add"}) {
    auto factory = made({action, "X-A", "$cookie_a"});
    factory->make(stream.arena()).on_request(stream);
    EXPECT_EQ(fields(stream.request_head), "X-A: old");
  }
}

// The value that was added lives in the arena or the factory, not in the statement.
TEST(Header, OutlivesItsStatement) {
  std::unique_ptr<FilterFactory> factory;
  {
    const Values values{"set", std::string(40, 'N'), std::string(100, 'v')};
    factory = made(values);
  }
  test::FakeStream first, second;
  factory->make(first.arena()).on_request(first);
  factory->make(second.arena()).on_request(second);
  EXPECT_EQ(fields(first.request_head), std::string(40, 'N') + ": " + std::string(100, 'v'));
  EXPECT_EQ(fields(second.request_head), fields(first.request_head));
}

struct Explained {
  Values values;
  std::string of_request, of_answer, after;  ///< what is said; the fields of the request behind it
};

class HeaderExplanation : public testing::TestWithParam<Explained> {};

TEST_P(HeaderExplanation, TellsWhatIsDoneAndDoesItToTheRequest) {
  for (bool on_request : {true, false}) {
    auto factory = made(GetParam().values, on_request);
    ASSERT_TRUE(factory);
    test::FakeStream stream;
    stream.variables["$client_addr"] = "192.0.2.1";
    stream.variables["$cookie_a"] = "a\r\nX-Evil: 1";
    stream.variables["$path"] = "//evil.test";
    stream.request_head.headers.add(stream.arena(), "x-old", "1");
    test::FakeExplanation told;
    factory->explain(stream, told);
    EXPECT_EQ(told.said, on_request ? GetParam().of_request : GetParam().of_answer);
    EXPECT_EQ(told.status, 0);
    EXPECT_EQ(fields(stream.request_head), on_request ? GetParam().after : "x-old: 1");
    EXPECT_EQ(fields(stream.response_head), "");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Header, HeaderExplanation,
    testing::Values(
        Explained{{"set", "X-A", "$client_addr"},
                  "sets X-A: 192.0.2.1",
                  "on the answer: sets X-A: 192.0.2.1",
                  "x-old: 1|X-A: 192.0.2.1"},
        Explained{{"add", "X-Old", "2"},
                  "adds X-Old: 2",
                  "on the answer: adds X-Old: 2",
                  "x-old: 1|X-Old: 2"},
        Explained{{"remove", "X-Old"}, "removes X-Old", "on the answer: removes X-Old", ""},
        Explained{{"remove", "X-A"}, "there is no X-A", "on the answer: removes X-A", "x-old: 1"},
        Explained{{"set", "Location", "$path"},
                  "sets Location: //evil.test",
                  "on the answer: sets Location: /evil.test",
                  "x-old: 1|Location: //evil.test"},
        Explained{{"set", "X-Old", "$cookie_a"},
                  "leaves X-Old alone: the value may not stand in a field",
                  "on the answer: leaves X-Old alone: the value may not stand in a field",
                  "x-old: 1"}));

struct Mistake {
  Values values;
  std::string words;  ///< somewhere in the message
};

class HeaderMistake : public testing::TestWithParam<Mistake> {};

TEST_P(HeaderMistake, IsTold) {
  auto factory =
      build_request_header({"header", GetParam().values, "weir.conf:1:1"}, test::FakeContext());
  ASSERT_FALSE(factory);
  EXPECT_NE(factory.error().text().find(GetParam().words), std::string::npos)
      << factory.error().text();
  EXPECT_FALSE(build_response_header({"response_header", GetParam().values, "weir.conf:1:1"},
                                     test::FakeContext()));
}

INSTANTIATE_TEST_SUITE_P(
    Header, HeaderMistake,
    testing::Values(Mistake{{}, "set NAME VALUE, add NAME VALUE or remove NAME"},
                    Mistake{{"replace", "X-A", "1"}, "unknown change \"replace\""},
                    Mistake{{"set"}, "wants a name and a value"},
                    Mistake{{"set", "X-A"}, "wants a name and a value"},
                    Mistake{{"add", "X-A", "1", "2"}, "header add wants a name and a value"},
                    Mistake{{"remove"}, "header remove wants a name"},
                    Mistake{{"remove", "X-A", "1"}, "header remove wants a name"},
                    Mistake{{"set", "", "1"}, "\"\" is not a field name"},
                    Mistake{{"set", "X A", "1"}, "\"X A\" is not a field name"},
                    Mistake{{"set", "X-A:", "1"}, "\"X-A:\" is not a field name"},
                    Mistake{{"set", "X-A", "1\r\nX-B: 2"}, "control character"},
                    Mistake{{"set", "X-A", "$no_such"}, "unknown variable"},
                    Mistake{{"set", "X-A", "5 $"}, "$"}));

TEST(Header, RefusesFieldsOfTheConnection) {
  for (const char* name : {"Connection", "content-length", "Expect", "Keep-Alive",
                           "Proxy-Connection", "TE", "Trailer", "TRANSFER-ENCODING", "Upgrade"}) {
    for (const Values& values : {Values{"set", name, "1"}, {"add", name, "1"}, {"remove", name}}) {
      auto factory = build_request_header({"header", values, ""}, test::FakeContext());
      ASSERT_FALSE(factory) << name;
      EXPECT_NE(factory.error().text().find("belongs to the connection"), std::string::npos);
      EXPECT_FALSE(build_response_header({"response_header", values, ""}, test::FakeContext()));
    }
  }
}

}  // namespace
}  // namespace weir::filter
