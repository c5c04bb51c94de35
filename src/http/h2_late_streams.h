// SPDX-License-Identifier: Apache-2.0
//
// H2LateStreams: which closed streams the peer may still send on, because it had not ended its side when they were
// closed and may not know of that yet (RFC 9113 §5.1, closed).  On any other closed stream a frame is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::http {

class H2LateStreams {
 public:
  /// `most` streams are remembered: no more than the peer may have open at a time, since to the peer these are open.
  explicit H2LateStreams(std::size_t most) : most_(most) {}

  /// The stream was closed by us before the peer had ended it.
  void add(std::uint32_t stream);
  /// A frame on this closed stream may have been on its way.  Older streams than are remembered may as well.
  bool may_have(std::uint32_t stream) const;

 private:
  std::vector<std::uint32_t>
      streams_;  ///< a ring once it is full; nothing is allocated before the first one
  std::size_t most_;
  std::size_t next_ = 0;
  std::uint32_t forgotten_ = 0;  ///< the highest one that is not remembered any more
};

}  // namespace weir::http
