// SPDX-License-Identifier: Apache-2.0
//
// Pipeline: the connections to one server that requests share, one behind the other, as `pipeline` allows.  HTTP/1 answers
// have no name: that each comes for the oldest open request is all that is known of it.  So a server has to have shown that
// it keeps to that (PipelineTrust), and whatever is not surely safe has a connection of its own.
#pragma once

#include <weir/message.h>

#include "base/list.h"
#include "shm/shared_connections.h"
#include "upstream/pipeline_connection.h"
#include "upstream/pipeline_trust.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::upstream {

class Server;

/// Why it has to have a connection of its own; empty: it may share one, since sending it again does no harm, and its answer is
/// for everybody who may ask the server, or with `credentials` also for one user alone.
std::string_view why_alone(const RequestHead& request, bool credentials);

/// What `pipeline` says, as it was last.
struct PipelineTerms {
  std::uint32_t connections, depth;
  std::uint64_t body, slow_us;
};

class Pipeline {
 public:
  Pipeline(const net::Context& context, Server& server) : context_(context), server_(server) {}
  ~Pipeline();

  /// A place for the request, to be leased at once; null: it is to have a connection of its own.
  ServerSide* take(const RequestHead& request);

  /// An answer has ended on a connection that is kept.
  void note_answer() { trust_.note_answer(); }
  /// An answer of 401, on any connection: with some schemes who asks is known by the connection.
  void note_challenge(const Headers& headers);
  /// Nothing new on the connections there are: they end with what is on them.
  void leave();
  /// Those to addresses that are not the server's any more leave.
  void leave_addresses();
  /// Closes connections without requests, at most so many; returns how many.
  std::size_t shed_idle(std::size_t most);

  // For its connections.

  const net::Context& context() const { return context_; }
  const PipelineTerms& terms() const { return terms_; }
  const http::HeadLimits& answer_limits() const;
  /// For answers that nobody wants; what lies there is good until one of them ends.
  Arena& scratch() { return scratch_; }
  /// For the numbers of the server.
  void count(shm::SharedCount what);
  void count_closed();
  /// The server did what no honest one does.
  void note_fault(std::string_view what);
  /// A request has waited for too long behind another one.
  void note_slow();
  /// An answer has ended, so many microseconds after it could begin.
  void note_answer_time(std::uint64_t us) { eight_answers_us_ += us - eight_answers_us_ / 8; }
  /// What the requests in front of another one are likely to take, if there are so many.
  std::uint64_t expected_us(std::uint32_t in_front) const {
    return in_front * (eight_answers_us_ / 8);
  }

 private:
  PipelineConnection* choose();

  const net::Context& context_;
  Server& server_;
  PipelineTerms terms_{};
  PipelineTrust trust_;
  Arena scratch_;
  std::uint64_t eight_answers_us_ = 0;  ///< of the last ones, each older one weighing less
  List<PipelineConnection> connections_;
};

}  // namespace weir::upstream
