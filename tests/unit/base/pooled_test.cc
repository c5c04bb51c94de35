// SPDX-License-Identifier: Apache-2.0
//
// Objects with a free list of their own: memory comes back, and nothing of its former owner with it.
#include "base/pooled.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

namespace weir {
namespace {

struct Small : Pooled<Small> {
  int number = 7;
  char rest[60] = {};
};
struct Other : Pooled<Other> {
  int number = 8;
  char rest[60] = {};
};

std::uintptr_t address(const void* object) { return reinterpret_cast<std::uintptr_t>(object); }

TEST(Pooled, GivesTheSameMemoryAgainToItsOwnClassOnly) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "nothing is kept, so that a use after the end is found";
#endif
  auto first = std::make_unique<Small>();
  const std::uintptr_t at = address(first.get());
  first.reset();
  auto other = std::make_unique<Other>();
  EXPECT_NE(address(other.get()), at);
  auto second = std::make_unique<Small>();
  EXPECT_EQ(address(second.get()), at);
}

TEST(Pooled, ConstructsAnew) {
  auto object = std::make_unique<Small>();
  object->number = 1;
  object->rest[0] = 'x';
  object = nullptr;
  object = std::make_unique<Small>();
  EXPECT_EQ(object->number, 7);
  EXPECT_EQ(object->rest[0], 0);
}

// More than are kept: a peak comes and goes twice.
TEST(Pooled, ServesAnyNumberAtATime) {
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<Small>> all(1000);
    std::set<std::uintptr_t> places;
    for (int i = 0; i < 1000; ++i) {
      auto& object = all[static_cast<std::size_t>(i)] = std::make_unique<Small>();
      object->number = i;
      places.insert(address(object.get()));
    }
    EXPECT_EQ(places.size(), all.size());
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)]->number, i);
  }
}

}  // namespace
}  // namespace weir
