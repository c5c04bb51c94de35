// SPDX-License-Identifier: Apache-2.0
//
// The chunked coding, both ways.  What is malformed is in tests/hostile.
#include "http/chunked.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

struct Decoded {
  std::string body;
  std::size_t used = 0;
  bool complete = false;
  bool failed = false;
};

Decoded decode(std::string_view coded, std::size_t piece) {
  ChunkDecoder decoder;
  Decoded result;
  for (std::size_t end = std::min(piece, coded.size());;
       end = std::min(end + piece, coded.size())) {
    while (result.used < end) {
      const ChunkDecoder::Step step =
          decoder.decode(std::span(coded).subspan(result.used, end - result.used));
      result.used += step.used;
      result.body.append(step.data.data(), step.data.size());
      result.complete = step.state == ChunkDecoder::State::Trailers;
      result.failed = step.state == ChunkDecoder::State::Failed;
      if (result.complete || result.failed) return result;
    }
    if (end == coded.size()) return result;
  }
}

TEST(ChunkDecoder, ReadsTheSameInAnyPieces) {
  const std::string coded =
      "5\r\nhello\r\nA ;\tx = y;z=\"\\\";\"\r\n, world!\r\n\r\n00b\r\n0123456789a\r\n0\r\n\r\nrest";
  for (std::size_t piece = 1; piece <= coded.size(); ++piece) {
    const Decoded decoded = decode(coded, piece);
    EXPECT_TRUE(decoded.complete) << piece;
    EXPECT_EQ(decoded.body, "hello, world!\r\n0123456789a");
    EXPECT_EQ(coded.substr(decoded.used), "\r\nrest");
  }
}

TEST(ChunkDecoder, TellsWhatIsLeftOfAChunk) {
  ChunkDecoder decoder;
  const std::string coded = "7fffffffffffffff\r\nab";
  const ChunkDecoder::Step step = decoder.decode(coded);
  EXPECT_EQ(step.state, ChunkDecoder::State::Data);
  EXPECT_EQ(step.data.size(), 2u);
  EXPECT_EQ(decoder.left(), std::uint64_t{INT64_MAX} - 2);
}

TEST(ChunkDecoder, CountsExtensionsOverTheWholeMessage) {
  const std::string half = "1;" + std::string(127, 'x') + "\r\na\r\n";
  EXPECT_TRUE(decode(half + half + "0\r\n", 1000).complete);
  EXPECT_TRUE(decode(half + half + "0;x\r\n", 1000).failed);
}

TEST(ChunkDecoder, StartsAfreshAfterReset) {
  ChunkDecoder decoder;
  EXPECT_EQ(decoder.decode(std::string_view("x")).state, ChunkDecoder::State::Failed);
  decoder.reset();
  EXPECT_EQ(decoder.decode(std::string_view("0\r\n")).state, ChunkDecoder::State::Trailers);
}

TEST(ChunkHead, IsWhatTheDecoderReads) {
  for (const std::uint64_t size : {1ULL, 9ULL, 10ULL, 15ULL, 16ULL, 255ULL, 256ULL, 65535ULL,
                                   0xffffffffULL, 0x100000000ULL, 5ULL << 30, ~0ULL >> 1}) {
    char out[chunk_head_size + 1];
    const std::size_t length = chunk_head(out, size);
    ASSERT_LE(length, chunk_head_size);
    out[length] = 'x';
    ChunkDecoder decoder;
    const ChunkDecoder::Step step = decoder.decode({out, length + 1});
    EXPECT_EQ(step.state, ChunkDecoder::State::Data);
    EXPECT_EQ(decoder.left() + 1, size);
  }
  char out[chunk_head_size];
  EXPECT_EQ(std::string(out, chunk_head(out, 0x1a2b)), "1a2b\r\n");
  EXPECT_EQ(std::string(out, chunk_head(out, ~0ULL)), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace weir::http
