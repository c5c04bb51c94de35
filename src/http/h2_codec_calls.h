// SPDX-License-Identifier: Apache-2.0
//
// What H2Codec and the functions that nghttp2 calls share: a message, and how nghttp2 is set up.
#pragma once

#include "base/pooled.h"
#include "http/h2_codec.h"
#include "http/h2_codec_body.h"

#include <nghttp2/nghttp2.h>

namespace weir::http {

struct H2Codec::Message final : Pooled<Message>, Hook, H2Body {
  explicit Message(StreamId stream) : id(static_cast<std::int32_t>(stream)) {}

  std::int32_t id;
  MessageSink* sink = nullptr;
  RequestHead* held = nullptr;           ///< not told yet: see H2Codec::tell_held
  const ResponseHead* staged = nullptr;  ///< of its answer, before it is a frame
  Framing staged_framing{};
  std::size_t dropped = 0;  ///< bytes of body that nobody wants any more
  Failure failure = Failure::None;
  bool is_head = false;  ///< the request was HEAD
  bool end_sent = false;
  bool staged_body = false;  ///< a body follows the staged head
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
  /// The source of an answer's body; `source` is its Message.
  static ssize_t read_body(nghttp2_session* session, std::int32_t stream, std::uint8_t* into,
                           std::size_t most, std::uint32_t* flags, nghttp2_data_source* source,
                           void* codec);

 private:
  static void spoil(H2Codec& me, Message* m);
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

}  // namespace weir::http
