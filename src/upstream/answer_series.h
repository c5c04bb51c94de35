// SPDX-License-Identifier: Apache-2.0
//
// AnswerSeries: the answers on a connection of HTTP/1 on which several requests are open at a time, one behind the other.
#pragma once

#include "http/h1_codec.h"
#include "upstream/pipeline_call.h"

#include <span>
#include <utility>

namespace weir::upstream {

class AnswerSeriesEvents : public http::CodecEvents {
 public:
  /// Whose answer comes next; null: nobody's that has been asked for.
  virtual PipelineCall* expected() = 0;
  /// The first byte of that answer, or of an interim one before it.
  virtual void on_begin() = 0;
  /// Bytes that are no answer to anything; what else is fed comes to nothing.
  virtual void on_unasked() = 0;

 protected:
  ~AnswerSeriesEvents() = default;
};

class AnswerSeries final : public http::WireCodec, private http::H1Events {
 public:
  AnswerSeries(const http::HeadLimits& limits, AnswerSeriesEvents& events)
      : events_(events), codec_(http::H1Codec::Role::Client, limits, *this) {}

  std::size_t feed(std::span<char> bytes) override;
  /// The server has ended its direction.
  void feed_end();
  /// The answer that was expected has been read to its end: from inside of its on_end.
  void turn() { turned_ = true; }
  void stop() override;
  std::uint64_t plain_body() const override { return 0; }
  void skip_body(std::uint64_t) override {}

 private:
  void on_begin() override { events_.on_begin(); }
  http::MessageSink* sink() override { return events_.expected(); }
  void on_broken(http::Failure failure) override { events_.on_broken(failure); }
  void turn_over() {
    if (std::exchange(turned_, false)) codec_.next();
  }

  AnswerSeriesEvents& events_;
  http::H1Codec codec_;
  bool turned_ = false;
  bool stopped_ = false;
};

}  // namespace weir::upstream
