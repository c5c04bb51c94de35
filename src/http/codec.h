// SPDX-License-Identifier: Apache-2.0
//
// Codec: bytes on one connection <-> the events of messages, for either side of the proxy.  The rest
// of weir speaks only to this, so HTTP/1 and HTTP/2 meet in any combination: an HTTP/1 codec has one
// message at a time, an HTTP/2 codec many, told apart by their StreamId.
//
// A codec has no socket and no clock: its owner feeds it what was read and sends what it wrote.
#pragma once

#include <weir/message.h>

#include "base/gather.h"
#include "http/failure.h"
#include "http/h1_writer.h"

#include <cstdint>
#include <span>

namespace weir::http {

/// Which message of a connection; HTTP/1 numbers them 1, 2, 3 …
using StreamId = std::uint32_t;

/// Where the events of one message go, in this order: on_begin, on_head (for a response: interim
/// heads first), on_body any number of times, on_end.  After CodecEvents::on_broken nothing follows.
class MessageSink {
 public:
  virtual ~MessageSink() = default;

  /// A head is complete; it, and everything in it, is to live in this arena.
  virtual Arena& arena() = 0;
  /// A RequestHead in the server role, a ResponseHead in the client role.
  virtual void on_head(MessageHead& head) = 0;
  /// In place of on_head: the request is refused.  What could be understood of it, at least method and
  /// target, for the log; why follows by on_broken or H2Events::on_refused.
  virtual void on_refused_head(const RequestHead&) {}
  /// Asked before each piece of body: false leaves the rest unread until the owner feeds again.
  virtual bool wants_body() const = 0;
  /// A piece of the body; the bytes stay until the owner of the codec reuses its read buffer.
  virtual void on_body(std::span<const char> bytes) = 0;
  /// The message is complete.
  virtual void on_end(const Headers& trailers) = 0;
};

/// What a codec asks and tells the owner of its connection.
class CodecEvents {
 public:
  virtual ~CodecEvents() = default;
  /// The first byte of a message has arrived.
  virtual void on_begin(StreamId stream) = 0;
  /// The preface of HTTP/2 (RFC 9113 §3.4) stands where the first request should be (server role).  True:
  /// the owner speaks HTTP/2 from here on; this codec uses nothing of it and reads no more.
  virtual bool on_preface() { return false; }
  /// The sink for the message whose head is complete; null if nobody wants it (the owner then ends
  /// the connection).
  virtual MessageSink* sink(StreamId stream) = 0;
  /// The method of the request that a response answers (client role): it decides about the body.
  virtual Method request_method(StreamId stream) = 0;
  /// The bytes cannot be understood, or ended too early; the connection is of no more use.
  virtual void on_broken(StreamId stream, Failure failure) = 0;
};

class Codec {
 public:
  virtual ~Codec() = default;

  /// Reads `bytes` and returns how many were used.  Fewer than given means: keep the rest and feed it
  /// again, with more behind it, when there is more, when the sink wants body again, or after `next`.
  /// The bytes may be changed.
  virtual std::size_t feed(std::span<char> bytes) = 0;

  /// The peer has ended its direction, and all bytes before that have been fed.
  virtual void feed_end() = 0;

  virtual void write_request(StreamId stream, const RequestHead& head, const WriteOptions& options,
                             Gather& out) = 0;
  virtual void write_response(StreamId stream, const ResponseHead& head,
                              const WriteOptions& options, Gather& out) = 0;
  virtual void write_body(StreamId stream, std::span<const char> bytes, Gather& out) = 0;
  virtual void write_end(StreamId stream, const Headers& trailers, Gather& out) = 0;

  /// HTTP/1: forget the message that was read completely; the next one may begin.
  virtual void next() = 0;

  /// Reads no more and tells its sink nothing more: the connection is given up.
  virtual void stop() = 0;

  /// A head, or part of a message, has been read but not its end.
  virtual bool is_mid_message() const = 0;

  /// Body bytes that follow on the wire with nothing in between, which may therefore be moved past the
  /// codec; 0 if there are none or framing stands between them.  `skip_body` says that they were.
  virtual std::uint64_t plain_body() const = 0;
  virtual void skip_body(std::uint64_t bytes) = 0;
};

}  // namespace weir::http
