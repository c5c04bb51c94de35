// SPDX-License-Identifier: Apache-2.0
//
// `rewrite path RE TO`: the path that follows, and what is refused.  Whether what comes out may be forwarded is the stream's business.
#include "filter/rewrite.h"

#include "fakes/fake_explanation.h"
#include "fakes/fake_stream.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::filter {
namespace {

std::unique_ptr<FilterFactory> made(const std::string& pattern, const std::string& to) {
  auto factory =
      build_rewrite({"rewrite", {"path", pattern, to}, "weir.conf:1:1"}, test::FakeContext());
  EXPECT_TRUE(factory) << (factory ? "" : factory.error().text());
  return factory ? std::move(*factory) : nullptr;
}

struct Rewriting {
  std::string pattern, to, before, after;
};

class RewriteTest : public testing::TestWithParam<Rewriting> {};

TEST_P(RewriteTest, ChangesPathAndQuery) {
  const Rewriting& r = GetParam();
  auto factory = made(r.pattern, r.to);
  ASSERT_TRUE(factory);
  for (int stream_number = 0; stream_number < 2; ++stream_number) {
    test::FakeStream stream;
    stream.set_target(r.before);
    EXPECT_EQ(factory->make(stream.arena()).on_request(stream), Verdict::Continue);
    EXPECT_EQ(stream.target(), r.after);
    EXPECT_EQ(stream.status, 0);
    EXPECT_FALSE(factory->needs().response);
  }
}

TEST_P(RewriteTest, ExplainsTheSame) {
  const Rewriting& r = GetParam();
  auto factory = made(r.pattern, r.to);
  ASSERT_TRUE(factory);
  test::FakeStream stream;
  stream.set_target(r.before);
  test::FakeExplanation told;
  factory->explain(stream, told);
  EXPECT_EQ(stream.target(), r.after);
  const std::string path = r.before.substr(0, r.before.find('?'));
  EXPECT_EQ(told.said,
            r.before == r.after ? "does not match " + path : "the path becomes " + r.after);
  EXPECT_EQ(told.status, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Rewrite, RewriteTest,
    testing::Values(Rewriting{"^/old", "/new", "/other?a=1", "/other?a=1"},
                    Rewriting{"^/old$", "/new", "/old", "/new"},
                    // The path is replaced as a whole, wherever the pattern matches.
                    Rewriting{"old", "/new", "/an/old/path", "/new"},
                    Rewriting{"^/api/(.*)$", "/$1", "/api/v1/x?q=1", "/v1/x?q=1"},
                    Rewriting{"^/(a)(b)?(.*)$", "/$3/$2/$1", "/acd", "/cd//a"},
                    Rewriting{"^/(.)(.)(.)(.)(.)(.)(.)(.)(.)$", "/$9$1$10", "/123456789", "/9110"},
                    Rewriting{"^/(.*)$", "/$2$9", "/x", "/"},
                    Rewriting{"^/(.*)$", "/5$$/$1", "/x", "/5$/x"}, Rewriting{".*", "/x", "", "/x"},
                    // The query of the new path comes first.
                    Rewriting{"^/user/([0-9]+)$", "/u?id=$1", "/user/7", "/u?id=7"},
                    Rewriting{"^/user/([0-9]+)$", "/u?id=$1", "/user/7?a=b", "/u?id=7&a=b"},
                    Rewriting{"^/user/([0-9]+)$", "/u?id=$1", "/user/7?", "/u?id=7"},
                    Rewriting{"^/a$", "/b?", "/a", "/b?"},
                    Rewriting{"^/a$", "/b?c?d", "/a", "/b?c?d"},
                    // The bytes of the client stay as they are, and so do those of the text.
                    Rewriting{"^/(.*)$", "//a/$1", "/%2f;x", "//a/%2f;x"},
                    Rewriting{"^/(.*)$", "/%7euser/%c3%a4/$1", "/x", "/%7euser/%c3%a4/x"}));

struct Refused {
  std::string pattern, to, path;
  Refusal why = Refusal::MalformedPath;
};

class RewriteRefusal : public testing::TestWithParam<Refused> {};

TEST_P(RewriteRefusal, AnswersInsteadOfForwarding) {
  test::FakeStream stream;
  stream.set_target(GetParam().path);
  EXPECT_EQ(made(GetParam().pattern, GetParam().to)->make(stream.arena()).on_request(stream),
            Verdict::Respond);
  EXPECT_EQ(stream.refused, GetParam().why);
  EXPECT_EQ(stream.target(), GetParam().path) << "logs show what was asked for";
}

TEST_P(RewriteRefusal, IsExplained) {
  test::FakeStream stream;
  stream.set_target(GetParam().path);
  test::FakeExplanation told;
  made(GetParam().pattern, GetParam().to)->explain(stream, told);
  const bool is_limit = GetParam().why == Refusal::RegexLimit;
  EXPECT_EQ(told.status, is_limit ? 500 : 400);
  EXPECT_TRUE(told.why.starts_with(is_limit ? "regex_limit: " : "request_target: ")) << told.why;
  EXPECT_EQ(told.said, "");
  EXPECT_EQ(stream.refused, std::nullopt);
  EXPECT_EQ(stream.target(), GetParam().path);
}

INSTANTIATE_TEST_SUITE_P(
    Rewrite, RewriteRefusal,
    testing::Values(
        Refused{"^/(.*)$", "$1", "/no/slash"}, Refused{"^/$", "", "/"},
        Refused{"^/(.*)$", "?$1", "/x"}, Refused{"^/(.*)$", "/a?b c", "/x"},
        Refused{"^/(.*)$", "/a?b\r\nX: y", "/x"},
        Refused{"^/(.*)$", "/$1$1$1", "/" + std::string(3000, 'x')},
        Refused{"^/(a+)+$", "/x", "/" + std::string(5000, 'a') + "!", Refusal::RegexLimit},
        Refused{"(a|a)*[bc]", "/x", "/" + std::string(5000, 'a'), Refusal::RegexLimit}));

TEST(Rewrite, TakesAPathOfTheGreatestLength) {
  test::FakeStream stream;
  stream.set_target("/" + std::string(4095, 'x'));
  auto factory = made("^(/.*)$", "$1$1");
  factory->make(stream.arena()).on_request(stream);
  EXPECT_EQ(stream.request_head.forward_path.size(), 8192U);
  stream.set_target("/" + std::string(4095, 'x'));
  EXPECT_EQ(made("^(/.*)$", "$1$1/")->make(stream.arena()).on_request(stream), Verdict::Respond);
}

TEST(Rewrite, RefusesMistakes) {
  struct Mistake {
    std::vector<std::string> values;
    std::string words;
  };
  const Mistake mistakes[] = {{{}, "path REGEX REPLACEMENT"},
                              {{"path", "^/a"}, "path REGEX REPLACEMENT"},
                              {{"path", "^/a", "/b", "/c"}, "path REGEX REPLACEMENT"},
                              {{"host", "^/a", "/b"}, "path REGEX REPLACEMENT"},
                              {{"path", "^/(a", "/b"}, "offset 4"},
                              {{"path", "^/a", "/$"}, "1 to 9"},
                              {{"path", "^/a", "/$0"}, "1 to 9"},
                              {{"path", "^/a", "/$host"}, "1 to 9"}};
  for (const Mistake& mistake : mistakes) {
    auto factory = build_rewrite({"rewrite", mistake.values, ""}, test::FakeContext());
    ASSERT_FALSE(factory) << mistake.words;
    EXPECT_EQ(factory.error().code(), Errc::Invalid);
    EXPECT_NE(factory.error().text().find(mistake.words), std::string::npos)
        << factory.error().text();
  }
}

}  // namespace
}  // namespace weir::filter
