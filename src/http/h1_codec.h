// SPDX-License-Identifier: Apache-2.0
//
// H1Codec: HTTP/1.0 and 1.1 (RFC 9112), in the server role (requests in, responses out) or the client
// role (responses in, requests out).  One message at a time: after its end nothing is read until the
// owner says `next`, so pipelined requests wait their turn and are answered in order.
#pragma once

#include "http/chunked.h"
#include "http/codec.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"
#include "http/interim.h"

namespace weir::http {

/// What an H1Codec asks and tells the owner of its connection.
class H1Events : public CodecEvents {
 public:
  /// The first byte of a message has arrived.
  virtual void on_begin() {}
  /// The preface of HTTP/2 (RFC 9113 §3.4) stands where the first request should be (server role).  True:
  /// the owner speaks HTTP/2 from here on; this codec uses nothing of it and reads no more.
  virtual bool on_preface() { return false; }
  /// The sink for the message whose head is complete; null if nobody wants it (the owner then ends
  /// the connection).
  virtual MessageSink* sink() = 0;

 protected:
  ~H1Events() = default;
};

class H1Codec final : public WireCodec {
 public:
  enum class Role : std::uint8_t { Server, Client };

  /// `limits` must outlive the codec.
  H1Codec(Role role, const HeadLimits& limits, H1Events& events)
      : events_(events), limits_(limits), role_(role) {}

  std::size_t feed(std::span<char> bytes) override;
  /// The peer has ended its direction, and all bytes before that have been fed.
  void feed_end();
  /// The head will never be complete, or is not to be read: tells the sink what can be made of these bytes, which have not been
  /// taken, by on_refused_head.
  void tell_partly(std::span<const char> bytes);
  /// Forgets the message that was read completely; the next one may begin.
  void next();
  void stop() override { sink_ = nullptr, state_ = State::Broken; }
  /// A head, or part of a message, has been read but not its end.
  bool is_mid_message() const {
    return state_ != State::Head && state_ != State::Done ? true : begun_;
  }

  /// In the client role.  The answer that is read next is to this request.
  void write_request(const RequestHead& head, const WriteOptions& options, Gather& out);
  /// The answer that is read next is to a request with this method, which was written by somebody else.
  void expect_answer(Method method) { asked_ = method; }
  /// In the server role.
  void write_response(const ResponseHead& head, const WriteOptions& options, Gather& out);
  /// In either; `out` points at `bytes`.
  void write_body(std::span<const char> bytes, Gather& out);
  void write_end(const Headers& trailers, Gather& out);

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

  H1Events& events_;
  const HeadLimits& limits_;
  MessageSink* sink_ = nullptr;
  HeadScanner scanner_;
  ChunkDecoder chunks_;
  std::uint64_t left_ = 0;  ///< bytes of body still to be read in State::Length
  Role role_;
  State state_ = State::Head;
  Method asked_ =
      Method::Other;  ///< by the request whose answer is read: it decides about the body
  InterimBudget interim_;
  bool is_first_ = true;  ///< message of the connection
  bool begun_ = false;
  BodyEnd writing_ = BodyEnd::None;  ///< how the body being written is delimited
};

}  // namespace weir::http
