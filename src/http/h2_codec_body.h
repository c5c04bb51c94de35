// SPDX-License-Identifier: Apache-2.0
//
// What both roles of HTTP/2 keep of a message: the bytes of its body on their way in and out, and how its
// window grows.  Inside http/h2_codec* only.
#pragma once

#include "base/buffer.h"
#include "base/gather.h"
#include "base/region.h"
#include "http/h2_codec.h"

#include <nghttp2/nghttp2.h>

#include <span>
#include <string_view>
#include <vector>

namespace weir::http {

struct H2Body {
  Buffer in, out;
  Headers trailers;            ///< of what comes in
  Headers last;                ///< trailers of what goes out
  std::span<const char> lent;  ///< behind `out`, while frames are made
  std::size_t leaving = 0;     ///< bytes at the front of `out` that lie in a Gather
  std::size_t lent_out = 0;    ///< bytes that were lent and lie in a Gather
  std::size_t delivered = 0;   ///< bytes of body told since the window has grown
  std::size_t unopened = 0;    ///< bytes of body told by which the window is not open again
  std::uint32_t window = H2Codec::first_window;
  bool in_ended = false, end_told = false;
  bool is_delivering = false;  ///< who is given a piece may ask for more, which it gets afterwards
  bool out_begun = false, out_ended = false, out_deferred = false;

  /// For nghttp2's data source: how many bytes the next DATA may have, at most `most`.
  ssize_t offer(nghttp2_session* session, std::int32_t stream, std::size_t most,
                std::uint32_t* flags);
  /// Puts a DATA frame of `size` bytes behind its head into `out_frames`, which points at them.
  void place(const std::uint8_t* head, std::size_t size, Gather& out_frames);
  /// More bytes have been appended to `out`, or it has ended.
  void resume_output(nghttp2_session* session, std::int32_t stream);
  /// `count` bytes were delivered: opens the stream's window for as many, and makes it larger if its sink
  /// keeps up, up to `most` bytes.  `growth`: by how much all windows of the connection have grown.
  void open_window(nghttp2_session* session, std::int32_t stream, std::size_t count,
                   std::uint32_t most, std::uint32_t& growth);
};

/// The bytes of the head of a frame.
inline constexpr std::size_t frame_head_size = 9;

/// By fewer bytes no window is opened, to do so once and not for each frame.  A peer that fills the smallest
/// window is told of more than half of it, which is when nghttp2 tells.
inline constexpr std::size_t worth_telling = H2Codec::first_window / 4;

/// A connection's window: what comes in is let in at once, whoever it is for.
inline constexpr std::int32_t connection_window = 16 << 20;

/// Puts the frames that nghttp2 has into `out`, until `room` bytes are used up or there are no more.
void make_frames(nghttp2_session* session, Gather& out, std::size_t& room);

/// Has nghttp2 allocate in `region`, which must outlive the session.
nghttp2_mem memory_in(Region& region);

/// The fields of a header block for nghttp2.  It copies what it is given: the frame may be made when the message
/// is long gone, if the other side does not read.
class FieldList {
 public:
  /// An empty one, to be filled and submitted before anybody else asks for it: there is one.
  static FieldList& empty();

  /// A name that stays for ever and is in lower case, and so needs no copy.
  void add(std::string_view name, std::string_view value) {
    put(name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
  }
  /// One of a message's head; its name will be in lower case.
  void add(const Field& field);
  /// Those that may stand in HTTP/2, without the length.
  void add(const Headers& headers);

  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  // Filled where it stays: a copy would wait for what was written just before.
  void put(std::string_view name, std::string_view value, unsigned flags) {
    nghttp2_nv& made = fields_.emplace_back();
    made.name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data()));
    made.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
    made.namelen = name.size();
    made.valuelen = value.size();
    made.flags = static_cast<std::uint8_t>(flags);
  }

  std::vector<nghttp2_nv> fields_;
};

}  // namespace weir::http
