// SPDX-License-Identifier: Apache-2.0
//
// H2Peer: a client of HTTP/2 on a descriptor, by nghttp2, for tests in one loop: `turn` sends and hears what there is, and
// what came is kept by stream.
#pragma once

#include "base/fd.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::proxy {

class H2Peer {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  /// What it uploads: these bytes, then the end or a wait without end.
  struct Upload {
    std::string bytes;
    bool ends = true;
  };

  /// How much it takes: all that comes; the first 65,535 bytes of a stream; all, and 16 MiB before it has read any.
  enum class Windows { Opened, Closed, Large };

  explicit H2Peer(Fd socket, Windows windows = Windows::Opened) : fd(std::move(socket)) {
    nghttp2_session_callbacks* calls;
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
    nghttp2_option* options;
    nghttp2_option_new(&options);
    nghttp2_option_set_no_auto_window_update(options, windows == Windows::Closed ? 1 : 0);
    nghttp2_option_set_no_http_messaging(options, 1);
    nghttp2_session_client_new2(&session_, calls, this, options);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(calls);
    constexpr std::int32_t large = 16 << 20;
    const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, large};
    const bool is_large = windows == Windows::Large;
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &window, is_large ? 1 : 0);
    if (is_large) nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, large);
  }
  ~H2Peer() { nghttp2_session_del(session_); }
  H2Peer(const H2Peer&) = delete;
  H2Peer& operator=(const H2Peer&) = delete;

  /// Sends and hears; `is_closed` from the end of the connection on.
  void turn() {
    if (is_closed) return;
    const std::uint8_t* out;
    for (ssize_t size; (size = nghttp2_session_mem_send(session_, &out)) > 0;)
      EXPECT_EQ(::send(fd.get(), out, static_cast<std::size_t>(size), MSG_NOSIGNAL), size);
    std::uint8_t in[16 * 1024];
    ssize_t count;
    while ((count = ::recv(fd.get(), in, sizeof(in), MSG_DONTWAIT)) > 0)
      nghttp2_session_mem_recv(session_, in, static_cast<std::size_t>(count));
    is_closed = count == 0 || errno != EAGAIN;
  }
  /// A request, perhaps with a body; the number of its stream.
  std::int32_t ask(const std::string& path, Upload* upload = nullptr, const Fields& more = {}) {
    Fields all = {{":method", upload ? "POST" : "GET"},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":path", path}};
    all.insert(all.end(), more.begin(), more.end());
    return ask(all, upload);
  }
  std::int32_t ask(Fields& all, Upload* upload = nullptr) {
    std::vector<nghttp2_nv> fields;
    for (auto& [name, value] : all)
      fields.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                        reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    nghttp2_data_provider source{{.ptr = upload}, read_upload};
    return nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                  upload ? &source : nullptr, nullptr);
  }
  /// More of an upload can be read.
  void go_on(std::int32_t stream) { nghttp2_session_resume_data(session_, stream); }
  void reset(std::int32_t stream) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  }
  bool has_ended(std::int32_t stream) const { return codes.count(stream) > 0; }

  Fd fd;
  std::map<std::int32_t, std::string> statuses, bodies;
  std::map<std::int32_t, std::uint32_t> codes;  ///< of streams that are over: how
  std::vector<std::int32_t> goaways;            ///< the last stream that each allows
  std::uint32_t goaway_code = 0;
  bool is_closed = false;

 private:
  static H2Peer& self(void* peer) { return *static_cast<H2Peer*>(peer); }
  static int on_field(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* peer) {
    if (std::string_view(reinterpret_cast<const char*>(name), name_size) == ":status")
      self(peer).statuses[frame->hd.stream_id].assign(reinterpret_cast<const char*>(value),
                                                      value_size);
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                     std::size_t size, void* peer) {
    self(peer).bodies[stream].append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* peer) {
    if (frame->hd.type != NGHTTP2_GOAWAY) return 0;
    self(peer).goaways.push_back(frame->goaway.last_stream_id);
    self(peer).goaway_code = frame->goaway.error_code;
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* peer) {
    self(peer).codes[stream] = code;
    return 0;
  }
  static ssize_t read_upload(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t most,
                             std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& upload = *static_cast<Upload*>(source->ptr);
    const std::size_t size = upload.bytes.copy(reinterpret_cast<char*>(into), most);
    upload.bytes.erase(0, size);
    if (!upload.bytes.empty()) return static_cast<ssize_t>(size);
    if (upload.ends) *flags = NGHTTP2_DATA_FLAG_EOF;
    return size == 0 && !upload.ends ? ssize_t{NGHTTP2_ERR_DEFERRED} : static_cast<ssize_t>(size);
  }

  nghttp2_session* session_ = nullptr;
};

}  // namespace weir::proxy
