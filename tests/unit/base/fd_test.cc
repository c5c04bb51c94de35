// SPDX-License-Identifier: Apache-2.0
//
// A descriptor is closed exactly once, by its last owner.
#include "base/fd.h"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <utility>

namespace weir {
namespace {

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

Fd null() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST(Fd, ClosesWhenItEndsOrIsReset) {
  int ended, reset;
  {
    Fd fd = null(), other = null();
    ended = fd.get();
    reset = other.get();
    ASSERT_TRUE(is_open(ended) && is_open(reset));
    other.reset();
    EXPECT_FALSE(is_open(reset));
    EXPECT_FALSE(other.is_open());
    EXPECT_EQ(other.get(), -1);
    other.reset();
  }
  EXPECT_FALSE(is_open(ended));
}

TEST(Fd, MovesItsDescriptor) {
  Fd from = null();
  const int fd = from.get();
  Fd to(std::move(from));
  EXPECT_EQ(to.get(), fd);
  Fd third = null();
  const int dropped = third.get();
  third = std::move(to);
  EXPECT_EQ(third.get(), fd);
  EXPECT_TRUE(is_open(fd));
  EXPECT_FALSE(is_open(dropped));
  Fd& self = third;
  third = std::move(self);
  EXPECT_EQ(third.get(), fd);
  EXPECT_TRUE(is_open(fd));
}

TEST(Fd, ReleasesWithoutClosing) {
  int fd;
  {
    Fd owner = null();
    fd = owner.release();
    EXPECT_FALSE(owner.is_open());
    EXPECT_EQ(owner.release(), -1);
  }
  EXPECT_TRUE(is_open(fd));
  ::close(fd);
}

TEST(Fd, IsClosedAtFirst) {
  EXPECT_FALSE(Fd().is_open());
  EXPECT_FALSE(Fd(-1).is_open());
}

}  // namespace
}  // namespace weir
