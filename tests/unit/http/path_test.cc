// SPDX-License-Identifier: Apache-2.0
//
// The two forms of a path, and what is refused as malformed.
#include "http/path.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace weir::http {
namespace {

struct Forms {
  const char* sent;
  const char* plain;
  const char* forwarded;
};

TEST(ReadPath, MakesTwoForms) {
  const Forms rows[] = {
      {"/", "/", "/"},
      {"/a/b/", "/a/b/", "/a/b/"},
      // Dot segments, however they are spelled (RFC 3986 §5.2.4).
      {"/.", "/", "/"},
      {"/./a", "/a", "/a"},
      {"/a/.", "/a/", "/a/"},
      {"/../../a", "/a", "/a"},
      {"/a/..", "/", "/"},
      {"/a/b/../c", "/a/c", "/a/c"},
      {"/a/%2e%2E/b", "/b", "/b"},
      {"/a/.%2e/b", "/b", "/b"},
      {"/%2e/a", "/a", "/a"},
      {"/a/%2e", "/a/", "/a/"},
      {"/.well-known/x", "/.well-known/x", "/.well-known/x"},
      {"/..a/b..", "/..a/b..", "/..a/b.."},
      {"/...", "/...", "/..."},
      {"/%2e%2e%2e", "/...", "/%2e%2e%2e"},
      // Empty segments are segments.
      {"//", "//", "//"},
      {"//a///b//", "//a///b//", "//a///b//"},
      {"/a//../b", "/a/b", "/a/b"},
      {"/a/..//b", "//b", "//b"},
      {"/300x200/http://img.example/a.png", "/300x200/http://img.example/a.png",
       "/300x200/http://img.example/a.png"},
      // Bytes go out as they came; unreserved characters are compared decoded.
      {"/%61%7e%2D%5F%30", "/a~-_0", "/%61%7e%2D%5F%30"},
      {"/group%2fproject", "/group%2Fproject", "/group%2fproject"},
      {"/api/queues/%2F/q", "/api/queues/%2F/q", "/api/queues/%2F/q"},
      {"/@scope%2fpkg", "/@scope%2Fpkg", "/@scope%2fpkg"},
      {"/DOMAIN%5cuser", "/DOMAIN%5Cuser", "/DOMAIN%5cuser"},
      {"/DOMAIN\\user", "/DOMAIN%5Cuser", "/DOMAIN\\user"},
      {"/%c3%a9", "/%C3%A9", "/%c3%a9"},
      {"/\xc3\xa9", "/%C3%A9", "/\xc3\xa9"},
      {"/\x80\x9f", "/%80%9F", "/\x80\x9f"},
      {"/%20%3f%23", "/%20%3F%23", "/%20%3f%23"},
      {"/100%25", "/100%25", "/100%25"},
      {"/%252e%252e/a", "/%252e%252e/a", "/%252e%252e/a"},
      {"/a;b=c/d", "/a;b=c/d", "/a;b=c/d"},
      {"/a\"<>[]^`{|}b", "/a%22%3C%3E%5B%5D%5E%60%7B%7C%7Db", "/a\"<>[]^`{|}b"},
      {"/!$&'()*+,;=:@-._~", "/!$&'()*+,;=:@-._~", "/!$&'()*+,;=:@-._~"},
      {"/%01%7F", "/%01%7F", "/%01%7F"},
  };
  for (const Forms& row : rows) {
    Arena arena;
    const auto path = read_path(row.sent, arena);
    ASSERT_TRUE(path) << row.sent;
    EXPECT_EQ(path->plain, row.plain) << row.sent;
    EXPECT_EQ(path->forwarded, row.forwarded) << row.sent;
    EXPECT_TRUE(!is_ordinary_path(row.sent) || std::string_view(row.sent) == row.plain);
    const auto again = read_path(path->plain, arena);
    ASSERT_TRUE(again) << row.plain;
    EXPECT_EQ(again->plain, row.plain) << "again";
  }
}

TEST(ReadPath, KnowsWhatHasOtherReadings) {
  Arena arena;
  for (const char* sent : {"/", "/a/b", "/./a", "/%2e/a", "/a/%2e%2e/b", "/[x]", "/.well-known/x"})
    EXPECT_FALSE(read_path(sent, arena)->has_readings) << sent;
  for (const char* sent : {"/%61", "/a\\b", "/a;b", "//", "/a//b", "/..//a"})
    EXPECT_TRUE(read_path(sent, arena)->has_readings) << sent;
}

TEST(ReadPath, RefusesMalformedPaths) {
  Arena arena;
  for (const std::string sent :
       {"", "a", "*", "/%", "/%2", "/%2/", "/%g0", "/%0g", "/%%30", "/a%", "/#", "/?", "/ ", "/\t",
        "/\x01", "/\x1f", "/\x7f", "/\r\n",
        // NUL, raw or at any level, however deep.
        "/%00", "/a%2500", "/%25%30%30", "/%252500", "/%25%32%35%30%30", "/%2525252525252500"}) {
    EXPECT_FALSE(read_path(sent, arena)) << sent;
    EXPECT_FALSE(is_ordinary_path(sent)) << sent;
  }
  EXPECT_FALSE(read_path(std::string_view("/\0", 2), arena));
  EXPECT_FALSE(is_ordinary_path(std::string_view("/\0", 2)));
  // Malformed at a deeper level only: there it is text.
  EXPECT_TRUE(read_path("/100%25", arena));
  EXPECT_TRUE(read_path("/%25zz", arena));
}

TEST(IsOrdinaryPath, SeesEveryPositionOfALongPath) {
  const std::string plain = "/abcdefghijklmno/pqrstuvwxyz-0123456789_/~/!$&'()*+,=:@/end";
  EXPECT_TRUE(is_ordinary_path(plain));
  for (std::size_t i = 1; i < plain.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string path = plain;
      path[i] = static_cast<char>(byte);
      Arena arena;
      const auto read = read_path(path, arena);
      if (!is_ordinary_path(path)) continue;
      ASSERT_TRUE(read) << path;
      EXPECT_EQ(read->plain, path);
      EXPECT_FALSE(read->has_readings);
    }
    for (const char bad : {'%', '\\', ';', '#', '?', '"', '<',  '>',    '[',    ']',
                           '^', '`',  '{', '|', '}', ' ', '\0', '\x7f', '\x80', '\xff'}) {
      std::string path = plain;
      path[i] = bad;
      EXPECT_FALSE(is_ordinary_path(path)) << path;
    }
    for (const char* segment : {"/./", "//", "/../"}) {
      std::string path = plain;
      path.insert(i, segment);
      EXPECT_FALSE(is_ordinary_path(path)) << path;
    }
  }
}

TEST(ReduceSlashes, LeavesNoNameOfAHost) {
  Arena arena;
  const char* rows[][2] = {{"//evil.example/a", "/evil.example/a"},
                           {"/\\evil.example", "/evil.example"},
                           {"\\\\evil.example", "/evil.example"},
                           {"\\/\\/evil.example", "/evil.example"},
                           {"///", "/"},
                           {"/a//b", "/a//b"},
                           {"\\a", "\\a"},
                           {"https://a//b", "https://a//b"},
                           {"", ""}};
  for (const auto& row : rows) EXPECT_EQ(reduce_slashes(row[0], arena), row[1]) << row[0];
}

}  // namespace
}  // namespace weir::http
