// SPDX-License-Identifier: Apache-2.0
//
// H2Origin: a server of HTTP/2 on a real socket in the test's own loop, by nghttp2.  What it does with each request is a
// function of the test.
#pragma once

#include "event/watch.h"
#include "net/socket.h"
#include "upstream/silent_address.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <functional>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::upstream {

class H2Origin final : private event::ReadyEvents {
 public:
  class Client;
  /// A request that is complete, or that has no end yet.
  struct Request {
    Client& from;
    std::int32_t stream;
    std::string method, path, body;
    bool has_ended = false;
  };

  explicit H2Origin(event::Loop& loop) : loop_(loop) {
    auto fd = net::listen_on(loopback(1), {.reuse_port = false, .defer_accept = false});
    EXPECT_TRUE(fd) << (fd ? "" : fd.error().text());
    fd_ = std::move(*fd);
    sockaddr_storage bound{};
    socklen_t size = sizeof(bound);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    address_ = net::Address::from(reinterpret_cast<sockaddr*>(&bound), size);
    watch_.start(loop, fd_.get(), event::Watch::Edge::LevelRead, *this);
  }

  const net::Address& address() const { return address_; }

  /// What happens with a request whose end has come.
  std::function<void(Request&)> on_request = [](Request& request) { answer(request); };
  /// Streams at a time, of connections to come; 0 = nothing is said.
  std::uint32_t most_streams = 0;

  std::vector<std::string> seen;        ///< "GET /path body" of each complete request
  std::map<std::uint32_t, int> resets;  ///< by code: what the other side has reset
  std::size_t connections = 0, ended = 0;

  static void answer(Request& request, const std::string& body = "hello", int status = 200);
  /// RST_STREAM.
  static void reset(Request& request, std::uint32_t code);
  /// GOAWAY: it has looked at the streams up to this one.
  static void say_farewell(Request& request, std::int32_t last);
  static void close(Request& request);

 private:
  void on_ready(event::Ready) noexcept override;

  event::Loop& loop_;
  Fd fd_;
  event::Watch watch_;
  net::Address address_;
  std::list<Client> clients_;
};

class H2Origin::Client final : private event::ReadyEvents {
 public:
  Client(H2Origin& origin, int descriptor) : origin_(origin), fd_(descriptor) {
    nghttp2_session_callbacks* calls;
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    nghttp2_session_server_new(&session_, calls, this);
    nghttp2_session_callbacks_del(calls);
    const nghttp2_settings_entry streams{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                         origin.most_streams};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &streams, origin.most_streams > 0 ? 1 : 0);
    watch_.start(origin.loop_, fd_.get(), event::Watch::Edge::LevelRead, *this);
    send();
  }
  ~Client() { nghttp2_session_del(session_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  nghttp2_session* session() { return session_; }
  std::string& body_of(std::int32_t stream) { return bodies_[stream]; }
  /// Not from inside of nghttp2's own calls, which send by themselves when they return.
  void send() {
    if (is_reading_) return;
    const std::uint8_t* out;
    for (ssize_t size; (size = nghttp2_session_mem_send(session_, &out)) > 0;)
      if (fd_.is_open()) ::send(fd_.get(), out, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  }
  void close() {
    watch_.stop();
    fd_.reset();
  }

 private:
  static Client& self(void* client) { return *static_cast<Client*>(client); }
  Request& request(std::int32_t stream) {
    return requests_.try_emplace(stream, Request{*this, stream, {}, {}, {}}).first->second;
  }
  void on_ready(event::Ready) noexcept override {
    std::uint8_t in[16 * 1024];
    const ssize_t count = ::recv(fd_.get(), in, sizeof(in), MSG_DONTWAIT);
    if (count <= 0) {
      ++origin_.ended;
      return close();
    }
    is_reading_ = true;
    nghttp2_session_mem_recv(session_, in, static_cast<std::size_t>(count));
    is_reading_ = false;
    send();
  }
  static int on_begin(nghttp2_session*, const nghttp2_frame* frame, void* client) {
    self(client).request(frame->hd.stream_id);
    return 0;
  }
  static int on_field(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* client) {
    Request& request = self(client).request(frame->hd.stream_id);
    const std::string_view field(reinterpret_cast<const char*>(name), name_size);
    const std::string_view text(reinterpret_cast<const char*>(value), value_size);
    if (field == ":method") request.method = text;
    if (field == ":path") request.path = text;
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                     std::size_t size, void* client) {
    self(client).request(stream).body.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* client) {
    Client& its = self(client);
    if (frame->hd.type == NGHTTP2_RST_STREAM) ++its.origin_.resets[frame->rst_stream.error_code];
    const bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!may_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    Request& request = its.request(frame->hd.stream_id);
    request.has_ended = true;
    its.origin_.seen.push_back(request.method + " " + request.path + " " + request.body);
    its.origin_.on_request(request);
    return 0;
  }

  H2Origin& origin_;
  Fd fd_;
  event::Watch watch_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Request> requests_;
  std::map<std::int32_t, std::string> bodies_;  ///< of answers, until they are sent
  bool is_reading_ = false;
};

inline void H2Origin::on_ready(event::Ready) noexcept {
  const int fd = ::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  ++connections;
  clients_.emplace_back(*this, fd);
}

inline void H2Origin::answer(Request& request, const std::string& body, int status) {
  std::string name = ":status", code = std::to_string(status);
  nghttp2_nv field{reinterpret_cast<std::uint8_t*>(name.data()),
                   reinterpret_cast<std::uint8_t*>(code.data()), name.size(), code.size(),
                   NGHTTP2_NV_FLAG_NONE};
  request.from.body_of(request.stream) = body;
  nghttp2_data_provider source{
      {.ptr = &request.from.body_of(request.stream)},
      [](nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t most, std::uint32_t* flags,
         nghttp2_data_source* from, void*) -> ssize_t {
        auto& rest = *static_cast<std::string*>(from->ptr);
        const std::size_t size = rest.copy(reinterpret_cast<char*>(into), most);
        rest.erase(0, size);
        if (rest.empty()) *flags = NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(size);
      }};
  nghttp2_submit_response(request.from.session(), request.stream, &field, 1, &source);
  request.from.send();
}

inline void H2Origin::reset(Request& request, std::uint32_t code) {
  nghttp2_submit_rst_stream(request.from.session(), NGHTTP2_FLAG_NONE, request.stream, code);
  request.from.send();
}

inline void H2Origin::say_farewell(Request& request, std::int32_t last) {
  nghttp2_submit_goaway(request.from.session(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr,
                        0);
  request.from.send();
}

inline void H2Origin::close(Request& request) { request.from.close(); }

}  // namespace weir::upstream
