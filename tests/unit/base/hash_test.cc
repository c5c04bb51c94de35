// SPDX-License-Identifier: Apache-2.0
//
// The hash depends on every byte and on the seed, and is the published one.
#include "base/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir {
namespace {

TEST(FastHash, IsXxh3) { EXPECT_EQ(fast_hash(""), 0x2d06800538d394c2U); }

TEST(FastHash, DependsOnEveryByteAndTheSeed) {
  for (std::size_t size : {1U, 3U, 8U, 17U, 129U, 241U, 1000U}) {
    const std::string text(size, 'a');
    std::set<std::uint64_t> seen{fast_hash(text), fast_hash(text, 1), fast_hash(text, 2),
                                 fast_hash(text + "a")};
    for (std::size_t i = 0; i < size; ++i) {
      std::string changed = text;
      changed[i] = 'b';
      seen.insert(fast_hash(changed));
    }
    EXPECT_EQ(seen.size(), size + 4) << size;
    EXPECT_EQ(fast_hash(text, 2), fast_hash(std::string(text), 2));
  }
}

TEST(FastHash, TellsBytesFromNothing) {
  EXPECT_NE(fast_hash(std::string_view("\0", 1)), fast_hash(""));
  EXPECT_EQ(fast_hash(std::string_view()), fast_hash(""));
}

}  // namespace
}  // namespace weir
