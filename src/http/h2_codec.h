// SPDX-License-Identifier: Apache-2.0
//
// H2Codec: HTTP/2 (RFC 9113) in the server role, by nghttp2: many messages at a time on one connection,
// each on a stream of its own.
//
// Towards us: body bytes that a sink does not want yet are kept per message, bounded by the window the
// client was given, and the window is opened again only by what was delivered.  The connection's window
// is opened at once, so that a message nobody reads holds up no other.  Towards the client: body bytes
// are kept per message until the windows and the socket take them; `queued` is for back-pressure.
//
// Frames are made when the owner asks for them, so that those of one turn leave in one write.
//
// No request is passed on while the bytes it came in are being parsed: its head is held until the owner calls
// `tell_held`, after everything that was read has been judged.  A request that the same read resets, or
// that comes before an error of the connection, thus never reaches a server.
#pragma once

#include "base/buffer.h"
#include "base/list.h"
#include "base/region.h"
#include "http/codec.h"
#include "http/h1_writer.h"
#include "http/h2_fields.h"
#include "http/h2_frame_heads.h"
#include "http/h2_late_streams.h"
#include "http/h2_limits.h"

#include <optional>
#include <vector>

struct nghttp2_session;

namespace weir::http {

class H2Events;

class H2Codec {
 public:
  /// One request and its answer.
  struct Message;

  /// A message's window at first; it grows while its sink keeps up with everything.
  static constexpr std::uint32_t first_window = 65'535;
  /// By how much the windows of all messages of a connection may have grown together, if one may so far.
  static constexpr std::uint32_t most_growth = 4 << 20;

  /// `limits` must outlive the codec.
  H2Codec(const HeadLimits& limits, H2Events& events, const H2Room& room = {});
  ~H2Codec();
  H2Codec(const H2Codec&) = delete;
  H2Codec& operator=(const H2Codec&) = delete;

  // As StreamCodec says.

  void feed(std::span<const char> bytes);
  void write_body(Message& message, std::span<const char> bytes);
  void write_end(Message& message, const Headers& trailers);
  void resume(Message& message);
  static std::size_t queued(const Message& message);
  bool wants_write() const;
  void write_frames(Gather& out, std::size_t most);
  void forget_sent();
  void stop() { stopped_ = true; }

  /// An answer's head, or an interim one.  `head` has to stay until frames are made.
  void write_response(Message& message, const ResponseHead& head, const WriteOptions& options);
  /// Forgets an answer of which no frame has been made yet; false if there is none.
  bool take_back(Message& message);
  /// As write_body, with frames made at once: they point at `bytes`, and only what the windows do not
  /// allow now is copied.  The owner sends `out` before it does anything else.
  void write_through(Message& message, std::span<const char> bytes, Gather& out);
  /// Ends the message at once and forgets its sink; the client learns a code for the reason.  Its handle is of no
  /// more use.
  void reset(Message& message, Failure reason);
  /// What is queued could leave now, as far as the windows are concerned.
  bool has_window(const Message& message) const;

  /// First step of an orderly end (RFC 9113 §6.8): the client is to begin nothing new here; what is on
  /// its way is served.  Second step, after on_end_known or some time: nothing new is served.
  void announce_end();
  void end();
  /// Neither side has anything more to say.
  bool is_over() const;
  /// All has been said: gives its memory back, and with it all handles.  Not while it is being fed or makes frames.
  void close();

  /// The message's head is not waited for any more: tells its sink by on_refused_head what of it has come.
  void tell_partly(Message& message);

  /// Requests are held that `tell_held` would pass on.
  bool has_held() const { return !held_.empty() && !is_holding(); }
  /// Passes held requests on to their sinks, in order, until H2Events::is_late.  To be called when all bytes read so
  /// far have been fed and the frames they caused have been sent.
  void tell_held();

  /// Gives back what an idle connection does not need; whatever comes next wakes it.  Only without messages.
  void rest() { memory_->rest(); }
  bool is_resting() const { return memory_->is_resting(); }

 private:
  struct Calls;  ///< what nghttp2 calls

