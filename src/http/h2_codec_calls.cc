// SPDX-License-Identifier: Apache-2.0
//
// nghttp2 tells of frames; here that becomes what happens to messages.
#include "http/h2_codec_calls.h"

#include <algorithm>
#include <utility>

namespace weir::http {

namespace {

constexpr std::size_t bomb_factor = 4;  // a block may cost so many times its limit to decode
constexpr std::size_t few_bytes =
    256;  // in DATA; less of them, and the window exhausted, is starving

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// A stream that we reset for the client's fault costs it a token, like a reset of its own (CVE-2025-8671).
bool is_clients_fault(std::uint32_t code) {
  switch (code) {
    case NGHTTP2_NO_ERROR:
    case NGHTTP2_CANCEL:
    case NGHTTP2_INTERNAL_ERROR:
    case NGHTTP2_REFUSED_STREAM: return false;
    default: return true;
  }
}

}  // namespace

// What nghttp2 lets pass or ignores.
int H2Codec::Calls::on_any(nghttp2_session* session, const nghttp2_frame_hd* head, void* codec) {
  H2Codec& me = self(codec);
  const auto stream = static_cast<StreamId>(head->stream_id);
  bool broken = false;
  if (head->type == NGHTTP2_PRIORITY) {
    me.count(H2Abuse::Priorities);
    broken = stream == 0;
  } else if (head->type == NGHTTP2_HEADERS && stream % 2 == 1) {
    broken = stream >= me.skipped_from_ && stream < me.skipped_to_;
    if (!broken && stream <= me.highest_ && !message(session, head->stream_id)) {
      if (!me.judge_closed(stream)) return me.goes_on();
      me.count(
          H2Abuse::
              Resets);  // trailers, on their way when we reset it; they still have to be decoded
    }
    if (stream > me.highest_ + 2) me.skipped_from_ = me.highest_ + 1, me.skipped_to_ = stream;
    me.highest_ = std::max(me.highest_, stream);
  } else if (head->type == NGHTTP2_SETTINGS && (head->flags & NGHTTP2_FLAG_ACK) == 0) {
    me.note_windows(true);
  }
  if (broken) me.break_off(NGHTTP2_PROTOCOL_ERROR);
  return me.goes_on();
}

int H2Codec::Calls::on_begin(nghttp2_session*, const nghttp2_frame* frame, void* codec) {
  H2Codec& me = self(codec);
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  const bool is_request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  me.fields_ = H2Fields::take(is_request ? H2Fields::Of::Head : H2Fields::Of::Trailers, me.limits_);
  if (is_request) me.begin(static_cast<StreamId>(frame->hd.stream_id));
  return 0;
}

int H2Codec::Calls::on_field(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                             std::size_t name_size, const std::uint8_t* value,
                             std::size_t value_size, std::uint8_t flags, void* codec) {
  H2Codec& me = self(codec);
  if (!me.fields_) return 0;
  me.fields_->add(text(name, name_size), text(value, value_size), flags & NGHTTP2_NV_FLAG_NO_INDEX);
  if (me.fields_->charged() > bomb_factor * me.limits_.total) {
    me.fields_.reset();
    me.count(H2Abuse::Fields);
  }
  return me.goes_on();
}

// The fields that are arriving are malformed.
void H2Codec::Calls::spoil(H2Codec& me, Message* m) {
  if (m) me.tell_partly(*m);
  if (m) m->failure = Failure::RequestSyntax;
  me.fields_.reset();
}

int H2Codec::Calls::on_bad_field(nghttp2_session* session, const nghttp2_frame* frame,
                                 const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t,
                                 std::uint8_t, void* codec) {
  spoil(self(codec), message(session, frame->hd.stream_id));
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                            NGHTTP2_PROTOCOL_ERROR);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2Codec::Calls::on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* codec) {
  H2Codec& me = self(codec);
  const nghttp2_frame_hd& head = frame->hd;
  switch (head.type) {
    case NGHTTP2_HEADERS:
      if (Message* m = message(session, head.stream_id)) {
        const bool ended = (head.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
          me.finish_head(*m, ended);
        else
          me.finish_trailers(*m);
      }
      me.fields_.reset();
      break;
    case NGHTTP2_DATA:
      if (head.flags & NGHTTP2_FLAG_END_STREAM) {
        if (Message* m = message(session, head.stream_id)) {
          m->in_ended = true;
          me.deliver(*m);
        }
      } else if (head.length == frame->data.padlen) {
        me.count(H2Abuse::EmptyFrames);
      }
      break;
    case NGHTTP2_RST_STREAM:
      me.events_.on_reset(true);
      if (Message* m = message(session, head.stream_id); m && m->failure == Failure::None) {
        m->failure = Failure::ClientGone;
        ++me.wasted_;
      }
      me.count(H2Abuse::Resets);
      break;
    case NGHTTP2_SETTINGS:
      if (head.flags & NGHTTP2_FLAG_ACK) {
        // It cannot know what it acknowledges (nghttp2 looks only whether some are outstanding).
        if (!me.settings_sent_) me.break_off(NGHTTP2_PROTOCOL_ERROR);
        me.overrun_ = false;
        break;
      }
      me.note_windows(false);
      me.count(H2Abuse::Settings);
      break;
    case NGHTTP2_GOAWAY: me.count(H2Abuse::Settings); break;
    case NGHTTP2_PING:
      if ((head.flags & NGHTTP2_FLAG_ACK) && std::exchange(me.asked_, false))
        me.events_.on_end_known();
      else
        me.count(H2Abuse::Pings);
      break;
    case NGHTTP2_PRIORITY_UPDATE:
      if (static_cast<nghttp2_ext_priority_update*>(frame->ext.payload)->stream_id == 0)
        me.break_off(NGHTTP2_PROTOCOL_ERROR);
      me.count(H2Abuse::Priorities);
      break;
    case NGHTTP2_WINDOW_UPDATE: me.count(H2Abuse::WindowUpdates); break;
    default: break;
  }
  return me.goes_on();
}

// nghttp2 resets the stream or ends the connection by itself.
int H2Codec::Calls::on_bad_frame(nghttp2_session* session, const nghttp2_frame* frame, int error,
                                 void* codec) {
  H2Codec& me = self(codec);
  Message* const m = message(session, frame->hd.stream_id);
  if (frame->hd.type != NGHTTP2_HEADERS) {
    if (m) m->failure = Failure::RequestSyntax;
    return 0;
  }
  spoil(me, m);
  // One more than allowed.  Before the client has acknowledged the limit it may not know it: the stream is
  // refused, and counted here, since nothing can be sent now.  Afterwards it is an error of the connection.
  if (error == NGHTTP2_ERR_REFUSED_STREAM) {
    me.overrun_ = true;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
      me.late_.add(static_cast<StreamId>(frame->hd.stream_id));
    me.count(H2Abuse::Streams);
  } else if (error == NGHTTP2_ERR_PROTO && me.open_count_ >= me.granted_.streams) {
    me.break_off(NGHTTP2_PROTOCOL_ERROR);
    me.blame(H2Abuse::Streams);
  }
  return me.goes_on();
}

int H2Codec::Calls::on_data(nghttp2_session* session, std::uint8_t, std::int32_t stream,
                            const std::uint8_t* bytes, std::size_t size, void* codec) {
  Message* m = message(session, stream);
  if (!m) return nghttp2_session_consume(session, stream, size), 0;
  self(codec).take_body(*m, text(bytes, size));
  return 0;
}

int H2Codec::Calls::on_close(nghttp2_session* session, std::int32_t stream, std::uint32_t error,
                             void* codec) {
  Message* m = message(session, stream);
  if (!m) return 0;
  nghttp2_session_set_stream_user_data(session, stream, nullptr);
  self(codec).close(*m, error);
  return 0;
}

int H2Codec::Calls::on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame,
                                  void* codec) {
  const nghttp2_frame_hd& head = frame->hd;
  H2Codec& me = self(codec);
  if (head.type == NGHTTP2_RST_STREAM) {
    me.events_.on_reset(false);
    if (!is_clients_fault(frame->rst_stream.error_code)) return 0;
    ++me.wasted_;
    me.count(H2Abuse::Resets);
    return 0;
  }
  if (head.type == NGHTTP2_SETTINGS && (head.flags & NGHTTP2_FLAG_ACK) == 0)
    me.settings_sent_ = true;
  if (head.type == NGHTTP2_GOAWAY && frame->goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM)
    me.blame(H2Abuse::Settings);  // nghttp2 itself had enough of them
  if (head.type == NGHTTP2_DATA)
    me.abuse_.note_sent(
        head.length < few_bytes &&
        (nghttp2_session_get_stream_remote_window_size(session, head.stream_id) <= 0 ||
         nghttp2_session_get_remote_window_size(session) <= 0));
  const bool is_end = (head.type == NGHTTP2_DATA || head.type == NGHTTP2_HEADERS) &&
                      (head.flags & NGHTTP2_FLAG_END_STREAM);
  Message* m = is_end ? message(session, head.stream_id) : nullptr;
  if (m) me.finish_out(*m);
  return 0;
}

