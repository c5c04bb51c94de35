// SPDX-License-Identifier: Apache-2.0
//
// Codecs: bytes on one connection <-> the events of messages, for either side of the proxy.  What a codec reads
// goes to MessageSinks, the same for all protocols, so they meet in any combination.  For its owner there are two
// kinds: a WireCodec (HTTP/1) has one message at a time, whose bytes may also be moved past it; a StreamCodec
// (HTTP/2) has many at a time, which share the connection.  What is special to a protocol or a role is said by
// its class: how messages begin, what a server or a client writes, how a connection ends.
//
// A codec has no socket and no clock: its owner feeds it what was read and sends what it wrote.
#pragma once

#include <weir/message.h>

#include "base/gather.h"
#include "http/failure.h"

#include <concepts>
#include <cstdint>
#include <span>

namespace weir::http {

/// Which message of a connection that has many.
using StreamId = std::uint32_t;

/// Where the events of one message go, in this order: on_head (for a response: interim heads first), on_body any
/// number of times, on_end.  After CodecEvents::on_broken nothing follows.
class MessageSink {
 public:
  virtual ~MessageSink() = default;

  /// A head is complete; it, and everything in it, is to live in this arena.
  virtual Arena& arena() = 0;
  /// A RequestHead in the server role, a ResponseHead in the client role.
  virtual void on_head(MessageHead& head) = 0;
  /// In place of on_head: the request is refused.  What could be understood of it, in the sink's arena, which may be nothing
  /// but the bytes received; why follows by on_broken or H2Events::on_refused.
  virtual void on_refused_head(RequestHead&) {}
  /// Asked before each piece of body: false leaves the rest unread until the owner feeds again.
  virtual bool wants_body() const = 0;
  /// A piece of the body; the bytes stay until the owner of the codec reuses its read buffer.
  virtual void on_body(std::span<const char> bytes) = 0;
  /// The message is complete.
  virtual void on_end(const Headers& trailers) = 0;
};

/// What every codec tells the owner of its connection.
class CodecEvents {
 public:
  /// The bytes cannot be understood, or ended too early; the connection is of no more use.
  virtual void on_broken(Failure failure) = 0;

 protected:
  ~CodecEvents() = default;
};

/// What those who move the bytes of a connection need of the codec that reads it: see net::Wire.
class WireCodec {
 public:
  /// Reads `bytes` and returns how many were used.  Fewer than given means: keep the rest and feed it
  /// again, with more behind it, when there is more, when the sink wants body again, or when another message may
  /// begin.  The bytes may be changed.
  virtual std::size_t feed(std::span<char> bytes) = 0;

  /// Body bytes that follow on the wire with nothing in between, which may therefore be moved past the
  /// codec; 0 if there are none or framing stands between them.  `skip_body` says that they were.
  virtual std::uint64_t plain_body() const = 0;
  virtual void skip_body(std::uint64_t bytes) = 0;

  /// Reads no more and tells its sink nothing more: the connection is given up, or belongs to somebody else.
  virtual void stop() = 0;

 protected:
  ~WireCodec() = default;
};

/// What a StreamCodec asks and tells the owner of its connection.
class StreamEvents : public CodecEvents {
 public:
  /// Microseconds of the monotonic clock.
  virtual std::uint64_t now() = 0;
  /// Bytes that were told to a sink are about to be reused: what points at them has to leave.
  virtual void flush() = 0;
  /// Body bytes written for a message have left, and there is room for more.
  virtual void on_sent(MessageSink&) {}
  /// The message is over: its sink is forgotten, and its handle is of no more use.
  virtual void on_closed(MessageSink& sink, Failure failure) = 0;
  /// A stream was reset: by the peer, or by us.
  virtual void on_reset(bool /*by_peer*/) {}

 protected:
  ~StreamEvents() = default;
};

/// A codec of many messages, in either role.  Each is known to its owner by a handle, which is good until the owner
/// has given it back or on_closed was told.  A concept and no base: whoever has such a codec knows which, and the way
/// of a request makes no virtual calls for it.
///
///     feed          understands what was read: all of it
///     write_body    more of a message that the owner writes; the bytes are copied
///     write_end     there is no more; trailers may be empty
///     resume        the sink wants body again: tells what was kept
///     queued        body bytes written that wait for the peer, for back-pressure
///     wants_write   there are frames to be sent
///     write_frames  puts frames of about so many bytes into the Gather; they point at kept bytes until forget_sent
///     end           nothing new is to begin on the connection; frames that say so are to be sent yet
///     stop          tells its sinks and its owner nothing more
template <typename Codec>
concept StreamCodec = requires(Codec& codec, typename Codec::Message& message,
                               std::span<const char> bytes, const Headers& trailers, Gather& out,
                               std::size_t most) {
  { codec.feed(bytes) } -> std::same_as<void>;
  { codec.write_body(message, bytes) } -> std::same_as<void>;
  { codec.write_end(message, trailers) } -> std::same_as<void>;
  { codec.resume(message) } -> std::same_as<void>;
  { Codec::queued(message) } -> std::same_as<std::size_t>;
  { codec.wants_write() } -> std::same_as<bool>;
  { codec.write_frames(out, most) } -> std::same_as<void>;
  { codec.forget_sent() } -> std::same_as<void>;
  { codec.end() } -> std::same_as<void>;
  { codec.stop() } -> std::same_as<void>;
};

}  // namespace weir::http
