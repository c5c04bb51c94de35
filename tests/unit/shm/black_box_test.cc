// SPDX-License-Identifier: Apache-2.0
//
// Last words count as far as they have come, and what a worker that is not well leaves is safe to read.
#include "shm/black_box.h"

#include "shm/child.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

namespace weir::shm {
namespace {

using Part = BlackBox::Part;

Segment make_segment() {
  auto segment = Segment::create({.workers = 3});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

// All of them.
void speak(BlackBox& box) {
  LastWords& words = box.words();
  words.signal = SIGSEGV;
  words.turn_us = 17;
  std::strcpy(words.call, "connection");  // NOLINT
  words.has_client = words.has_request = true;
  words.fingerprint = 0xabc;
  words.frames = 2;
  words.trace[1] = 0x1234;
}

TEST(BlackBox, EachWorkerHasItsOwn) {
  Segment segment = make_segment();
  Child worker([&] {
    BlackBox mine(segment, 1);
    speak(mine);
    mine.reached(Part::Trace);
    raise(SIGKILL);
  });
  worker.wait();
  EXPECT_EQ(BlackBox(segment, 0).reached(), Part::Nothing);
  EXPECT_EQ(BlackBox(segment, 2).reached(), Part::Nothing);
  BlackBox box(segment, 1);
  EXPECT_EQ(box.reached(), Part::Trace);
  LastWords words = box.read();
  EXPECT_EQ(words.signal, SIGSEGV);
  EXPECT_STREQ(words.call, "connection");
  EXPECT_EQ(words.fingerprint, 0xabcU);
  EXPECT_EQ(words.trace[1], 0x1234U);
  box.clear();
  EXPECT_EQ(box.reached(), Part::Nothing);
  EXPECT_EQ(box.read().signal, 0);
}

TEST(BlackBox, OnlyWhatWasReachedCounts) {
  Segment segment = make_segment();
  BlackBox box(segment, 0);
  speak(box);
  EXPECT_EQ(box.read().signal, 0);
  box.reached(Part::Call);
  EXPECT_EQ(box.read().turn_us, 17U);
  EXPECT_FALSE(box.read().has_client);
  box.reached(Part::Client);
  EXPECT_TRUE(box.read().has_client);
  EXPECT_FALSE(box.read().has_request);
  EXPECT_EQ(box.read().fingerprint, 0U);
  box.reached(Part::Request);
  EXPECT_TRUE(box.read().has_request);
  EXPECT_EQ(box.read().fingerprint, 0xabcU);
  EXPECT_EQ(box.read().frames, 0U);
  box.reached(Part::Trace);
  EXPECT_EQ(box.read().frames, 2U);
}

TEST(BlackBox, RubbishIsHarmless) {
  Segment segment = make_segment();
  BlackBox box(segment, 0);
  std::memset(static_cast<void*>(&box.words()), 'x', sizeof(LastWords));
  // Anything but 0 or 1 in them would be no truth values.
  box.words().has_client = box.words().has_request = true;
  box.reached(Part::Trace);
  LastWords words = box.read();
  EXPECT_EQ(words.frames, LastWords::most_frames);
  EXPECT_EQ(std::strlen(words.call), sizeof(words.call) - 1);
  EXPECT_EQ(std::strlen(words.client), sizeof(words.client) - 1);
  EXPECT_EQ(std::strlen(words.listener), sizeof(words.listener) - 1);
  EXPECT_EQ(std::strlen(words.phase), sizeof(words.phase) - 1);
  EXPECT_EQ(std::strlen(words.method), sizeof(words.method) - 1);
  EXPECT_EQ(std::strlen(words.host), sizeof(words.host) - 1);
  EXPECT_EQ(std::strlen(words.path), sizeof(words.path) - 1);
  EXPECT_EQ(std::strlen(words.route), sizeof(words.route) - 1);
  EXPECT_EQ(std::strlen(words.file), sizeof(words.file) - 1);
}

}  // namespace
}  // namespace weir::shm
