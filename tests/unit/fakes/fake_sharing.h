// SPDX-License-Identifier: Apache-2.0
//
// FakeSharing: fresh shared memory, and all of it that a worker's backends and servers work with.  What they notice is lost.
#pragma once

#include "shm/segment.h"
#include "upstream/server.h"

#include <utility>

namespace weir::test {

struct FakeSharing final : upstream::NoticeSink {
  /// `workers`, `servers`, `backends`: what there is room for.
  FakeSharing(std::uint32_t workers, std::uint32_t servers, std::uint32_t backends)
      : segment(make(workers, servers, backends)) {}
  FakeSharing(const FakeSharing&) = delete;
  FakeSharing& operator=(const FakeSharing&) = delete;

  void notice(const shm::Notice&) override {}

  shm::Segment segment;
  shm::InFlight in_flight{segment, 0};
  shm::SharedConnections shared_connections{segment, 0};
  shm::Outliers outliers{segment};
  shm::Queues queues{segment, 0};
  shm::Balancing balancing{segment};
  upstream::Sharing all{in_flight, shared_connections, outliers,
                        queues,    balancing,          static_cast<upstream::NoticeSink&>(*this)};

 private:
  static shm::Segment make(std::uint32_t workers, std::uint32_t servers, std::uint32_t backends) {
    shm::Layout layout;
    layout.workers = workers;
    layout.servers = servers;
    layout.backends = backends;
    return std::move(*shm::Segment::create(layout));
  }
};

}  // namespace weir::test
