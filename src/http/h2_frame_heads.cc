// SPDX-License-Identifier: Apache-2.0
#include "http/h2_frame_heads.h"

#include <algorithm>
#include <cstring>

namespace weir::http {

std::size_t H2FrameHeads::to_data(std::span<const char> bytes, std::uint32_t& stream) {
  constexpr unsigned char data = 0;
  std::size_t at = 0;
  stream = 0;
  while (true) {
    const std::size_t skip = std::min(left_, bytes.size() - at);
    left_ -= skip;
    at += skip;
    const std::size_t more = std::min(size - known_, bytes.size() - at);
    std::memcpy(head_ + known_, bytes.data() + at, more);
    known_ += more;
    at += more;
    if (known_ < size) return at;
    known_ = 0;
    left_ = std::size_t{head_[0]} << 16 | std::size_t{head_[1]} << 8 | head_[2];
    if (head_[3] != data) continue;
    stream = (head_[5] & 0x7fU) << 24 | std::uint32_t{head_[6]} << 16 |
             std::uint32_t{head_[7]} << 8 | head_[8];
    return at;
  }
}

}  // namespace weir::http
