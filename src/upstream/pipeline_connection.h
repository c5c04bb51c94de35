// SPDX-License-Identifier: Apache-2.0
//
// PipelineConnection: a connection of HTTP/1.1 to one server on which requests stand in line: each is written as it comes,
// and answers are taken to be in the same order.  It is made of a connection that has served one request at a time.
//
// What an answer in front of others may not do is hold them up: whoever has waited for `slow`, and all behind an answer that
// ends the connection or is not taken by its client, goes to a connection of its own, and this one is left to the first.
// What nobody should send ends the connection at once, and no answer on it counts any more.
#pragma once

#include "base/list.h"
#include "base/pooled.h"
#include "event/deadline.h"
#include "net/feed.h"
#include "net/tcp.h"
#include "tls/transport.h"
#include "upstream/addresses.h"
#include "upstream/answer_series.h"
#include "upstream/pipeline_line.h"

#include <cstdint>
#include <memory>
#include <string_view>

namespace weir::upstream {

class Pipeline;

class PipelineConnection final : public Pooled<PipelineConnection>,
                                 public Hook,
                                 public event::Reaped,
                                 private net::TransportEvents,
                                 private AnswerSeriesEvents,
                                 private event::DeadlineEvents,
                                 private event::TaskEvents {
 public:
  explicit PipelineConnection(Pipeline& pipeline);
  ~PipelineConnection() override;

  /// Goes on over a connection without a request, which was dialled so; without one it ends after `idle_limit`
  /// microseconds, 0 = never.
  void take_over(net::TcpTransport& tcp, std::unique_ptr<tls::Transport> tls, const Dial& dial,
                 std::uint64_t idle_limit);

  /// It takes requests, though it may have no room.
  bool is_shared() const { return phase_ == Phase::Shared; }
  /// One more fits, and nothing in front of it would hold it up.
  bool has_room();
  /// Requests in line.
  std::uint32_t length() const { return line_.length(); }
  /// To be leased at once.
  PipelineCall* begin_call();
  /// The number of the address it is connected to.
  std::uint32_t address() const { return dial_.address; }
  /// Takes no new requests; ends when the last one has.
  void leave();
  /// Nothing is on the way, in either direction.
  bool may_be_shed() { return line_.is_idle() && !busy_; }

  // For its calls.

  Pipeline& pipeline() { return pipeline_; }
  /// The call takes its place at the end of the line; its request is to be written there.
  Gather& begin_request(PipelineCall& call, const ServerTimeouts& timeouts);
  /// Only the first is to have what else comes; the others go elsewhere, soon.
  void leave_to_first();
  bool is_left_to_first() const { return phase_ >= Phase::LeftToFirst; }
  /// Nobody wants what else comes: ends the connection, soon.
  void abandon();
  /// The first one's answer has come whole.
  void on_answered(PipelineCall& call);
  /// Reads what there is.
  void pump();
  /// What has come is no answer to what was asked: ends the connection.  The first fails so if the head of its answer has
  /// come; the others go elsewhere.
  void fault(std::string_view what, http::Failure failure = http::Failure::None);

 private:
  /// It never goes back to an earlier one.
  enum class Phase : std::uint8_t { Shared, Leaving, LeftToFirst, Over, Dead };

  void on_readable() noexcept override;
  void on_sent() noexcept override {}
  void on_deadline() noexcept override;
  void on_task() noexcept override;

  PipelineCall* expected() override;
  void on_begin() override;
  void on_unasked() override;
  void on_broken(http::Failure failure) override;

  net::Transport& transport() { return tls_ ? static_cast<net::Transport&>(*tls_) : tcp_; }
  void ended(net::Io how);
  void settle();
  void move_others();
  void wake_by(std::uint64_t moment);
  void check_first(std::uint64_t now);
  void check_waiting(std::uint64_t now);
  /// Ends it without blame; the first fails so, or goes elsewhere like the others.
  void drop(http::Failure of_first);
  void die();

  const net::Context& context_;
  Pipeline& pipeline_;
  net::TcpTransport tcp_;
  std::unique_ptr<tls::Transport> tls_;
  AnswerSeries answers_;
  Inbox inbox_;
  PipelineLine line_;
  event::Deadline deadline_;
  event::Task soon_;
  std::uint64_t idle_since_ = 0, idle_limit_ = 0;
  Dial dial_;
  Phase phase_ = Phase::Shared;
  bool busy_ = false;  ///< a call of ours is under way
};

}  // namespace weir::upstream
