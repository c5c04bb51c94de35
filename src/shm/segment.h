// SPDX-License-Identifier: Apache-2.0
//
// Segment: the one piece of memory that all processes share: a sparse memfd, sealed against change of
// size, with a directory of its regions at the start.  Regions hold words with one writer, or words
// changed by one atomic operation; there is no lock, so a process may die at any instruction.
//
//   directory | workers | slots | in-flight | waiters | servers | columns | changes | outliers |
//   notices | counters | reports | rings
#pragma once

#include <weir/result.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::shm {

/// How much of everything there is; fixed for the life of a segment.
struct Layout {
  std::uint32_t workers = 1;    ///< 1–64
  std::uint32_t servers = 1;    ///< room for so many
  std::uint32_t sockets = 0;    ///< listening sockets
  std::uint32_t rings = 0;      ///< log rings: one a worker, and one for control
  std::uint32_t listeners = 1;  ///< things with counters
  std::uint32_t routes = 1;
  std::uint32_t backends = 1;
  std::int64_t started_us = 0;  ///< wall clock, when the master made it
};

/// Most workers: their sets are kept as bits of one word.
inline constexpr std::uint32_t most_workers = 64;

class Segment {
 public:
  /// Makes a segment of zeroed memory.
  static Result<Segment> create(const Layout& layout);
  /// Maps one that another process made; the descriptor is taken over.
  static Result<Segment> attach(int fd);

  Segment(Segment&& other) noexcept;
  Segment& operator=(Segment&&) = delete;
  ~Segment();

  int fd() const { return fd_; }
  const Layout& layout() const;

  /// The bytes of a region by its name in the directory; a wrong name is a bug.
  std::span<std::byte> region(std::string_view name) const;

 private:
  Segment(int fd, std::byte* memory, std::size_t size) : fd_(fd), memory_(memory), size_(size) {}

  int fd_;
  std::byte* memory_;
  std::size_t size_;
};

}  // namespace weir::shm
