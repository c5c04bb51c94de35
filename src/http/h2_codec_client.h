// SPDX-License-Identifier: Apache-2.0
//
// H2ClientCodec: HTTP/2 (RFC 9113) in the client role, by nghttp2: many requests at a time on one connection
// to a server.  Each is known to its owner by a handle, and its answer goes to a sink.
//
// Back-pressure is that of H2Codec: body bytes that a sink does not want yet are kept per message, bounded by
// the window the server was given, which opens by what was delivered; the connection's window opens at once,
// so that an answer nobody takes holds up no other.  Also what came whole before its sink wanted it is kept.
//
// Frames are made when the owner asks for them, so that all requests of one turn leave in one write.
#pragma once

#include "base/gather.h"
#include "base/list.h"
#include "base/region.h"
#include "http/codec.h"
#include "http/h1_writer.h"
#include "http/h2_answer_fields.h"
#include "http/h2_limits.h"

#include <cstdint>
#include <span>
#include <string_view>

struct nghttp2_session;

namespace weir::http {

/// What the codec tells the owner of a connection to a server.  on_closed is told of messages that ended before their
/// answer was complete, and says why; on_broken means that what runs on the connection is over for the same reason.
class H2ClientEvents : public StreamEvents {
 public:
  /// The server's settings have come, the first or others.
  virtual void on_settings() {}
  /// The server takes no new requests here; those it will not look at have been closed (StreamRefused).
  virtual void on_leaving() {}
  /// The server has answered `ping`.
  virtual void on_pong() {}

 protected:
  ~H2ClientEvents() = default;
};

class H2ClientCodec {
 public:
  /// One request and its answer.
  struct Message;

  /// `limits` (of heads) must outlive the codec.
  H2ClientCodec(const HeadLimits& limits, H2ClientEvents& events);
  ~H2ClientCodec();
  H2ClientCodec(const H2ClientCodec&) = delete;
  H2ClientCodec& operator=(const H2ClientCodec&) = delete;

  // As StreamCodec says.

  void feed(std::span<const char> bytes);
  void write_body(Message& message, std::span<const char> bytes);
  void write_end(Message& message, const Headers& trailers);
  void resume(Message& message);
  static std::size_t queued(const Message& message);
  bool wants_write() const;
  void write_frames(Gather& out, std::size_t most);
  void forget_sent();
  void end();
  void stop() { stopped_ = true; }

  /// Begins a request; `scheme` is what the server is spoken to by.  With `options.upgrade` it asks for a
  /// tunnel of that protocol (RFC 8441), whose answer has status 200.  Null if this connection can have no
  /// more requests at all.
  Message* open(const RequestHead& head, const WriteOptions& options, std::string_view scheme,
                MessageSink& sink);
  /// The owner is done with it, whether its answer is complete or not: the handle is of no more use.
  void close(Message& message);

  /// Asks the server for a sign of life.
  void ping();

  // What the server allows.

  /// Its first settings have come.
  bool knows_settings() const { return knows_settings_; }
  /// Requests it takes at a time.
  std::uint32_t most_streams() const;
  /// It takes extended CONNECT (RFC 8441 §3).
  bool takes_tunnels() const;

 private:
  struct Calls;  ///< what nghttp2 calls

  void finish_head(Message& message, bool ended);
  void finish_answer(Message& message, bool ended);
  void finish_trailers(Message& message, bool ended);
  void finish_body(Message& message);
  void let_in(std::size_t bytes);
  void take_body(Message& message, std::string_view bytes);
  void deliver(Message& message);
  void fail(Message& message, Failure failure, std::uint32_t code);
  void tell_closed(Message& message, Failure failure);
  void lose_sink(Message& message);
  void forget(Message& message);
  void sweep();
  void count(H2Abuse kind);
  void give_up(Failure failure);
  void tell_broken();

  H2ClientEvents& events_;
  const HeadLimits& limits_;
  Region memory_;  ///< of the session
  nghttp2_session* session_ = nullptr;
  H2AnswerFields fields_;          ///< of the header block that is arriving
  Message* reading_ = nullptr;     ///< whose block that is, if anybody wants it
  Gather* out_ = nullptr;          ///< while frames are made
  std::size_t room_ = 0;           ///< bytes that still go into it
  Message* last_found_ = nullptr;  ///< of those that nghttp2 knows
  List<Message> open_;
  List<Message> touched_;  ///< their bytes lie in a Gather
  List<Message> done_;     ///< to be destroyed when nobody is inside
  H2Limits abuse_;
  std::size_t arrived_ = 0;  ///< bytes of DATA by which the connection's window is not open again
  std::uint32_t growth_ = 0;
  std::uint32_t inside_ = 0;  ///< calls of ours that are under way
  bool knows_settings_ = false;
  bool broken_ = false;              ///< the connection ends for what the server did
  Failure verdict_ = Failure::None;  ///< why, until it is told
  bool stopped_ = false;             ///< tells nothing more
};

static_assert(StreamCodec<H2ClientCodec>);

}  // namespace weir::http
