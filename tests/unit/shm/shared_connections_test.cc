// SPDX-License-Identifier: Apache-2.0
//
// Numbers of connections to servers: summed over workers, true again after a worker's death, new for a new server.
#include "shm/h2_servers.h"

#include <gtest/gtest.h>

#include <utility>

namespace weir::shm {
namespace {

Segment make_segment() {
  auto segment = Segment::create({.workers = 3, .servers = 4});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

TEST(H2Servers, AreSummedOverWorkersAndKeptApart) {
  Segment segment = make_segment();
  const auto last = static_cast<std::uint32_t>(H2Count::Last);
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    H2Servers mine(segment, worker);
    for (std::uint32_t server = 0; server < 4; ++server)
      for (std::uint32_t what = 0; what < last; ++what)
        mine.add(server, H2Count{what}, 100 * server + what + 1);
    mine.subtract(1, H2Count::Streams, worker);
  }
  const H2Servers reader(segment, 0);
  for (std::uint32_t server = 0; server < 4; ++server)
    for (std::uint32_t what = 0; what < last; ++what) {
      const std::uint64_t less = server == 1 && H2Count{what} == H2Count::Streams ? 3 : 0;
      EXPECT_EQ(reader.sum(server, H2Count{what}), 3 * (100 * server + what + 1) - less);
    }
}

TEST(H2Servers, WhatADeadWorkerHadOpenIsGoneAndWhatItDidIsNot) {
  Segment segment = make_segment();
  H2Servers one(segment, 1), two(segment, 2);
  for (H2Servers* worker : {&one, &two})
    for (const H2Count what : {H2Count::Connections, H2Count::Streams, H2Count::Opened})
      worker->add(3, what, 5);
  H2Servers(segment, 0).clear_worker(1, 4);
  EXPECT_EQ(two.sum(3, H2Count::Connections), 5U);
  EXPECT_EQ(two.sum(3, H2Count::Streams), 5U);
  EXPECT_EQ(two.sum(3, H2Count::Opened), 10U);
}

TEST(H2Servers, BeginAnewWithAnotherServer) {
  Segment segment = make_segment();
  H2Servers worker(segment, 1), control(segment, 0);
  worker.add(2, H2Count::Opened, 7);
  worker.add(2, H2Count::Goaways, 2);
  control.forget(2);
  EXPECT_EQ(control.sum(2, H2Count::Opened), 0U);
  worker.add(2, H2Count::Opened);
  EXPECT_EQ(control.sum(2, H2Count::Opened), 1U);
  EXPECT_EQ(control.sum(2, H2Count::Goaways), 0U);
}

}  // namespace
}  // namespace weir::shm
