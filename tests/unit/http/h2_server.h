// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 in the server role and what it told, opposite nghttp2 as the client.
#pragma once

#include "http/h2_codec.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct ServerSink final : MessageSink {
  Arena memory;
  RequestHead* head = nullptr;
  RequestHead* refused = nullptr;  ///< the head of one that was
  std::string body, trailers;
  bool wants = true, ended = false;
  int pieces = 0;
  std::function<void()> then;  ///< what body bytes cause

  Arena& arena() override { return memory; }
  void on_head(MessageHead& given) override { head = static_cast<RequestHead*>(&given); }
  void on_refused_head(RequestHead& given) override { refused = &given; }
  bool wants_body() const override { return wants; }
  void on_body(std::span<const char> bytes) override {
    body.append(bytes.data(), bytes.size());
    ++pieces;
    if (then) then();
  }
  void on_end(const Headers& given) override {
    ended = true;
    for (const Field& field : given) trailers.append(field.name).append("=").append(field.value);
  }
};

/// A server's codec and what it told, and a client that it talks to.
struct H2CodecTest : testing::Test, H2Events {
  H2CodecTest() {
    nghttp2_session_callbacks* calls;
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
    nghttp2_session_client_new(&client, calls, this);
    nghttp2_session_callbacks_del(calls);
    nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, nullptr, 0);
    turn();
  }
  ~H2CodecTest() override { nghttp2_session_del(client); }

  static int on_field(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* test) {
    std::string& text = static_cast<H2CodecTest*>(test)->answers[frame->hd.stream_id];
    text.append(reinterpret_cast<const char*>(name), name_size).append("=");
    text.append(reinterpret_cast<const char*>(value), value_size).append("|");
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                     std::size_t size, void* test) {
    static_cast<H2CodecTest*>(test)->answers[stream].append(reinterpret_cast<const char*>(bytes),
                                                            size);
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* test) {
    static_cast<H2CodecTest*>(test)->codes[stream] = code;
    return 0;
  }
  static ssize_t read_upload(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t most,
                             std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& left = *static_cast<std::string*>(source->ptr);
    const std::size_t size = left.copy(reinterpret_cast<char*>(into), most);
    left.erase(0, size);
    if (left.empty()) *flags = NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }

  // What the codec tells.
  MessageSink* sink(H2Codec::Message& message, StreamId stream) override {
    messages[stream] = &message;
    return refuses ? nullptr : (sinks[stream] = std::make_unique<ServerSink>()).get();
  }
  void on_broken(Failure failure) override { broken = failure; }
  std::uint64_t now() override { return clock; }
  void flush() override { ++flushes; }
  void on_refused(MessageSink&, Failure failure) override { refused = failure; }
  void on_sent(MessageSink&) override { ++sent; }
  void on_closed(MessageSink&, Failure failure) override { closed.push_back(failure); }
  void on_abuse(H2Abuse kind) override { abuse = name_of(kind); }
  void on_overrun() override { ++overruns; }
  bool is_late() override { return late; }
  void on_end_known() override { end_known = true; }

  /// All frames of the client, each in a read of its own; what is held then is told.
  void to_server() {
    feed_each();
    codec.tell_held();
  }
  void feed_each() {
    const std::uint8_t* bytes;
    for (ssize_t size; (size = nghttp2_session_mem_send(client, &bytes)) > 0;) {
      std::string copy(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
      codec.feed({copy.data(), copy.size()});
    }
  }
  /// The next frame of the client, which is not fed yet.
  std::string next_frame() {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(client, &bytes);
    return {reinterpret_cast<const char*>(bytes),
            static_cast<std::size_t>(std::max(size, ssize_t{0}))};
  }
  /// All that there is, as if it had come in one read.
  void at_once_to_server() {
    std::string all;
    const std::uint8_t* bytes;
    for (ssize_t size; (size = nghttp2_session_mem_send(client, &bytes)) > 0;)
      all.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    codec.feed({all.data(), all.size()});
  }
  std::size_t to_client() {
    Gather out;
    codec.write_frames(out, 1 << 20);
    return to_client(out);
  }
  std::size_t to_client(const Gather& out) {
    std::size_t all = 0;
    for (const iovec& piece : out.pieces()) {
      nghttp2_session_mem_recv(client, static_cast<const std::uint8_t*>(piece.iov_base),
                               piece.iov_len);
      all += piece.iov_len;
    }
    codec.forget_sent();
    return all;
  }
  void turn() {
    do to_server();
    while (to_client() > 0 || nghttp2_session_want_write(client));
  }
  StreamId ask(const Fields& more = {}, std::string* body = nullptr, const char* method = "GET") {
    Fields all = {{":method", body ? "POST" : method},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":path", "/p?q"}};
    all.insert(all.end(), more.begin(), more.end());
    std::vector<nghttp2_nv> fields;
    for (auto& [name, value] : all)
      fields.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                        reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    nghttp2_data_provider upload{{.ptr = body}, read_upload};
    return static_cast<StreamId>(nghttp2_submit_request(
        client, nullptr, fields.data(), fields.size(), body ? &upload : nullptr, nullptr));
  }
  void answer(StreamId stream, const Framing& framing, std::uint16_t status = 200) {
    ResponseHead& head = heads.array<ResponseHead>(1)[0];
    head.status = status;
    head.headers.add(heads, "X-Up", "1");
    head.headers.add(heads, "Connection", "close");
    codec.write_response(*messages.at(stream), head, {.framing = framing});
  }
  void body(StreamId stream, std::string_view bytes) {
    codec.write_body(*messages.at(stream), bytes);
  }
  void end(StreamId stream, const Headers& trailers = {}) {
    codec.write_end(*messages.at(stream), trailers);
  }
  std::size_t queued(StreamId stream) { return H2Codec::queued(*messages.at(stream)); }

  HeadLimits limits;
  H2Codec codec{limits, *this};
  Arena heads;  ///< of answers, until they are frames
  nghttp2_session* client = nullptr;
  std::map<StreamId, std::unique_ptr<ServerSink>> sinks;
  std::map<StreamId, H2Codec::Message*> messages;  ///< handles, of streams that are over as well
  std::map<std::int32_t, std::string> answers;
  std::map<std::int32_t, std::uint32_t> codes;
  std::vector<Failure> closed;
  Failure broken = Failure::None, refused = Failure::None;
  std::string abuse;
  int overruns = 0;
  std::uint64_t clock = 1'000'000;
  int flushes = 0, sent = 0;
  bool refuses = false, end_known = false, late = false;
};

}  // namespace weir::http
