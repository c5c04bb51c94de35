// SPDX-License-Identifier: Apache-2.0
//
// What H2Codec and the functions that nghttp2 calls share: a message, and how nghttp2 is set up.
#pragma once

#include "base/buffer.h"
#include "base/pooled.h"
#include "http/h2_codec.h"

#include <nghttp2/nghttp2.h>

#include <span>
#include <string_view>
#include <vector>

namespace weir::http {

struct H2Codec::Message final : Pooled<Message>, Hook {
  explicit Message(StreamId stream) : id(static_cast<std::int32_t>(stream)) {}

  std::int32_t id;
  MessageSink* sink = nullptr;
  Buffer in, out;
  Headers trailers;            ///< the request's
  Headers last;                ///< the answer's trailers
  std::span<const char> lent;  ///< behind `out`, while frames are made
  std::size_t leaving = 0;     ///< bytes at the front of `out` that lie in a Gather
  std::size_t lent_out = 0;    ///< bytes that were lent and lie in a Gather
  std::size_t dropped = 0;     ///< bytes of body that nobody wants any more
  std::size_t delivered = 0;   ///< bytes of body told since the window has grown
  std::uint32_t window = first_window;
  Failure failure = Failure::None;
  bool is_head = false;  ///< the request was HEAD
  bool in_ended = false, end_told = false;
  bool out_begun = false, out_ended = false, out_deferred = false;
  bool end_sent = false;
  bool over = false;
};

/// What nghttp2 calls; `codec` is always the H2Codec.
struct H2Codec::Calls {
  static H2Codec& self(void* codec) { return *static_cast<H2Codec*>(codec); }
  /// The message of an open stream, or null.
  static Message* message(nghttp2_session* session, std::int32_t stream) {
    return static_cast<Message*>(nghttp2_session_get_stream_user_data(session, stream));
  }
  static const nghttp2_session_callbacks* callbacks();
  static const nghttp2_option* options();
  /// Allocates in `region`, which must outlive the session.
  static nghttp2_mem memory(Region& region);
  /// The source of an answer's body; `source` is its Message.
  static ssize_t read_body(nghttp2_session* session, std::int32_t stream, std::uint8_t* into,
                           std::size_t most, std::uint32_t* flags, nghttp2_data_source* source,
                           void* codec);

 private:
  static int on_any(nghttp2_session* session, const nghttp2_frame_hd* head, void* codec);
  static int on_begin(nghttp2_session*, const nghttp2_frame* frame, void* codec);
  static int on_field(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* codec);
  static int on_bad_field(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t*,
                          std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*);
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* codec);
  static int on_bad_frame(nghttp2_session* session, const nghttp2_frame* frame, int, void* codec);
  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t stream,
                     const std::uint8_t* bytes, std::size_t size, void* codec);
  static int on_close(nghttp2_session* session, std::int32_t stream, std::uint32_t error,
                      void* codec);
  static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* codec);
  static int send_body(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size,
                       nghttp2_data_source* source, void* codec);
};

/// A field for nghttp2, which copies it and writes names in lower case.
inline nghttp2_nv field(std::string_view name, std::string_view value) {
  auto* n = const_cast<char*>(name.data());
  auto* v = const_cast<char*>(value.data());
  return {reinterpret_cast<std::uint8_t*>(n), reinterpret_cast<std::uint8_t*>(v), name.size(),
          value.size(), NGHTTP2_NV_FLAG_NONE};
}

/// Adds those that may stand in HTTP/2, without the length.
void add_fields(std::vector<nghttp2_nv>& fields, const Headers& headers);

}  // namespace weir::http
