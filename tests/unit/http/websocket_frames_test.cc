// SPDX-License-Identifier: Apache-2.0
//
// Frames are found wherever the bytes are cut, and what is no frame is not taken for one.
#include "http/websocket_frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace weir::http {
namespace {

std::string frame(int first, std::size_t size, bool masked) {
  std::string text{static_cast<char>(first)};
  const int mask = masked ? 0x80 : 0;
  if (size < 126) {
    text += static_cast<char>(mask | static_cast<int>(size));
  } else {
    const int bytes = size < 65536 ? 2 : 8;
    text += static_cast<char>(mask | (bytes == 2 ? 126 : 127));
    for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(size >> (8 * i) & 0xFF);
  }
  if (masked) text += "\x80\xff\x88\x01";
  return text + std::string(size, '\x88');  // payload that looks like heads
}

WebsocketFrames from(bool client) {
  WebsocketFrames frames;
  if (client) frames.expect_masked();
  return frames;
}

TEST(WebsocketFrames, EndsAreFoundHoweverTheBytesAreCut) {
  std::mt19937 random(7);
  for (bool client : {false, true}) {
    std::string text;
    std::vector<std::size_t> ends = {0};
    for (std::size_t size : {0, 1, 125, 126, 127, 65535, 65536, 70000, 3}) {
      for (int first : {0x81, 0x02, 0x00, 0xC2})
        ends.push_back((text += frame(first, size, client)).size());
      if (size < 126) ends.push_back((text += frame(0x89, size, client)).size());
    }
    for (int round = 0; round < 50; ++round) {
      WebsocketFrames frames = from(client);
      const std::size_t most = round == 0 ? 1 : 1 + random() % 100'000;
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t piece = std::min<std::size_t>(1 + random() % most, text.size() - at);
        frames.pass({text.data() + at, piece});
        at += piece;
        const bool is_end = std::binary_search(ends.begin(), ends.end(), at);
        ASSERT_EQ(frames.is_between(), is_end) << at;
      }
      EXPECT_TRUE(frames.is_followed());
    }
  }
}

TEST(WebsocketFrames, OneFrameAtATimeAndPayloadUnseen) {
  const std::string text = frame(0x82, 100'000, false) + frame(0x81, 5, false);
  WebsocketFrames frames;
  EXPECT_EQ(frames.payload_left(), 0U);
  frames.pass({text.data(), 20});
  EXPECT_EQ(frames.payload_left(), 100'000U - 10);
  frames.skip(50'000);
  EXPECT_EQ(frames.payload_left(), 50'000U - 10);
  EXPECT_EQ(frames.pass_frame({text.data() + 50'020, text.size() - 50'020}), 50'000U - 10);
  EXPECT_TRUE(frames.is_between());
  EXPECT_EQ(frames.pass_frame({text.data() + 100'010, 7}), 7U);
  EXPECT_TRUE(frames.is_between());
  const std::string large = frame(0x82, 70'000, false);
  frames.pass({large.data(), 10});
  frames.skip(70'000);
  EXPECT_TRUE(frames.is_between());
}

TEST(WebsocketFrames, NothingIsFollowedAfterCloseOrWhatIsNoFrame) {
  const std::string longer = std::string("\x82\x7f\x80", 3) + std::string(7, '\0');
  for (const std::string& text :
       {frame(0x88, 2, false), frame(0x83, 1, false), frame(0x8B, 1, false), frame(0x09, 1, false),
        frame(0x89, 126, false), frame(0x81, 1, true), std::string("hello"), longer}) {
    WebsocketFrames frames;
    frames.pass(text);
    EXPECT_FALSE(frames.is_followed());
    EXPECT_FALSE(frames.is_between());
    EXPECT_EQ(frames.pass_frame(text), text.size());
    EXPECT_EQ(frames.payload_left(), 0U);
  }
  WebsocketFrames client = from(true);
  client.pass(frame(0x81, 1, false));
  EXPECT_FALSE(client.is_followed());
}

TEST(WebsocketFrames, CloseIsAFrameOfItsOwn) {
  char room[websocket_close_size];
  std::span<char, websocket_close_size> out(room);
  std::span<const char> plain = write_websocket_close(out, 1001, {});
  EXPECT_EQ(std::string(plain.begin(), plain.end()), "\x88\x02\x03\xe9");
  WebsocketFrames server;
  EXPECT_EQ(server.pass_frame(plain), plain.size());
  EXPECT_FALSE(server.is_followed());
  std::span<const char> masked = write_websocket_close(out, 1001, 0x01FF0203);
  EXPECT_EQ(std::string(masked.begin(), masked.end()), "\x88\x82\x01\xff\x02\x03\x02\x16");
  WebsocketFrames client = from(true);
  EXPECT_EQ(client.pass_frame(masked), masked.size());
  EXPECT_FALSE(client.is_followed());
}

}  // namespace
}  // namespace weir::http
