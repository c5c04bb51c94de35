// SPDX-License-Identifier: Apache-2.0
//
// H2FrameHeads: follows the heads of frames (RFC 9113 §4.1) through the bytes of a connection, in whatever pieces they come.
// nghttp2 drops DATA of closed streams without telling; with this the codec sees such a frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::http {

class H2FrameHeads {
 public:
  /// `preface`: bytes that come before the first frame.
  explicit H2FrameHeads(std::size_t preface) : left_(preface) {}

  /// How many bytes, from the front of `bytes`, reach to the end of the next head of a DATA frame; its stream is put into
  /// `stream`.  All bytes, and 0, if no such head ends here.  The next call goes on behind them.
  std::size_t to_data(std::span<const char> bytes, std::uint32_t& stream);

 private:
  static constexpr std::size_t size = 9;

  std::size_t
      left_;  ///< bytes of the present frame's payload, or of the preface, that are still to come
  std::size_t known_ = 0;          ///< bytes of the next head that have come
  unsigned char head_[size] = {};  ///< those
};

}  // namespace weir::http
