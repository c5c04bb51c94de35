// SPDX-License-Identifier: Apache-2.0
//
// BodyMemory: what a worker's memory is spent on bodies that are held for the sake of filters, and how much that may be: all
// that lies in body pipes, and what is kept of requests to be sent again beyond what every request may keep.  It is counted in
// blocks, as it is used: a body of one byte takes one.  Whoever holds something has a Share, which gives it back at its end,
// however that comes.  What is bounded by other means is counted and not refused, so more may be held than the limit says.
#pragma once

#include <cstdint>
#include <utility>

namespace weir::proxy {

class Journal;

class BodyMemory {
 public:
  /// Tells the journal, which outlives it, how much is held.
  explicit BodyMemory(Journal& journal) : journal_(journal) {}
  BodyMemory(const BodyMemory&) = delete;
  BodyMemory& operator=(const BodyMemory&) = delete;

  /// How many bytes may be held; none is told: any.  If more are held now, those who hold them go by the former limit until it
  /// is less, so that a limit that sinks breaks nobody off.
  void limit(std::uint64_t bytes);
  std::uint64_t held() const { return held_; }
  /// A request has failed for want of it.
  void note_refusal();

  class Share;

 private:
  bool take(std::uint64_t bytes, bool is_holder);
  void add(std::uint64_t bytes);
  void give(std::uint64_t bytes);

  Journal& journal_;
  std::uint64_t held_ = 0;
  std::uint64_t limit_ = UINT64_MAX;
  std::uint64_t holders_limit_ = UINT64_MAX;  ///< of those who hold something; not below `limit_`
};

/// What one of them holds.
class BodyMemory::Share {
 public:
  /// `is_holder`: its owner holds something already, of which this takes over.
  explicit Share(BodyMemory& memory, bool is_holder = false)
      : memory_(memory), is_holder_(is_holder) {}
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  ~Share() { shrink_to(0); }

  std::uint64_t held() const { return held_; }
  /// False, and nothing is taken, if that is more than there may be.
  bool grow(std::uint64_t bytes) {
    if (bytes == 0) return true;
    if (!memory_.take(bytes, is_holder_ || held_ > 0)) return false;
    held_ += bytes;
    return true;
  }
  /// Takes as many in any case: for who is bounded by other means.
  void add(std::uint64_t bytes) {
    if (bytes == 0) return;
    memory_.add(bytes);
    held_ += bytes;
  }
  /// Gives back what is more than `bytes`.
  void shrink_to(std::uint64_t bytes) {
    if (held_ > bytes) memory_.give(std::exchange(held_, bytes) - bytes);
  }

 private:
  BodyMemory& memory_;
  std::uint64_t held_ = 0;
  const bool is_holder_;
};

}  // namespace weir::proxy
