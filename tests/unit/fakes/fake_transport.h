// SPDX-License-Identifier: Apache-2.0
//
// FakeTransport: a transport without a socket.  Reads give what was scripted, one piece a read; sends are
// kept, each on its own.
#pragma once

#include "net/transport.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

namespace weir::test {

class FakeTransport : public net::Transport {
 public:
  /// What the reads to come give; then Again, or `then`.
  std::deque<std::string> input;
  net::Io then = net::Io::Again;
  /// The bytes of each send.
  std::vector<std::string> sent;
  std::size_t waiting = 0;  ///< what `queued` says
  bool failed = false;
  int shut_downs = 0;
  std::size_t reads = 0;
  std::size_t largest_read = 0;  ///< what was asked for at most

  net::IoResult read(std::span<char> into) override {
    ++reads;
    largest_read = std::max(largest_read, into.size());
    if (input.empty()) return {then};
    std::string& piece = input.front();
    const std::size_t size = std::min(into.size(), piece.size());
    std::memcpy(into.data(), piece.data(), size);
    piece.erase(0, size);
    if (piece.empty()) input.pop_front();
    return {net::Io::Done, size};
  }
  void send(Gather& gather) override {
    std::string bytes;
    for (const iovec& piece : gather.pieces())
      bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    gather.clear();
    if (!failed) sent.push_back(bytes);
  }
  std::size_t queued() const override { return waiting; }
  bool has_failed() const override { return failed; }
  bool is_closing() const override { return failed; }
  bool may_have_input() const override { return !input.empty(); }
  void expect_more() override {}
  bool is_broken() override { return failed; }
  bool is_at_end() override { return input.empty() && then == net::Io::End; }
  void watch() override {}
  void report_to(net::TransportEvents&) override {}
  void shut_down() override { ++shut_downs; }
  void abort() override { failed = true; }
  bool can_splice() const override { return false; }
  net::IoResult splice_to(int, std::size_t) override { return {net::Io::Failed}; }
  net::IoResult splice_from(int, std::size_t) override { return {net::Io::Failed}; }
};

}  // namespace weir::test
