// SPDX-License-Identifier: Apache-2.0
//
// Answer: what the client gets, from a head to the last byte: a server's, as fast as the client takes it, or one of weir's
// own.  Filters that want to see its body stand in between, and its head waits for those that want all of the body first.
// Until something has left for good, one answer may take the place of another.
#pragma once

#include <weir/stream.h>

#include "net/pump.h"
#include "net/send_stall.h"
#include "proxy/attempt.h"
#include "proxy/body_pipe.h"
#include "proxy/local_reply.h"
#include "proxy/producer.h"

#include <memory>
#include <optional>
#include <vector>

namespace weir::proxy {

class Dispatch;
class RequestBody;
class RequestLog;
struct StreamState;

class AnswerUser {
 public:
  /// All of it has been written.
  virtual void on_answered() = 0;
  /// The client has gone, as writing to it has shown.
  virtual void on_client_lost() = 0;

 protected:
  ~AnswerUser() = default;
};

class Answer final : public AnswerSink, public PipeOutlet, private ProducerUser {
 public:
  /// All outlive it.
  Answer(StreamState& state, AnswerUser& user, const RequestBody& body, const Dispatch& dispatch,
         RequestLog& log);

  // Which one it is.
  /// A server's, whose head has come.
  void take(ResponseHead& head);
  /// One of weir's own; its body is the reply's, or comes from `source` if that is not null.
  void take(const LocalReply& reply, BodySource* source);
  bool is_local() const { return local_.has_value(); }

  // How far it has come.
  /// Its head has been written.
  bool has_begun() const { return has_begun_; }
  /// All of it has.
  bool is_done() const { return is_done_; }
  /// Bytes that wait in a pipe for the client's socket.
  std::size_t held() const { return down_.held(); }
  /// It allows another request on this connection.
  bool may_keep() const { return keep_; }
  net::SendStall& stall() { return stall_; }

  // What is done with it.
  void write_interim(const ResponseHead& head);
  /// The filters have passed its head.  True if it may leave now: `write`.  False if a filter wants all of the body first;
  /// then PipeEvents::on_collected follows, possibly from inside this call.
  bool open();
  /// The head leaves, and of the body what there is; the rest follows as it comes.
  void write();
  /// Its head, after which the connection is something else.
  void write_switch(const http::WriteOptions& options);
  /// What it has become is over.
  void close() { is_done_ = true; }
  /// The client has room, or a filter has let the body go on.
  void go_on();
  /// It goes no further; possibly from inside a call of this.
  void stop();
  /// The client has taken some of it.
  void on_client_sent();
  /// The head of the server's answer and what is wrong with the rest came at once, and nothing has left yet: as if it
  /// had not been written.
  void take_back();
  /// It is the answer to a gRPC call, which ends with a status in its trailers (HTTP/2 only): a failure can still be told.
  /// Not if a length was announced, which would then be wrong.
  bool may_end_call() const;
  void end_call(http::Failure failure);

  // The server's.
  bool wants_answer() const override;
  void take_answer(std::span<const char> bytes) override;
  void take_answer_end(const Headers& trailers) override;
  bool can_move_answer() const override;
  net::IoResult move_answer() override;

  // Behind the filters.
  bool has_room() const override;
  void pass(std::span<const char> bytes) override;
  void pass_end(Headers& trailers) override { finish(trailers); }
  void flush() override;

 private:
  /// One of weir's own.
  struct Local {
    LocalReply reply;
    std::unique_ptr<Producer> producer{};  ///< of its body; null: that is the reply's
    bool is_fed = false;                   ///< its body is on its way
  };

  bool has_body() const;
  Framing framing(bool& keep) const;
  void start(const Framing& framing, bool keep);
  void feed();
  void end(Headers&& trailers);
  void finish(const Headers& trailers);

  bool wants_produced() const override { return wants_answer(); }
  void on_produced(std::span<const char> bytes) override { take_answer(bytes); }
  void on_produced_end() override { end(Headers()); }
  const event::Subject& subject() const override;

  StreamState& state_;
  AnswerUser& user_;
  const RequestBody& body_;
  const Dispatch& dispatch_;
  RequestLog& log_;
  std::optional<Local> local_;  ///< nothing: it is a server's
  std::vector<std::unique_ptr<Producer>>
      former_;  ///< of answers that were replaced; may be running
  net::Pump down_;
  net::SendStall stall_;
  std::optional<Headers>
      trailers_;            ///< all of it has come, and its end waits for the head to leave
  bool has_begun_ = false;  ///< its head has been written
  bool is_done_ = false;    ///< all of it has been written
  bool is_stopped_ = false;
  bool keep_ = false;
};

}  // namespace weir::proxy