  nghttp2_session* awake() const;
  Message* find(StreamId stream) const;
  void begin(StreamId stream);
  void tell(Message& message, RequestHead& head);
  /// Many of its requests are reset, by the client or for what it does.
  bool is_wasteful() const { return wasted_ * 8 > begun_; }
  /// Nothing is passed on: the connection is ending, or the client has begun more streams than allowed before it
  /// acknowledged the limit.  An honest client acknowledges it at once; one that does not read never does.
  bool is_holding() const { return stopped_ || deaf_ || overrun_; }
  void finish_head(Message& message, bool ended);
  void finish_trailers(Message& message);
  void take_body(Message& message, std::string_view bytes);
  void deliver(Message& message);
  void submit_staged();
  void submit(Message& message);
  void finish_out(Message& message);
  void drop_body(Message& message, std::size_t bytes);
  void close(Message& message, std::uint32_t error);
  ssize_t understand(std::span<const char> bytes);
  void discard(StreamId stream);
  bool judge_closed(StreamId stream);
  void count(H2Abuse kind);
  void blame(H2Abuse kind);
  void break_off(std::uint32_t error);
  int goes_on() const;
  void note_windows(bool before);

  H2Events& events_;
  const HeadLimits& limits_;
  mutable std::optional<Region> memory_;  ///< of the session
  nghttp2_session* session_ = nullptr;
  H2Fields::Lease fields_;  ///< of the header block that is arriving
  Gather* out_ = nullptr;   ///< while frames are made
  std::size_t room_ = 0;    ///< bytes that still go into it
  List<Message> open_;
  List<Message> held_;            ///< in order
  std::vector<StreamId> staged_;  ///< answers whose heads become frames with the next ones
  List<Message> touched_;         ///< their bytes lie in a Gather, or they are over
  H2Limits abuse_;
  H2Room granted_;
  H2FrameHeads heads_;
  H2LateStreams late_;
  std::uint32_t growth_ = 0;
  std::uint32_t open_count_ = 0;
  std::int64_t widest_ = 0;  ///< of the windows towards the client, less what SETTINGS gave to all
  std::uint64_t begun_ = 0;  ///< requests,
  std::uint64_t wasted_ =
      0;  ///< and those of them that the client reset, or that were reset for what it did
  StreamId highest_ = 0;                        ///< of the requests so far
  StreamId served_ = INT32_MAX;                 ///< the highest one that is served, by our GOAWAY
  StreamId skipped_from_ = 0, skipped_to_ = 0;  ///< never used, and never to be: RFC 9113 §5.1.1
  std::uint32_t discarded_ = 0;                 ///< DATA frames of closed streams
  bool calmed_ = false;                         ///< the client has been sent away for what it did
  bool settings_sent_ = false;  ///< ours, which the client may acknowledge from now on
  bool overrun_ = false;        ///< streams were refused, and the limit is not acknowledged yet
  bool deaf_ =
      false;  ///< whatever else the client has to say is of no interest: the connection is ending
  bool asked_ = false;    ///< a PING of ours has not been answered
  bool stopped_ = false;  ///< tells its sinks nothing more
  bool feeding_ = false;  ///< nghttp2 may not be asked for frames now
};

static_assert(StreamCodec<H2Codec>);

/// What an H2Codec asks and tells the owner of its connection.  on_closed is told of every message: None if its answer
/// is complete, in frames that leave now; RequestSyntax if it was malformed and has been reset; ClientGone if the client
/// has reset it.
class H2Events : public StreamEvents {
 public:
  /// A head begins: where its message is to go, for the fields to lie in its arena; null refuses the stream.
  virtual MessageSink* sink(H2Codec::Message& message, StreamId stream) = 0;
  /// A request's head is complete and held: its sink gets it by `tell_held`.  Valid as long as the sink's arena.
  virtual void on_held(MessageSink& /*sink*/, RequestHead& /*head*/) {}
  /// The request is well-formed but cannot be served; the sink gets no head, and answers.
  virtual void on_refused(MessageSink& sink, Failure failure) = 0;
  /// The client does too much of something; the connection is ending.
  virtual void on_abuse(H2Abuse kind) = 0;
  /// The client has begun far more streams than allowed before it acknowledged the limit: they are refused, and it is
  /// to be told that no more are taken.  Those that were allowed are served as soon as it acknowledges.
  virtual void on_overrun() = 0;
  /// The client has had its share of this turn: other requests of it are told later.
  virtual bool is_late() { return false; }
  /// Whatever the client sent before it learned of `announce_end` has arrived.
  virtual void on_end_known() = 0;

 protected:
  ~H2Events() = default;
};

}  // namespace weir::http
