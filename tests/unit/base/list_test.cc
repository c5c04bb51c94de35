// SPDX-License-Identifier: Apache-2.0
//
// Lists of objects that they do not own: order, and that whoever dies first leaves the other whole.
#include "base/list.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace weir {
namespace {

struct Item : Hook {
  explicit Item(char letter) : name(letter) {}
  char name;
};

std::string names(List<Item>& list) {
  std::string all;
  list.for_each([&all](const Item& item) { all += item.name; });
  return all;
}

struct ListTest : testing::Test {
  Item a{'a'}, b{'b'}, c{'c'};
  List<Item> list;
};

TEST_F(ListTest, KeepsOrderFromBothEnds) {
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.pop_front(), nullptr);
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  EXPECT_EQ(names(list), "abc");
  EXPECT_EQ(&list.front(), &a);
  EXPECT_EQ(&list.back(), &c);
  EXPECT_EQ(list.pop_front(), &a);
  EXPECT_FALSE(a.is_linked());
  EXPECT_TRUE(b.is_linked());
  EXPECT_EQ(names(list), "bc");
}

TEST_F(ListTest, LetsGoOfAnyObjectAnyNumberOfTimes) {
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  b.unlink();
  b.unlink();
  EXPECT_EQ(names(list), "ac");
  list.push_back(b);
  EXPECT_EQ(names(list), "acb");
  for (Item* item : {&a, &b, &c}) item->unlink();
  EXPECT_TRUE(list.empty());
}

TEST_F(ListTest, ForgetsWhoDies) {
  auto dying = std::make_unique<Item>('x');
  list.push_back(a);
  list.push_back(*dying);
  list.push_back(b);
  dying.reset();
  EXPECT_EQ(names(list), "ab");
}

TEST_F(ListTest, LeavesItsObjectsUnlinkedWhenItDies) {
  auto dying = std::make_unique<List<Item>>();
  dying->push_back(a);
  dying->push_back(b);
  dying.reset();
  EXPECT_FALSE(a.is_linked());
  EXPECT_FALSE(b.is_linked());
  list.push_back(a);
  EXPECT_EQ(names(list), "a");
}

TEST_F(ListTest, SplicesBehindWhatIsThere) {
  List<Item> other;
  list.splice_back(other);
  EXPECT_TRUE(list.empty());
  list.push_back(c);
  other.push_back(a);
  other.push_back(b);
  list.splice_back(other);
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(names(list), "cab");
  other.push_back(*list.pop_front());
  EXPECT_EQ(names(other), "c");
}

}  // namespace
}  // namespace weir
