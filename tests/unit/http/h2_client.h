// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 in the client role and what it told, opposite nghttp2 as the server.
#pragma once

#include "http/h2_codec_client.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct FakeSink final : MessageSink {
  Arena memory;
  std::vector<std::uint16_t> statuses;
  Framing framing;
  std::string fields, body, trailers;
  bool wants = true, ended = false;
  std::function<void()> then;  ///< what body bytes cause

  Arena& arena() override { return memory; }
  void on_head(MessageHead& given) override {
    const auto& head = static_cast<const ResponseHead&>(given);
    statuses.push_back(head.status);
    framing = head.framing;
    for (const Field& field : head.headers)
      fields.append(field.name).append("=").append(field.value).append("|");
  }
  bool wants_body() const override { return wants; }
  void on_body(std::span<const char> bytes) override {
    body.append(bytes.data(), bytes.size());
    if (then) then();
  }
  void on_end(const Headers& given) override {
    ended = true;
    for (const Field& field : given) trailers.append(field.name).append("=").append(field.value);
  }
};

/// The codec and what it told, and a server that it talks to.
struct H2ClientCodecTest : testing::Test, H2ClientEvents {
  using Message = H2ClientCodec::Message;

  H2ClientCodecTest() {
    nghttp2_session_callbacks* calls;
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
    nghttp2_option* options;
    nghttp2_option_new(&options);
    nghttp2_option_set_no_http_messaging(options, 1);  // it is to say what it should not, too
    nghttp2_session_server_new2(&server, calls, this, options);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(calls);
  }
  ~H2ClientCodecTest() override { nghttp2_session_del(server); }

  static H2ClientCodecTest& self(void* test) { return *static_cast<H2ClientCodecTest*>(test); }
  static int on_field(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* test) {
    std::string& text = self(test).requests[frame->hd.stream_id];
    text.append(reinterpret_cast<const char*>(name), name_size).append("=");
    text.append(reinterpret_cast<const char*>(value), value_size).append("|");
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                     std::size_t size, void* test) {
    self(test).requests[stream].append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* test) {
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM && frame->hd.type <= NGHTTP2_HEADERS)
      self(test).requests[frame->hd.stream_id] += "$";
    if (frame->hd.type == NGHTTP2_GOAWAY) self(test).farewell = frame->goaway.error_code;
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* test) {
    self(test).codes[stream] = code;
    return 0;
  }
  static ssize_t read_answer(nghttp2_session* session, std::int32_t stream, std::uint8_t* into,
                             std::size_t most, std::uint32_t* flags, nghttp2_data_source* source,
                             void* test) {
    auto& left = *static_cast<std::string*>(source->ptr);
    const std::size_t size = left.copy(reinterpret_cast<char*>(into), most);
    left.erase(0, size);
    if (!left.empty()) return static_cast<ssize_t>(size);
    *flags = NGHTTP2_DATA_FLAG_EOF;
    if (Fields last = std::exchange(self(test).last, {}); !last.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const std::vector<nghttp2_nv> fields = as_nghttp2(last);
      nghttp2_submit_trailer(session, stream, fields.data(), fields.size());
    }
    return static_cast<ssize_t>(size);
  }
  static std::vector<nghttp2_nv> as_nghttp2(Fields& given) {
    std::vector<nghttp2_nv> fields;
    for (auto& [name, value] : given)
      fields.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                        reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    return fields;
  }

  // What the codec tells.
  std::uint64_t now() override { return 1'000'000; }
  void flush() override { ++flushes; }
  void on_sent(MessageSink&) override { ++sent; }
  void on_closed(MessageSink& sink, Failure failure) override { closed[&sink] = failure; }
  void on_settings() override { ++settings; }
  void on_leaving() override { leaving = true; }
  void on_reset(bool by_server) override { resets.push_back(by_server); }
  void on_pong() override { ++pongs; }
  void on_broken(Failure failure) override { broken = failure; }

  std::size_t to_server() {
    Gather out;
    codec.write_frames(out, 1 << 20);
    for (const iovec& piece : out.pieces())
      nghttp2_session_mem_recv(server, static_cast<const std::uint8_t*>(piece.iov_base),
                               piece.iov_len);
    codec.forget_sent();
    return out.size();
  }
  void to_codec() {
    const std::uint8_t* bytes;
    for (ssize_t size; (size = nghttp2_session_mem_send(server, &bytes)) > 0;)
      feed({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
  }
  void feed(std::string_view bytes) {
    const std::string copy(bytes);
    codec.feed({copy.data(), copy.size()});
  }
  void turn() {
    do to_codec();
    while (to_server() > 0 || nghttp2_session_want_write(server));
  }
  /// The server's settings have come.
  void greet(std::vector<nghttp2_settings_entry> entries = {}) {
    nghttp2_submit_settings(server, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
    turn();
  }
  Message* open(FakeSink& sink, const WriteOptions& options = {}, Method method = Method::Get) {
    RequestHead head;
    head.method = method;
    head.method_text = method == Method::Get ? "GET" : method == Method::Head ? "HEAD" : "POST";
    head.forward_path = "/p";
    head.query = "q";
    head.has_query = true;
    head.headers.add(sink.memory, "Host", "a");
    head.headers.add(sink.memory, "X-Up", "1");
    head.headers.add(sink.memory, "Connection", "x-up");
    return codec.open(head, options, "http", sink);
  }
  Message* ask(FakeSink& sink) {
    Message* message = open(sink);
    turn();
    return message;
  }
  /// The server's answer; without a body it ends with its head.
  void answer(std::int32_t stream, Fields fields, std::string* body = nullptr) {
    const std::vector<nghttp2_nv> all = as_nghttp2(fields);
    nghttp2_data_provider source{{.ptr = body}, read_answer};
    nghttp2_submit_response(server, stream, all.data(), all.size(), body ? &source : nullptr);
  }
  void interim(std::int32_t stream, const std::string& status) {
    Fields fields = {{":status", status}};
    nghttp2_submit_headers(server, NGHTTP2_FLAG_NONE, stream, nullptr, as_nghttp2(fields).data(), 1,
                           nullptr);
  }
  void reset(std::int32_t stream, std::uint32_t code) {
    nghttp2_submit_rst_stream(server, NGHTTP2_FLAG_NONE, stream, code);
    turn();
  }

  HeadLimits limits;
  H2ClientCodec codec{limits, *this};
  nghttp2_session* server = nullptr;
  std::map<std::int32_t, std::string> requests;
  std::map<std::int32_t, std::uint32_t> codes;
  std::map<const MessageSink*, Failure> closed;
  Fields last;  ///< trailers of the next answer that ends
  Failure broken = Failure::None;
  std::uint32_t farewell = UINT32_MAX;
  int flushes = 0, settings = 0, pongs = 0, sent = 0;
  std::vector<bool> resets;  ///< by the server, or not
  bool leaving = false;
};

}  // namespace weir::http