ssize_t H2Codec::Calls::read_body(nghttp2_session* session, std::int32_t stream, std::uint8_t*,
                                  std::size_t most, std::uint32_t* flags,
                                  nghttp2_data_source* source, void*) {
  return static_cast<Message*>(source->ptr)->offer(session, stream, most, flags);
}

int H2Codec::Calls::send_body(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head,
                              std::size_t size, nghttp2_data_source* source, void* codec) {
  H2Codec& me = self(codec);
  auto& m = *static_cast<Message*>(source->ptr);
  if (me.room_ == 0) return NGHTTP2_ERR_WOULDBLOCK;
  m.place(head, size, *me.out_);
  m.unlink();
  me.touched_.push_back(m);
  me.room_ -= std::min(me.room_, size + frame_head_size);
  return 0;
}

const nghttp2_session_callbacks* H2Codec::Calls::callbacks() {
  struct Table {
    nghttp2_session_callbacks* calls;
    Table() {
      nghttp2_session_callbacks_new(&calls);
      nghttp2_session_callbacks_set_on_begin_frame_callback(calls, on_any);
      nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin);
      nghttp2_session_callbacks_set_on_header_callback(calls, on_field);
      nghttp2_session_callbacks_set_on_invalid_header_callback(calls, on_bad_field);
      nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(calls, on_bad_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_frame_sent);
      nghttp2_session_callbacks_set_send_data_callback(calls, send_body);
    }
    ~Table() { nghttp2_session_callbacks_del(calls); }
  };
  static const Table table;
  return table.calls;
}

const nghttp2_option* H2Codec::Calls::options() {
  struct Choice {
    nghttp2_option* option;
    Choice() {
      nghttp2_option_new(&option);
      nghttp2_option_set_no_auto_window_update(option, 1);
      nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
      nghttp2_option_set_no_closed_streams(option, 1);
      nghttp2_option_set_max_outbound_ack(option, 256);
      nghttp2_option_set_max_continuations(option, 8);
      nghttp2_option_set_max_deflate_dynamic_table_size(option, 1024);
      // Resets are counted here, where they can be named.
      nghttp2_option_set_stream_reset_rate_limit(option, 1 << 20, 1 << 20);
    }
    ~Choice() { nghttp2_option_del(option); }
  };
  static const Choice choice;
  return choice.option;
}

}  // namespace weir::http
