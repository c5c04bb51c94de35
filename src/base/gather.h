// SPDX-License-Identifier: Apache-2.0
//
// Gather: the pieces of one send.  Heads are written into its own memory, body bytes are only
// pointed at; so a head and the body that came with it leave in one system call without a copy.
//
// Bytes that are pointed at must stay until the Gather is sent: see net/outbox.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace weir {

class Gather {
 public:
  Gather();
  ~Gather();
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;

  /// Room for `size` bytes, to be filled and then committed before the next call.
  char* reserve(std::size_t size);

  /// The first `size` bytes of what was reserved are part of the send.
  void commit(std::size_t size);

  /// Points at bytes that stay until the send; short ones are copied, which is cheaper.
  void refer(std::span<const char> bytes);

  std::span<const iovec> pieces() const { return pieces_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Some of it lies in memory of others.
  bool points() const { return points_; }
  void clear();

 private:
  using Memory = std::unique_ptr<char[]>;
  /// Four full records of TLS, with what encryption adds to each.
  static constexpr std::size_t chunk_size = 4 * (16 * 1024 + 256);
  static constexpr std::size_t worth_pointing = 1024;

  static std::vector<Memory>& spare_chunks();

  std::vector<Memory> chunks_;  ///< the first stays; the last is the one in use
  std::vector<Memory> large_;   ///< of what fits into no chunk
  std::size_t used_ = 0;        ///< of the last chunk
  char* reserved_ = nullptr;
  std::vector<iovec> pieces_;
  std::size_t size_ = 0;
  bool points_ = false;
};

}  // namespace weir
