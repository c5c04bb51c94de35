// SPDX-License-Identifier: Apache-2.0
//
// H2Question: the one request of a check over HTTP/2, and its answer: what a codec of HTTP/1 is to a Probe.
#pragma once

#include "base/gather.h"
#include "http/h2_codec_client.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::upstream {

class H2Question final : private http::H2ClientEvents {
 public:
  /// `owner` hears when there will be no answer.  Both must outlive it.
  H2Question(http::CodecEvents& owner, const http::HeadLimits& limits);

  /// Puts the request into `out`, with `body` if there is any; the answer goes to `sink`.
  void ask(const RequestHead& head, const http::WriteOptions& options, std::string_view scheme,
           std::string_view body, http::MessageSink& sink, Gather& out);
  /// Understands what has come, and puts what has to be said to that into `out`.
  void feed(std::span<const char> bytes, Gather& out);
  /// What was put there has been sent.
  void note_sent() { codec_.forget_sent(); }
  void feed_end();
  void stop() { codec_.stop(); }

 private:
  std::uint64_t now() override { return 1; }  // all that one check may use at once
  void flush() override {}
  void on_closed(http::MessageSink&, http::Failure failure) override { tell(failure); }
  void on_broken(http::Failure failure) override { tell(failure); }
  void tell(http::Failure failure) { owner_.on_broken(failure); }
  void write(Gather& out);

  http::CodecEvents& owner_;
  http::H2ClientCodec codec_;
};

}  // namespace weir::upstream
