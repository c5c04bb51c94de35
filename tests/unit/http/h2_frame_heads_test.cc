// SPDX-License-Identifier: Apache-2.0
//
// The heads of DATA frames are found in whatever pieces the bytes come.
#include "http/h2_frame_heads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weir::http {
namespace {

std::string frame(char type, std::uint32_t stream, std::size_t length) {
  std::string made = {static_cast<char>(length >> 16), static_cast<char>(length >> 8),
                      static_cast<char>(length), type, 0};
  for (int shift = 24; shift >= 0; shift -= 8) made.push_back(static_cast<char>(stream >> shift));
  return made.append(length, '\0');
}

struct Found {
  std::size_t end;  ///< of the head, counted from the first byte of all
  std::uint32_t stream;
  bool operator==(const Found&) const = default;
};

std::vector<Found> find_in_pieces(const std::string& bytes, std::size_t piece,
                                  std::size_t preface) {
  H2FrameHeads heads(preface);
  std::vector<Found> found;
  std::size_t at = 0;
  for (std::size_t end = 0; at < bytes.size();) {
    end = std::min(std::max(end, at + piece), bytes.size());
    std::uint32_t stream = 99;
    at += heads.to_data({bytes.data() + at, end - at}, stream);
    if (stream != 0) found.push_back({at, stream});
  }
  return found;
}

TEST(H2FrameHeads, FindsDataHoweverItIsCut) {
  const std::string bytes = std::string(24, 'P') + frame(4, 0, 6) + frame(0, 1, 300) +
                            frame(1, 3, 70'000) + frame(0, 0x80000005, 0) + frame(0, 7, 1);
  const std::vector<Found> expected = {
      {48, 1}, {48 + 300 + 9 + 70'000 + 9, 5}, {48 + 300 + 9 + 70'000 + 18, 7}};
  for (const std::size_t piece : {1UL, 2UL, 7UL, 8UL, 9UL, 10UL, 24UL, 4096UL, 100'000UL})
    EXPECT_EQ(find_in_pieces(bytes, piece, 24), expected) << piece;
}

TEST(H2FrameHeads, StreamZeroIsNotToldFromNone) {
  EXPECT_TRUE(find_in_pieces(frame(0, 0, 5), 3, 0).empty());
}

}  // namespace
}  // namespace weir::http
