// SPDX-License-Identifier: Apache-2.0
//
// Pump: bytes from one transport to another without understanding them.  Between plain sockets they
// stay in the kernel (splice through a pipe that is shared by turns); otherwise they go through the
// worker's read buffer.  Back-pressure is inherent: nothing is read while the other side holds any.
#pragma once

#include "net/feed.h"

#include <cstdint>

namespace weir::net {

/// How many pipes may be open at a time in this process; each takes two descriptors.  Beyond that bytes
/// are copied.  Without a word, 64.
void limit_pipes(std::size_t most);

class Pump {
 public:
  /// Most bytes that one call moves.
  static constexpr std::size_t capacity = std::size_t{1} << 20;

  Pump() = default;
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  /// Moves at most `most` bytes, as many as can be moved now.  Done: at least one, `bytes` says how
  /// many have left `from`; Again: wait for either side; End: `from` has ended and everything has
  /// left; Failed: one side broke (ask them which).
  IoResult move(const Context& context, Transport& from, Transport& to, std::uint64_t most);

  /// Bytes that have left `from` but not yet reached `to`'s socket.
  std::size_t held() const { return in_pipe_; }

 private:
  IoResult move_in_kernel(Transport& from, Transport& to, std::uint64_t most);
  IoResult move_by_copy(const Context& context, Transport& from, Transport& to, std::uint64_t most);
  bool take_pipe();
  void give_pipe();

  int pipe_[2] = {-1, -1};
  std::size_t in_pipe_ = 0;
  bool ended_ = false;
};

}  // namespace weir::net
