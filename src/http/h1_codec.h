// SPDX-License-Identifier: Apache-2.0
//
// H1Codec: HTTP/1.0 and 1.1 (RFC 9112), in the server role (requests in, responses out) or the client
// role (responses in, requests out).  One message at a time: after its end nothing is read until the
// owner says `next`, so pipelined requests wait their turn and are answered in order.
#pragma once

#include "http/chunked.h"
#include "http/codec.h"
#include "http/h1_parser.h"
#include "http/interim.h"

namespace weir::http {

class H1Codec final : public Codec {
 public:
  enum class Role : std::uint8_t { Server, Client };

  H1Codec(Role role, const HeadLimits& limits, CodecEvents& events)
      : events_(events), limits_(limits), role_(role) {}

  std::size_t feed(std::span<char> bytes) override;
  void feed_end() override;
  /// The head will never be complete, or is not to be read: tells the sink what can be made of these bytes, which have not been
  /// taken, by on_refused_head.
  void tell_partly(std::span<const char> bytes);
  void write_request(StreamId, const RequestHead& head, const WriteOptions& options,
                     Gather& out) override;
  void write_response(StreamId, const ResponseHead& head, const WriteOptions& options,
                      Gather& out) override;
  void write_body(StreamId, std::span<const char> bytes, Gather& out) override;
  void write_end(StreamId, const Headers& trailers, Gather& out) override;
  void next() override;
  void stop() override { sink_ = nullptr, state_ = State::Broken; }
  bool is_mid_message() const override {
    return state_ != State::Head && state_ != State::Done ? true : begun_;
  }
  std::uint64_t plain_body() const override;
  void skip_body(std::uint64_t bytes) override;

 private:
  enum class State : std::uint8_t { Head, Length, Chunked, Trailers, Close, Done, Broken };

  std::size_t read_head(std::span<char> bytes);
  std::size_t read_body(std::span<char> bytes);
  std::size_t read_chunks(std::span<char> bytes);
  std::size_t read_trailers(std::span<char> bytes);
  Failure understand(std::span<char> head, MessageSink& sink);
  void begin_body(const Framing& framing);
  void end_message(const Headers& trailers);
  void give_up(Failure failure);
  Failure bad_framing() const {
    return role_ == Role::Server ? Failure::RequestFraming : Failure::ResponseFraming;
  }

  CodecEvents& events_;
  const HeadLimits& limits_;
  MessageSink* sink_ = nullptr;
  HeadScanner scanner_;
  ChunkDecoder chunks_;
  std::uint64_t left_ = 0;  ///< bytes of body still to be read in State::Length
  StreamId stream_ = 1;
  Role role_;
  State state_ = State::Head;
  InterimBudget interim_;
  bool begun_ = false;
  BodyEnd writing_ = BodyEnd::None;  ///< how the body being written is delimited
};

}  // namespace weir::http
