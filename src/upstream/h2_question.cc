// SPDX-License-Identifier: Apache-2.0
#include "upstream/h2_question.h"

namespace weir::upstream {

namespace {

constexpr std::size_t write_bytes = 64 * 1024;

}  // namespace

H2Question::H2Question(http::CodecEvents& owner, const http::HeadLimits& limits)
    : owner_(owner), codec_(limits, *this) {}

void H2Question::ask(const RequestHead& head, const http::WriteOptions& options,
                     std::string_view scheme, std::string_view body, http::MessageSink& sink,
                     Gather& out) {
  if (http::H2ClientCodec::Message* message = codec_.open(head, options, scheme, sink)) {
    codec_.write_body(*message, body);
    codec_.write_end(*message, Headers());
  }
  write(out);
}

void H2Question::write(Gather& out) { codec_.write_frames(out, write_bytes); }

void H2Question::feed(std::span<const char> bytes, Gather& out) {
  codec_.feed(bytes);
  write(out);
}

void H2Question::feed_end() {
  tell(codec_.knows_settings() ? http::Failure::ServerClosed : http::Failure::NotHttp2);
}

}  // namespace weir::upstream
