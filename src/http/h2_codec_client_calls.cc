// SPDX-License-Identifier: Apache-2.0
//
// nghttp2 tells of frames; here that becomes what happens to messages.
#include "http/h2_codec_client_calls.h"

#include <algorithm>
#include <utility>

namespace weir::http {

namespace {

constexpr std::size_t bomb_factor = 4;  // a block may cost so many times its limit to decode
constexpr std::size_t most_request_head = 2 << 20;  // bytes; the listener's own limits are lower

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// What a server's RST_STREAM means (RFC 9113 §7).
Failure failure_of(std::uint32_t code) {
  switch (code) {
    case NGHTTP2_REFUSED_STREAM: return Failure::StreamRefused;
    case NGHTTP2_HTTP_1_1_REQUIRED: return Failure::NeedsHttp11;
    case NGHTTP2_CANCEL: return Failure::StreamCancelled;
    case NGHTTP2_ENHANCE_YOUR_CALM: return Failure::StreamThrottled;
    case NGHTTP2_INADEQUATE_SECURITY: return Failure::StreamInsecure;
    default: return Failure::StreamReset;
  }
}

}  // namespace

/// What nghttp2 calls; `codec` is always the H2ClientCodec.
struct H2ClientCodec::Calls::On {
  static H2ClientCodec& self(void* codec) { return *static_cast<H2ClientCodec*>(codec); }
  // Frames of one message come in a row.
  static Message* message(nghttp2_session* session, std::int32_t stream, void* codec) {
    Message*& last = self(codec).last_found_;
    if (last && last->id == stream) return last;
    return last = static_cast<Message*>(nghttp2_session_get_stream_user_data(session, stream));
  }

  static int on_any(nghttp2_session*, const nghttp2_frame_hd* head, void* codec) {
    if (head->type == NGHTTP2_PRIORITY) self(codec).count(H2Abuse::Priorities);
    return 0;
  }

  static int on_begin(nghttp2_session* session, const nghttp2_frame* frame, void* codec) {
    H2ClientCodec& me = self(codec);
    Message* m = message(session, frame->hd.stream_id, codec);
    const bool is_wanted = frame->hd.type == NGHTTP2_HEADERS && m && m->sink;
    me.reading_ = is_wanted ? m : nullptr;
    if (is_wanted) me.fields_.begin(m->sink->arena());
    return 0;
  }

