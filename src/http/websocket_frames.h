// SPDX-License-Identifier: Apache-2.0
//
// WebsocketFrames: where the frames of a WebSocket connection end (RFC 6455 §5.2), seen by somebody who only
// passes them on.  One direction, without keeping or changing a byte; who knows that no frame is half sent
// may say something of his own: that the connection is going away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace weir::http {

/// A plain value of a few words, for an arena.
class WebsocketFrames {
 public:
  /// Made for what a server sends; a client's frames are masked.
  void expect_masked() { masked_ = true; }

  /// Follows bytes that are passed on.
  void pass(std::span<const char> bytes);

  /// The same, up to the end of the frame that has begun or begins here; says how many bytes that were.
  /// Of no use, and all of them, once it is not followed any more.
  std::size_t pass_frame(std::span<const char> bytes);

  /// Payload of the present frame that is still to come, and may be passed on unseen; `skip` says that some was.
  std::uint64_t payload_left() const { return is_followed() && seen_ == head_size_ ? left_ : 0; }
  void skip(std::uint64_t bytes);

  /// Nothing of a frame has begun that is not complete.
  bool is_between() const { return is_followed() && seen_ == 0; }
  /// False after a Close frame, after which nothing more may be said (RFC 6455 §5.5.1), and once something
  /// came that is no frame.
  bool is_followed() const { return state_ == State::Followed; }

 private:
  enum class State : std::uint8_t { Followed, Closed, Lost };

  bool take_head(std::uint8_t byte);
  void end_frame();

  std::uint64_t left_ = 0;      ///< length of the payload, less what has passed
  std::uint8_t seen_ = 0;       ///< bytes of the present head
  std::uint8_t head_size_ = 2;  ///< as far as known: two bytes say how many there are
  std::uint8_t opcode_ = 0;
  bool masked_ = false;
  State state_ = State::Followed;
};

/// The longest frame that `write_websocket_close` makes.
inline constexpr std::size_t websocket_close_size = 8;

/// A Close frame with this status and nothing else (RFC 6455 §5.5.1); `mask` for one that goes to a server.
/// The bytes of `out` that it takes.
std::span<const char> write_websocket_close(std::span<char, websocket_close_size> out,
                                            std::uint16_t status,
                                            std::optional<std::uint32_t> mask);

}  // namespace weir::http
