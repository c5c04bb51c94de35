// SPDX-License-Identifier: Apache-2.0
//
// The contract's Headers, and the recognition of names.
#include <weir/headers.h>
#include <weir/message.h>

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <utility>

namespace weir {
namespace {

constexpr int count = static_cast<int>(FieldName::Count);

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return text;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

TEST(FieldName, KnowsEveryTokenInAnyCase) {
  for (int i = 1; i < count; ++i) {
    const auto id = static_cast<FieldName>(i);
    const std::string name(spelling(id));
    ASSERT_FALSE(name.empty());
    EXPECT_EQ(field_name(name), id) << name;
    EXPECT_EQ(field_name(upper(name)), id) << name;
    EXPECT_EQ(field_name(lower(name)), id) << name;
  }
}

TEST(FieldName, TellsEveryByteApart) {
  for (int i = 1; i < count; ++i) {
    const std::string name(spelling(static_cast<FieldName>(i)));
    for (std::size_t at = 0; at < name.size(); ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string other = name;
        other[at] = static_cast<char>(c);
        if (lower(other) == lower(name)) continue;
        EXPECT_NE(field_name(other), static_cast<FieldName>(i)) << name << " with byte " << c;
      }
    }
    EXPECT_NE(field_name(name + "x"), static_cast<FieldName>(i));
    EXPECT_NE(field_name(name.substr(1)), static_cast<FieldName>(i));
  }
  EXPECT_EQ(field_name(""), FieldName::Other);
  EXPECT_EQ(field_name("X"), FieldName::Other);
  EXPECT_EQ(field_name(std::string(100, 'a')), FieldName::Other);
}

class HeadersTest : public testing::Test {
 protected:
  HeadersTest() {
    const Field fields[] = {{"Host", "a", FieldName::Host, true},
                            {"X-One", "1", FieldName::Other, true},
                            {"Cookie", "b", FieldName::Cookie, false},
                            {"x-one", "2", FieldName::Other, false},
                            {"cookie", "c", FieldName::Cookie, false}};
    headers_.assign(arena_, fields);
  }

  std::string all() const {
    std::string text;
    for (const Field& field : headers_)
      text.append(field.name).append("=").append(field.value) += ' ';
    return text;
  }

  Arena arena_;
  Headers headers_;
};

TEST_F(HeadersTest, FindsTheFirst) {
  EXPECT_EQ(headers_.size(), 5u);
  EXPECT_TRUE(headers_.has(FieldName::Cookie));
  EXPECT_FALSE(headers_.has(FieldName::Via));
  EXPECT_EQ(headers_.get(FieldName::Cookie), "b");
  EXPECT_EQ(headers_.get(FieldName::Via), "");
  EXPECT_EQ(headers_.find("X-ONE")->value, "1");
  EXPECT_EQ(headers_.find("COOKIE")->value, "b");
  EXPECT_EQ(headers_.find("X-Two"), nullptr);
  EXPECT_EQ(headers_.find(FieldName::Via), nullptr);
}

TEST_F(HeadersTest, RemovesAllOfAName) {
  EXPECT_EQ(headers_.remove("X-One"), 2u);
  EXPECT_EQ(headers_.remove(FieldName::Cookie), 2u);
  EXPECT_EQ(headers_.remove("cookie"), 0u);
  EXPECT_EQ(headers_.remove("X-One"), 0u);
  EXPECT_FALSE(headers_.has(FieldName::Cookie));
  EXPECT_EQ(all(), "Host=a ");
}

TEST_F(HeadersTest, RemovesByPredicate) {
  EXPECT_EQ(headers_.remove_if([](const Field& field) { return field.value < "b"; }), 3u);
  EXPECT_EQ(all(), "Cookie=b cookie=c ");
  EXPECT_FALSE(headers_.has(FieldName::Host));
  EXPECT_TRUE(headers_.has(FieldName::Cookie));
}

TEST_F(HeadersTest, SetsOneInPlaceOfMany) {
  headers_.set(arena_, "Cookie", "d");
  EXPECT_EQ(all(), "Host=a X-One=1 x-one=2 Cookie=d ");
  EXPECT_TRUE(headers_.has(FieldName::Cookie));
}

TEST_F(HeadersTest, GrowsAndKeepsOrder) {
  for (int i = 0; i < 100; ++i) headers_.add(arena_, "Via", "x");
  EXPECT_EQ(headers_.size(), 105u);
  EXPECT_EQ(headers_.fields()[4].value, "c");
  EXPECT_EQ(headers_.fields()[104].id, FieldName::Via);
  EXPECT_FALSE(headers_.fields()[104].canonical);
  EXPECT_EQ(headers_.remove(FieldName::Via), 100u);
}

// Two lists in one place would overwrite each other's fields.
TEST_F(HeadersTest, AreNeverCopiedByAlias) {
  static_assert(!std::is_copy_constructible_v<Headers> && !std::is_copy_assignable_v<Headers>);
  static_assert(!std::is_copy_constructible_v<RequestHead> &&
                !std::is_copy_assignable_v<ResponseHead>);
  Headers other;
  other.assign(arena_, headers_.fields());
  other.remove("X-One");
  other.set(arena_, "Cookie", "d");
  EXPECT_EQ(all(), "Host=a X-One=1 Cookie=b x-one=2 cookie=c ");
  EXPECT_EQ(other.size(), 2u);
  headers_.remove("Host");
  EXPECT_EQ(other.get(FieldName::Host), "a");
}

TEST_F(HeadersTest, MovingLeavesNothingBehind) {
  Headers other(std::move(headers_));
  EXPECT_EQ(other.size(), 5u);
  EXPECT_TRUE(headers_.empty());
  EXPECT_FALSE(headers_.has(FieldName::Host));
  headers_.add(arena_, "Via", "x");
  EXPECT_EQ(other.fields()[0].value, "a");
  headers_ = std::move(other);
  EXPECT_EQ(all(), "Host=a X-One=1 Cookie=b x-one=2 cookie=c ");
  EXPECT_TRUE(other.empty());
}

TEST_F(HeadersTest, BeginsEmpty) {
  Headers headers;
  EXPECT_TRUE(headers.empty());
  EXPECT_EQ(headers.remove("x"), 0u);
  headers.add(arena_, "Host", "b");
  EXPECT_EQ(headers.get(FieldName::Host), "b");
  headers.clear();
  EXPECT_TRUE(headers.empty());
  EXPECT_FALSE(headers.has(FieldName::Host));
}

}  // namespace
}  // namespace weir