  static int on_field(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t flags, void* codec) {
    H2ClientCodec& me = self(codec);
    if (!me.reading_) return 0;
    me.fields_.add(text(name, name_size), text(value, value_size),
                   flags & NGHTTP2_NV_FLAG_NO_INDEX);
    if (me.fields_.charged() <= bomb_factor * me.limits_.total) return 0;
    me.reading_ = nullptr;
    me.count(H2Abuse::Fields);
    return 0;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* codec) {
    H2ClientCodec& me = self(codec);
    const nghttp2_frame_hd& head = frame->hd;
    const bool ended = (head.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    Message* m = head.stream_id != 0 ? message(session, head.stream_id, codec) : nullptr;
    switch (head.type) {
      case NGHTTP2_HEADERS:
        if (me.reading_) me.finish_head(*std::exchange(me.reading_, nullptr), ended);
        break;
      case NGHTTP2_DATA:
        if (ended && m) {
          me.finish_body(*m);
        } else if (!ended && head.length == frame->data.padlen) {
          me.count(H2Abuse::EmptyFrames);
        }
        break;
      case NGHTTP2_SETTINGS:
        if (head.flags & NGHTTP2_FLAG_ACK) break;
        me.knows_settings_ = true;
        me.count(H2Abuse::Settings);
        if (!me.stopped_) me.events_.on_settings();
        break;
      case NGHTTP2_PING:
        if (!(head.flags & NGHTTP2_FLAG_ACK))
          me.count(H2Abuse::Pings);
        else if (!me.stopped_)
          me.events_.on_pong();
        break;
      case NGHTTP2_GOAWAY:
        if (!me.stopped_) me.events_.on_leaving();
        break;
      case NGHTTP2_RST_STREAM: me.events_.on_reset(true); break;
      case NGHTTP2_WINDOW_UPDATE: me.count(H2Abuse::WindowUpdates); break;
      default: break;
    }
    return 0;
  }

  // nghttp2 resets the stream or ends the connection by itself.
  static int on_bad_frame(nghttp2_session* session, const nghttp2_frame* frame, int, void* codec) {
    H2ClientCodec& me = self(codec);
    if (frame->hd.type == NGHTTP2_HEADERS) me.reading_ = nullptr;
    Message* m = frame->hd.stream_id != 0 ? message(session, frame->hd.stream_id, codec) : nullptr;
    if (m && m->failure == Failure::None) m->failure = Failure::ResponseSyntax;
    return 0;
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t stream,
                     const std::uint8_t* bytes, std::size_t size, void* codec) {
    Message* m = message(session, stream, codec);
    H2ClientCodec& me = self(codec);
    me.let_in(size);
    if (m) me.take_body(*m, text(bytes, size));
    return 0;
  }

  static int on_close(nghttp2_session* session, std::int32_t stream, std::uint32_t error,
                      void* codec) {
    Message* m = message(session, stream, codec);
    if (!m) return 0;
    H2ClientCodec& me = self(codec);
    m->over = true;
    me.last_found_ = nullptr;
    me.growth_ -= m->window - H2Codec::first_window;
    Failure failure = m->failure;
    // A complete answer is still delivered, as its sink takes it.
    if (failure == Failure::None && !m->in_ended) failure = failure_of(error);
    if (failure != Failure::None && m->sink) {
      // Bytes that were told to the sink are sent first; while frames are made there are none.
      if (!me.out_) me.events_.flush();
      me.tell_closed(*m, failure);
    }
    me.forget(*m);
    return 0;
  }

  static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* codec) {
    H2ClientCodec& me = self(codec);
    const nghttp2_frame_hd& head = frame->hd;
    if (head.type == NGHTTP2_DATA) me.abuse_.note_sent(false);
    // nghttp2 ends the connection for what the server did.
    if (head.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
      me.give_up(me.knows_settings_ ? Failure::ResponseSyntax : Failure::NotHttp2);
    // Nor does it tell why it resets a stream.
    if (head.type == NGHTTP2_RST_STREAM) {
      me.events_.on_reset(false);
      if (Message* m = message(session, head.stream_id, codec); m && m->failure == Failure::None)
        m->failure = Failure::ResponseSyntax;
    }
    const bool is_rest = head.type == NGHTTP2_DATA || (head.type == NGHTTP2_HEADERS &&
                                                       frame->headers.cat != NGHTTP2_HCAT_REQUEST);
    if (is_rest && (head.flags & NGHTTP2_FLAG_END_STREAM))
      if (Message* m = message(session, head.stream_id, codec)) m->end_sent = true;
    return 0;
  }

  static int send_body(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size,
                       nghttp2_data_source* source, void* codec) {
    H2ClientCodec& me = self(codec);
    auto& m = *static_cast<Message*>(source->ptr);
    if (me.room_ == 0) return NGHTTP2_ERR_WOULDBLOCK;
    m.place(head, size, *me.out_);
    m.unlink();
    me.touched_.push_back(m);
    me.room_ -= std::min(me.room_, size + frame_head_size);
    return 0;
  }
};

ssize_t H2ClientCodec::Calls::read_body(nghttp2_session* session, std::int32_t stream,
                                        std::uint8_t*, std::size_t most, std::uint32_t* flags,
                                        nghttp2_data_source* source, void*) {
  return static_cast<Message*>(source->ptr)->offer(session, stream, most, flags);
}

const nghttp2_session_callbacks* H2ClientCodec::Calls::callbacks() {
  struct Table {
    nghttp2_session_callbacks* calls;
    Table() {
      nghttp2_session_callbacks_new(&calls);
      nghttp2_session_callbacks_set_on_begin_frame_callback(calls, On::on_any);
      nghttp2_session_callbacks_set_on_begin_headers_callback(calls, On::on_begin);
      nghttp2_session_callbacks_set_on_header_callback(calls, On::on_field);
      nghttp2_session_callbacks_set_on_frame_recv_callback(calls, On::on_frame);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(calls, On::on_bad_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, On::on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(calls, On::on_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(calls, On::on_frame_sent);
      nghttp2_session_callbacks_set_send_data_callback(calls, On::send_body);
    }
    ~Table() { nghttp2_session_callbacks_del(calls); }
  };
  static const Table table;
  return table.calls;
}

const nghttp2_option* H2ClientCodec::Calls::options() {
  struct Choice {
    nghttp2_option* option;
    Choice() {
      nghttp2_option_new(&option);
      nghttp2_option_set_no_auto_window_update(option, 1);
      nghttp2_option_set_no_closed_streams(option, 1);
      // H2Fields and finish_* validate messages; nghttp2 need not do so again.
      nghttp2_option_set_no_http_messaging(option, 1);
      nghttp2_option_set_max_outbound_ack(option, 256);
      nghttp2_option_set_max_continuations(option, 8);
      nghttp2_option_set_max_send_header_block_length(option, most_request_head);
      nghttp2_option_set_max_reserved_remote_streams(option, 0);
    }
    ~Choice() { nghttp2_option_del(option); }
  };
  static const Choice choice;
  return choice.option;
}

}  // namespace weir::http
