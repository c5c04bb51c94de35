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
  Gather() : scratch_(new char[scratch_size]) {}
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
  void clear();

 private:
  static constexpr std::size_t scratch_size = 64 * 1024;
  static constexpr std::size_t worth_pointing = 1024;

  std::unique_ptr<char[]> scratch_;
  std::size_t used_ = 0;
  char* reserved_ = nullptr;
  std::vector<std::unique_ptr<char[]>> overflow_;
  std::vector<iovec> pieces_;
  std::size_t size_ = 0;
};

}  // namespace weir
