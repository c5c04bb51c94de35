// SPDX-License-Identifier: Apache-2.0
//
// ServerTable: the servers, as control has decided about them, for all workers to see.  One row a
// slot, written by control only.  Three columns are kept apart: what the file says (configured), what
// an operator or a program said since (override), what checks and traffic show (operational); what
// follows from all of them is worked out once, here, as ServerRow::use.
//
// Beside the rows runs a ring of the numbers of changed rows, so that a worker looks only at what
// has changed, and tells in `seen` how far it has come: a change is visible everywhere when every
// worker has seen it.  A worker that falls behind by a whole ring reads all rows again.
//
// A slot is given to another server only after every live worker has seen that the former one is
// gone and nothing is in flight there: a late release cannot hit a successor.
#pragma once

#include "shm/segment.h"
#include "shm/two_copies.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace weir::shm {

/// A socket address as bytes; size 0 = none.
struct SocketAddress {
  std::uint32_t size = 0;
  std::byte bytes[112] = {};
};

/// The addresses of one server: up to 16 IP addresses with one port, in ascending order and each once, or one Unix
/// socket.  What is equal is the same set.
struct AddressSet {
  static constexpr std::size_t most = 16, ip_size = 16;

  std::uint16_t count = 0;     ///< 0 = none
  std::uint16_t port = 0;      ///< in host order
  std::uint32_t is_local = 0;  ///< 1: `bytes` is the socket's address as the kernel takes it
  /// IPv4 as IPv6 (RFC 4291, 2.5.5.2).
  std::byte bytes[most * ip_size] = {};

  bool operator==(const AddressSet&) const = default;
};

/// How workers may use a server.
enum class Use : std::uint8_t {
  Free,      ///< no server has this slot
  Up,        ///< takes requests
  HalfOpen,  ///< takes exactly one, to see whether it is well again
  Starting,  ///< not known yet: requests wait rather than fail
  Drain,     ///< finishes what it has
  Down       ///< takes nothing
};

enum class Override : std::uint8_t { None, Up, Drain, Down };

enum class Health : std::uint8_t {
  Unchecked,  ///< its backend has no check
  Starting,   ///< has not passed a check yet
  Up,
  Down
};

enum class Ejection : std::uint8_t { None, Ejected, HalfOpen };

/// Since when, by whom and why something is as it is.
struct Mark {
  std::int64_t since_us = 0;  ///< wall clock, microseconds since the epoch
  char by[48] = {};           ///< "file", "check", "outlier", "uid 1000 pid 7", ...
  char why[120] = {};
};

/// What workers need of a server.
struct ServerRow {
  std::uint32_t incarnation = 0;  ///< of the slot; grows each time it is given away
  std::uint32_t backend = 0;      ///< its number
  std::uint32_t weight = 1;       ///< effective
  std::uint32_t max_in_flight = 0;
  Use use = Use::Free;
  bool backup = false;
  bool forced_out = false;  ///< drained or taken down by hand: panic does not use it
  char name[132] = {};
  AddressSet addresses;
};

/// What control keeps of it besides.
struct ServerColumns {
  bool runtime = false;     ///< added at run time
  bool leaving = false;     ///< removed, but it still has requests
  bool unresolved = false;  ///< its name was looked up and has never had an address
  char at[264] = {};        ///< the configured address as written
  SocketAddress configured_address, override_address;
  AddressSet resolved;           ///< what its name was last known to stand for
  char resolve_error[104] = {};  ///< why the last look-up gave nothing; empty if it gave something
  std::uint32_t configured_weight = 1;
  std::int32_t override_weight = -1;  ///< -1 = none
  Override override_state = Override::None;
  Health health = Health::Unchecked;
  Ejection ejection = Ejection::None;
  std::uint32_t ejections = 0;        ///< in a row
  std::int64_t ejected_until_us = 0;  ///< wall clock
  std::int64_t leave_by_us = 0;       ///< wall clock; when a leaving one is cut off
  Mark configured, operational;
  /// Each override has its own; empty while there is none.
  Mark overridden_state, overridden_weight, overridden_address, removed;
};

class ServerTable {
 public:
  explicit ServerTable(const Segment& segment);

  static std::size_t row_bytes(const Layout& layout);
  static std::size_t column_bytes(const Layout& layout);
  static std::size_t change_bytes(const Layout& layout);

  std::uint32_t capacity() const { return capacity_; }
  /// Slots below this number have been in use at some time.
  std::uint32_t used() const { return head_->used.load(std::memory_order_acquire); }

  ServerRow row(std::uint32_t slot) const { return rows_[slot].read(); }
  ServerColumns columns(std::uint32_t slot) const { return columns_[slot].read(); }

  // Control.

  /// Publishes a row and tells of it in the ring.  Columns first, so that a successor of a control that
  /// died in between finds the newer truth and publishes the row again.
  void publish(std::uint32_t slot, const ServerRow& row, const ServerColumns& columns);
  /// Whether all that was ever said of servers has been published, and not just a beginning of it.
  bool is_whole() const { return head_->whole.load() != 0; }
  void note_whole() { head_->whole.store(1); }
  /// Changes published so far.
  std::uint64_t changes() const { return head_->changes.load(std::memory_order_acquire); }
  /// How far a worker has come; never further than there are changes, unless it is not there (UINT64_MAX).
  std::uint64_t seen(std::uint32_t worker) const {
    const std::uint64_t seen = head_->seen[worker].load();
    return seen == UINT64_MAX ? seen : std::min(seen, changes());
  }
  /// Master: that worker is not there (any more), so nobody waits for it.
  void forget_worker(std::uint32_t worker) { head_->seen[worker].store(UINT64_MAX); }
  bool is_there(std::uint32_t worker) const { return seen(worker) != UINT64_MAX; }
  /// Control wants to be woken when a worker has seen so many; 0 = no more.
  void want_seen(std::uint64_t changes) { head_->wanted.store(changes); }
  /// The revision of a backend: how often something about its servers was changed.
  std::uint64_t revision(std::uint32_t backend) const { return revisions_[backend].load(); }
  void count_revision(std::uint32_t backend) { revisions_[backend].fetch_add(1); }

  // Workers.

  /// The next changed slot after `cursor` (which moves on), or -1 if there is none, or -2 if too many
  /// were missed: then read all rows from slot 0 on; `cursor` is where to go on afterwards.
  std::int64_t next_change(std::uint64_t& cursor) const;
  /// Says how far this worker has come; true if control waits to hear it.
  bool saw(std::uint32_t worker, std::uint64_t cursor) {
    std::uint64_t before = head_->seen[worker].exchange(cursor);
    std::uint64_t wanted = head_->wanted.load();
    return wanted != 0 && before < wanted && cursor >= wanted;
  }

 private:
  static constexpr std::uint32_t ring_size = 65'536;

  struct Head {
    std::atomic<std::uint32_t> used, whole;
    std::atomic<std::uint64_t> changes;
    std::atomic<std::uint64_t> wanted;
    std::atomic<std::uint64_t> seen[most_workers];
    std::atomic<std::uint32_t> ring[ring_size];
  };

  TwoCopies<ServerRow>* rows_;
  TwoCopies<ServerColumns>* columns_;
  Head* head_;
  std::atomic<std::uint64_t>* revisions_;
  std::uint32_t capacity_;
};

/// Copies a text into one of the fixed fields above, cut to fit and ended by a zero.
template <std::size_t size>
void set_text(char (&field)[size], std::string_view text) {
  std::size_t length = text.size() < size - 1 ? text.size() : size - 1;
  std::memset(field, 0, size);
  text.copy(field, length);
}

}  // namespace weir::shm
