// SPDX-License-Identifier: Apache-2.0
//
// Numbers of connections to servers: summed over workers, true again after a worker's death, new for a new server.
#include "shm/shared_connections.h"

#include <gtest/gtest.h>

#include <utility>

namespace weir::shm {
namespace {

Segment make_segment() {
  auto segment = Segment::create({.workers = 3, .servers = 4});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

TEST(SharedConnections, AreSummedOverWorkersAndKeptApart) {
  Segment segment = make_segment();
  const auto last = static_cast<std::uint32_t>(SharedCount::Last);
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    SharedConnections mine(segment, worker);
    for (std::uint32_t server = 0; server < 4; ++server)
      for (std::uint32_t what = 0; what < last; ++what)
        mine.add(server, SharedCount{what}, 100 * server + what + 1);
    mine.subtract(1, SharedCount::Streams, worker);
  }
  const SharedConnections reader(segment, 0);
  for (std::uint32_t server = 0; server < 4; ++server)
    for (std::uint32_t what = 0; what < last; ++what) {
      const std::uint64_t less = server == 1 && SharedCount{what} == SharedCount::Streams ? 3 : 0;
      EXPECT_EQ(reader.sum(server, SharedCount{what}), 3 * (100 * server + what + 1) - less);
    }
}

TEST(SharedConnections, WhatADeadWorkerHadOpenIsGoneAndWhatItDidIsNot) {
  Segment segment = make_segment();
  SharedConnections one(segment, 1), two(segment, 2);
  for (SharedConnections* worker : {&one, &two})
    for (const SharedCount what :
         {SharedCount::Connections, SharedCount::Streams, SharedCount::Opened})
      worker->add(3, what, 5);
  SharedConnections(segment, 0).clear_worker(1, 4);
  EXPECT_EQ(two.sum(3, SharedCount::Connections), 5U);
  EXPECT_EQ(two.sum(3, SharedCount::Streams), 5U);
  EXPECT_EQ(two.sum(3, SharedCount::Opened), 10U);
}

TEST(SharedConnections, BeginAnewWithAnotherServer) {
  Segment segment = make_segment();
  SharedConnections worker(segment, 1), control(segment, 0);
  worker.add(2, SharedCount::Opened, 7);
  worker.add(2, SharedCount::Goaways, 2);
  control.forget(2);
  EXPECT_EQ(control.sum(2, SharedCount::Opened), 0U);
  worker.add(2, SharedCount::Opened);
  EXPECT_EQ(control.sum(2, SharedCount::Opened), 1U);
  EXPECT_EQ(control.sum(2, SharedCount::Goaways), 0U);
}

}  // namespace
}  // namespace weir::shm
