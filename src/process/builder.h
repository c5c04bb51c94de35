// SPDX-License-Identifier: Apache-2.0
//
// Builder: the one thread beside a worker's loop.  It makes a Snapshot of a bundle, so that no request
// waits for it, and takes old ones apart.  With the loop it shares nothing but the pointer that goes one
// way when a job begins and the other when it is done, through two pipes; not even the table of descriptors.
#pragma once

#include <weir/result.h>

#include "base/fd.h"
#include "event/watch.h"
#include "proxy/snapshot.h"
#include "shm/identities.h"

#include <pthread.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace weir::process {

class Builder final : private event::ReadyEvents {
 public:
  using Snapshot = std::shared_ptr<const proxy::Snapshot>;

  explicit Builder(const shm::Segment& segment) : segment_(segment) {}
  ~Builder();

  /// Starts the thread; returns when it runs.  Before the lockdown, whose filter then holds for both.
  Result<void> start();

  /// From now on `done` is called in the loop when a job is finished.
  using Done = std::function<void(std::uint64_t generation, Result<Snapshot> built)>;
  void watch(event::Loop& loop, Done done);

  /// Makes the snapshot of a sealed bundle and its secrets; `before` is the one whose parts may be taken over.
  void build(std::uint64_t generation, Fd bundle, Fd secrets, Snapshot before);
  /// Takes one apart, if nobody else holds it.
  void dispose(Snapshot old);

  /// The same in this thread: at the start there is nothing to hold up.
  static Result<Snapshot> build_here(const shm::Segment& segment, std::uint64_t generation,
                                     int bundle, int secrets, const proxy::Snapshot* before);

 private:
  struct Job;

  static Result<Snapshot> build_of(const shm::Segment& segment, std::uint64_t generation,
                                   std::string_view bundle, std::string_view secrets,
                                   const proxy::Snapshot* before);
  static void* run(void* builder);
  void leave_descriptors();
  void work();
  void send(Job* job);
  void on_ready(event::Ready) noexcept override;
  const char* call_name() const noexcept override { return "builder"; }

  const shm::Segment& segment_;
  pthread_t thread_{};
  bool started_ = false;
  Fd jobs_in_, jobs_out_, done_in_, done_out_;
  event::Watch watch_;
  Done done_;
};

}  // namespace weir::process
