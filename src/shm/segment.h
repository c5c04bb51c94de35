// SPDX-License-Identifier: Apache-2.0
//
// Segment: the one piece of memory that all processes share: a sparse memfd, sealed against change of
// size, with a directory of its regions at the start.  Regions hold words with one writer, or words
// changed by one atomic operation; there is no lock, so a process may die at any instruction.
//
//   directory | workers | slots | in-flight | waiters | servers | columns | changes | outliers |
//   balancing | notices | identities | generation | drain | counters | connections | queues |
//   server_counts | reports | black_box | quarantine | ticket_keys | lost_lines | rings
//
// Its layout says how much there is room for, so that a reload can have more of everything.
#pragma once

#include <weir/result.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::shm {

/// How much of everything there is room for; fixed for the life of a segment.
struct Layout {
  std::uint32_t workers = 1;  ///< 1–64
  std::uint32_t servers = 1;
  std::uint32_t sockets = 0;    ///< listening sockets
  std::uint32_t listeners = 1;  ///< things with counters
  std::uint32_t routes = 1;
  std::uint32_t backends = 1;
  std::int64_t started_us = 0;  ///< wall clock, when the master made it
};

/// Most workers: their sets are kept as bits of one word.
inline constexpr std::uint32_t most_workers = 64;

class Segment {
 public:
  /// Makes a segment of zeroed memory.  `workers`: how many there are at first; 0 = as many as there is
  /// room for.
  static Result<Segment> create(const Layout& layout, std::uint32_t workers = 0);
  /// Maps one that another process made; the descriptor is taken over.  Errc::Invalid if another version
  /// of weir made it, which lays out its memory in another way.
  static Result<Segment> attach(int fd);

  Segment(Segment&& other) noexcept;
  Segment& operator=(Segment&&) = delete;
  ~Segment();

  int fd() const { return fd_; }

  /// For a worker: from now on this process cannot write what only the master and control write (servers, names, keys,
  /// sockets, quarantine), whatever is wrong with it or whoever has got hold of it.
  Result<void> protect_from_worker();

  /// Lets others see that this process uses the memory, until it ends, however that happens: it holds a lock (POSIX,
  /// fcntl(2)), so no descriptor of this memory may be closed before.
  void show_use() const;
  /// Another process does.
  bool has_users() const;
  const Layout& layout() const;

  /// Worker numbers below this one are or were in use: what is summed over workers ends there.
  std::uint32_t workers() const { return worker_mark().load(); }
  /// Master only, before more workers than ever are started; the writer has to be woken then.  Fewer
  /// than there were change nothing.
  void note_workers(std::uint32_t workers);
  /// The word itself, for those who read it often.
  const std::atomic<std::uint32_t>& worker_mark() const;

  /// The bytes of a region by its name in the directory; a wrong name is a bug.
  std::span<std::byte> region(std::string_view name) const;

 private:
  Segment(int fd, std::byte* memory, std::size_t size) : fd_(fd), memory_(memory), size_(size) {}

  int fd_;
  std::byte* memory_;
  std::size_t size_;
};

}  // namespace weir::shm
