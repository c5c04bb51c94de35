// SPDX-License-Identifier: Apache-2.0
//
// Buffers, inboxes and gathers keep every byte, in order, whatever their blocks.
#include "base/buffer.h"

#include "base/gather.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

namespace weir {
namespace {

std::string contents(const Buffer& buffer) {
  iovec pieces[64];
  std::string all;
  int count = buffer.peek(pieces, 64);
  for (int i = 0; i < count; ++i)
    all.append(static_cast<char*>(pieces[i].iov_base), pieces[i].iov_len);
  return all;
}

TEST(Buffer, KeepsBytesInOrderOverManyBlocks) {
  std::mt19937 random(7);
  Buffer buffer;
  std::string expected;
  for (int step = 0; step < 500; ++step) {
    std::string part(random() % 5000, static_cast<char>('a' + step % 26));
    buffer.append(part.data(), part.size());
    expected += part;
    std::size_t drop = random() % (expected.size() + 1);
    buffer.consume(drop);
    expected.erase(0, drop);
    ASSERT_EQ(buffer.size(), expected.size());
    ASSERT_EQ(contents(buffer), expected);
  }
}

TEST(Buffer, GivesBackWhatABurstLeftALittleAtATime) {
  const std::string text(400 * Buffer::block_payload, 't');
  Buffer buffer;
  buffer.append(text.data(), text.size());
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  int calls = 1;
  while (Buffer::give_back_some()) ++calls;
  EXPECT_GE(calls, 144 / 16);
  EXPECT_FALSE(Buffer::give_back_some());
  buffer.append("again", 5);
  EXPECT_EQ(contents(buffer), "again");
}

TEST(Buffer, CountsTheBlocksItDrops) {
  std::mt19937 random(8);
  const std::string text(5 * Buffer::block_payload, 't');
  for (int round = 0; round < 10'000; ++round) {
    Buffer buffer;
    const std::size_t size = random() % (text.size() + 1);
    buffer.append(text.data(), size);
    buffer.consume(random() % (size + 1));
    buffer.append(text.data(), random() % Buffer::block_payload);
    buffer.clear();
    ASSERT_FALSE(Buffer::give_back_some()) << "six blocks at most are in use, round " << round;
  }
}

TEST(Buffer, TellsWhatMemoryItTakes) {
  const std::string text(3 * Buffer::block_payload, 't');
  const auto blocks = [](std::size_t count) { return count * Buffer::block_memory; };
  Buffer buffer, other;
  EXPECT_EQ(buffer.memory(), 0U);
  EXPECT_EQ(buffer.memory(1), blocks(1));
  buffer.append(text.data(), 1);
  EXPECT_EQ(buffer.memory(), blocks(1));
  EXPECT_EQ(buffer.memory(Buffer::block_payload - 1), blocks(1));
  EXPECT_EQ(buffer.memory(Buffer::block_payload), blocks(2));
  buffer.append(text.data(), text.size());
  EXPECT_EQ(buffer.memory(), blocks(4));
  buffer.consume(Buffer::block_payload - 1);
  EXPECT_EQ(buffer.memory(), blocks(4)) << "one byte is left of the first";
  buffer.consume(1);
  EXPECT_EQ(buffer.memory(), blocks(3));
  other.take(buffer);
  EXPECT_EQ(other.memory(), blocks(3));
  EXPECT_EQ(buffer.memory(), 0U);
  other.clear();
  EXPECT_EQ(other.memory(), 0U);
}

TEST(Inbox, GrowsAndLetsGoOfItsMemory) {
  Inbox inbox;
  std::string text(10'000, 'x');
  inbox.append("abc", 3);
  inbox.consume(2);
  inbox.append(text.data(), text.size());
  EXPECT_EQ(std::string(inbox.bytes().data(), inbox.size()), "c" + text);
  inbox.consume(inbox.size());
  EXPECT_TRUE(inbox.empty());
}

TEST(Gather, MergesWhatIsWrittenAndPointsAtWhatIsLong) {
  Gather gather;
  std::memcpy(gather.reserve(5), "head ", 5);
  gather.commit(5);
  gather.refer({"short", 5});
  std::string body(5000, 'b');
  gather.refer({body.data(), body.size()});
  ASSERT_EQ(gather.pieces().size(), 2U);
  EXPECT_EQ(gather.pieces()[1].iov_base, body.data());
  EXPECT_EQ(gather.size(), 10 + body.size());
  EXPECT_EQ(std::string(static_cast<char*>(gather.pieces()[0].iov_base), 10), "head short");
  gather.clear();
  EXPECT_TRUE(gather.empty());
}

TEST(Gather, TakesMoreThanItsOwnMemory) {
  Gather gather;
  for (int i = 0; i < 3; ++i) {
    char* room = gather.reserve(50'000);
    std::memset(room, 'a' + i, 50'000);
    gather.commit(50'000);
  }
  EXPECT_EQ(gather.size(), 150'000U);
  std::string all;
  for (const iovec& piece : gather.pieces())
    all.append(static_cast<char*>(piece.iov_base), piece.iov_len);
  EXPECT_EQ(all, std::string(50'000, 'a') + std::string(50'000, 'b') + std::string(50'000, 'c'));
}

TEST(Gather, TakesAPieceOfAnySizeAndBeginsAnew) {
  Gather gather;
  for (std::size_t size : {100, 300'000, 70'000}) {
    for (char fill : {'a', 'b'}) {
      std::memset(gather.reserve(size), fill, size);
      gather.commit(size);
    }
    std::string all;
    for (const iovec& piece : gather.pieces())
      all.append(static_cast<char*>(piece.iov_base), piece.iov_len);
    EXPECT_EQ(all, std::string(size, 'a') + std::string(size, 'b'));
    gather.clear();
    EXPECT_EQ(gather.size(), 0U);
  }
}

// A full record of TLS is a little more than 16 KiB.
TEST(Gather, FourRecordsAreOnePiece) {
  Gather gather;
  for (int i = 0; i < 4; ++i) {
    gather.reserve(16 * 1024 + 22);
    gather.commit(16 * 1024 + 22);
  }
  EXPECT_EQ(gather.pieces().size(), 1U);
}

}  // namespace
}  // namespace weir
