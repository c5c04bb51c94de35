// SPDX-License-Identifier: Apache-2.0
//
// What H2ClientCodec and the functions that nghttp2 calls share: a message, and how nghttp2 is set up.
#pragma once

#include "base/pooled.h"
#include "http/h2_codec_body.h"
#include "http/h2_codec_client.h"
#include "http/interim.h"

#include <nghttp2/nghttp2.h>

namespace weir::http {

struct H2ClientCodec::Message final : Pooled<Message>, Hook, H2Body {
  explicit Message(MessageSink& to, Method of) : sink(&to), method(of) {}

  MessageSink* sink;
  Method method;
  std::int32_t id = 0;
  Failure failure = Failure::None;
  InterimBudget interim;
  /// Bytes of body that are still to come, if its head has told how many.
  std::uint64_t left = 0;
  bool is_sized = false;
  bool head_told = false;
  bool end_sent = false;
  bool over = false;  ///< nghttp2 has forgotten it
};

struct H2ClientCodec::Calls {
  static const nghttp2_session_callbacks* callbacks();
  static const nghttp2_option* options();
  /// The source of a request's body; `source` is its Message.
  static ssize_t read_body(nghttp2_session* session, std::int32_t stream, std::uint8_t* into,
                           std::size_t most, std::uint32_t* flags, nghttp2_data_source* source,
                           void* codec);

 private:
  struct On;
};

}  // namespace weir::http
