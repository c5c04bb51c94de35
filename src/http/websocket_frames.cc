// SPDX-License-Identifier: Apache-2.0
#include "http/websocket_frames.h"

#include <algorithm>

namespace weir::http {

namespace {

constexpr std::uint8_t end_bit = 0x80, mask_bit = 0x80, control_bit = 0x08;
constexpr std::uint8_t close_opcode = 8;

bool is_known(std::uint8_t opcode) {
  return opcode <= 2 || (opcode >= close_opcode && opcode <= 10);
}

}  // namespace

// False if that is no head of a frame.
bool WebsocketFrames::take_head(std::uint8_t byte) {
  if (seen_ == 0) {
    opcode_ = byte & 0x0F;
    ++seen_;
    return is_known(opcode_) && ((opcode_ & control_bit) == 0 || (byte & end_bit) != 0);
  }
  if (seen_ == 1) {
    const std::uint8_t length = byte & 0x7F;
    const int more = length < 126 ? 0 : length == 126 ? 2 : 8;
    head_size_ = static_cast<std::uint8_t>(2 + more + (masked_ ? 4 : 0));
    left_ = more == 0 ? length : 0;
    ++seen_;
    return ((byte & mask_bit) != 0) == masked_ && ((opcode_ & control_bit) == 0 || more == 0);
  }
  const bool is_length = seen_ < head_size_ - (masked_ ? 4 : 0);
  if (is_length) left_ = left_ << 8 | byte;
  ++seen_;
  return left_ >> 63 == 0;
}

void WebsocketFrames::end_frame() {
  if (opcode_ == close_opcode) state_ = State::Closed;
  seen_ = 0;
  head_size_ = 2;
}

std::size_t WebsocketFrames::pass_frame(std::span<const char> bytes) {
  std::size_t at = 0;
  while (is_followed() && at < bytes.size()) {
    if (seen_ < head_size_) {
      if (!take_head(static_cast<std::uint8_t>(bytes[at++]))) state_ = State::Lost;
    } else {
      const std::uint64_t some = std::min<std::uint64_t>(left_, bytes.size() - at);
      left_ -= some;
      at += static_cast<std::size_t>(some);
    }
    if (seen_ < head_size_ || left_ > 0) continue;
    if (is_followed()) end_frame();
    return at;
  }
  return is_followed() ? at : bytes.size();
}

void WebsocketFrames::pass(std::span<const char> bytes) {
  while (is_followed() && !bytes.empty()) bytes = bytes.subspan(pass_frame(bytes));
}

void WebsocketFrames::skip(std::uint64_t bytes) {
  left_ -= std::min(left_, bytes);
  if (is_followed() && seen_ == head_size_ && left_ == 0) end_frame();
}

std::span<const char> write_websocket_close(std::span<char, websocket_close_size> out,
                                            std::uint16_t status,
                                            std::optional<std::uint32_t> mask) {
  const auto put = [&out](std::size_t at, std::uint32_t byte) {
    out[at] = static_cast<char>(static_cast<unsigned char>(byte));
  };
  constexpr std::uint32_t length = sizeof(status);
  put(0, end_bit | close_opcode);
  put(1, length | (mask ? mask_bit : 0U));
  const std::uint32_t key = mask.value_or(0);
  const std::size_t head = mask ? 6 : 2;
  for (std::size_t i = 0; mask && i < 4; ++i) put(2 + i, key >> (24 - 8 * i) & 0xFF);
  put(head, (status >> 8) ^ (key >> 24));
  put(head + 1, (status & 0xFF) ^ (key >> 16 & 0xFF));
  return out.first(head + length);
}

}  // namespace weir::http
