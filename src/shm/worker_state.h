// SPDX-License-Identifier: Apache-2.0
//
// WorkerState: what a worker counts and what it is doing; one writer, the worker.  Counters are plain
// stores and survive its death: the next incarnation goes on counting where it stopped.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>

namespace weir::shm {

enum class Count : std::uint32_t {
  ClientsAccepted,
  ClientsOpen,
  Requests,
  Responses1xx,
  Responses2xx,
  Responses3xx,
  Responses4xx,
  Responses5xx,
  BytesIn,
  BytesOut,
  Attempts,
  FieldsDropped,
  Incarnation,  ///< which replacement this worker is
  LongestTurn,  ///< of its loop, of late, in microseconds
  LongestCall,  ///< the same of a single call; `call_name` says of what
  Leaving,      ///< 1 = it drains and will end
  Quarantined,  ///< requests refused since their like has crashed workers
  H2Resets,     ///< connections ended for abuse; from here on in the order of http::H2Abuse
  H2Streams,
  H2Settings,
  H2Pings,
  H2Priorities,
  H2WindowUpdates,
  H2EmptyFrames,
  H2Fields,
  H2Floods,
  HandshakesResumed,  ///< of TLS with clients that went well, those that took a session up again
  HandshakesClosed,   ///< from here on: that failed, in the order of tls::Failure
  HandshakesTimeout,
  HandshakesNotTls,
  HandshakesVersion,
  HandshakesTerms,
  HandshakesAlpn,
  HandshakesCertificate,
  HandshakesAlert,
  HandshakesProtocol,
  HandshakesV12,  ///< those that went well, by what they agreed on
  HandshakesV13,
  RequestsHttp10,  ///< those that were understood, by what the client speaks, as Protocol counts
  RequestsHttp11,
  RequestsH2,
  H2ClientsOpen,
  H2ClientsAccepted,  ///< who turned out to speak HTTP/2
  H2ResetsByClients,
  H2ResetsByUs,
  BodyMemory,    ///< bytes that bodies held for filters take now
  BodyRefusals,  ///< requests that failed since they would have taken too many
  Last
};

class WorkerState {
 public:
  WorkerState(const Segment& segment, std::uint32_t worker)
      : row_(reinterpret_cast<Row*>(segment.region("workers").data()) + worker) {}

  static std::size_t bytes(const Layout& layout) { return sizeof(Row) * layout.workers; }

  /// Owner only.
  void add(Count what, std::uint64_t amount) {
    auto& cell = row_->counts[static_cast<std::size_t>(what)];
    cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(Count what, std::uint64_t value) {
    row_->counts[static_cast<std::size_t>(what)].store(value, std::memory_order_relaxed);
  }
  std::uint64_t get(Count what) const {
    return row_->counts[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
  }

  /// The number of the loop's present turn, 0 while it waits.
  std::atomic<std::uint64_t>& turn() { return row_->turn; }
  std::uint64_t turn() const { return row_->turn.load(std::memory_order_relaxed); }

  /// What the longest call was made to, at most 23 bytes.
  void set_call_name(std::string_view name) {
    char text[sizeof(row_->call_name)] = {};
    name.copy(text, sizeof(text) - 1);
    for (std::size_t i = 0; i < std::size(row_->call_name); ++i) {
      std::uint64_t word;
      std::memcpy(&word, text + i * sizeof(word), sizeof(word));
      row_->call_name[i].store(word, std::memory_order_relaxed);
    }
  }
  std::string call_name() const {
    char text[sizeof(row_->call_name)];
    for (std::size_t i = 0; i < std::size(row_->call_name); ++i) {
      std::uint64_t word = row_->call_name[i].load(std::memory_order_relaxed);
      std::memcpy(text + i * sizeof(word), &word, sizeof(word));
    }
    text[sizeof(text) - 1] = 0;
    return text;
  }

 private:
  struct alignas(64) Row {
    std::atomic<std::uint64_t> counts[64];
    std::atomic<std::uint64_t> call_name[3];
    std::atomic<std::uint64_t> turn;
  };
  static_assert(static_cast<std::size_t>(Count::Last) <= 64);

  Row* row_;
};

}  // namespace weir::shm
