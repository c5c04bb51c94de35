// SPDX-License-Identifier: Apache-2.0
//
// RequestLog: a stream's line in the access log, and its place in the counters: exactly once, when nothing more will happen,
// or right before the bytes leave that may be the last.
#pragma once

#include <cstdint>

namespace weir::proxy {

struct StreamState;

class RequestLog {
 public:
  explicit RequestLog(StreamState& state) : state_(state) {}

  /// The end of the filters, the counters and the line; once, in vain from then on.
  void write();
  /// So many bytes are about to leave, by which the client may have all: killed right behind them, we shall have told of
  /// it.  True if `settle` has to say what came of it.
  bool stage(std::uint64_t bytes);
  /// `whole`: they have left, and were the last.
  void settle(bool whole, std::uint64_t bytes);

 private:
  StreamState& state_;
  bool is_written_ = false;
};

}  // namespace weir::proxy
