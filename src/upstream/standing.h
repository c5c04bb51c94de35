// SPDX-License-Identifier: Apache-2.0
//
// Standing: whether requests may go to a server, and in which order the servers of a backend are asked.
// Workers choose by these rules (upstream/backend), and `explain` prints what follows from the same.
#pragma once

#include "shm/server_table.h"

#include <cstdint>

namespace weir::upstream {

/// All of a server that decides about it.
struct Standing {
  shm::Use use = shm::Use::Free;
  std::uint32_t weight = 0;
  bool is_backup = false;
  bool is_forced_out = false;  ///< drained or taken down by an operator
  bool has_address = false;
  bool is_limited = false;  ///< by max_in_flight
};

inline Standing standing_of(const shm::ServerRow& row) {
  return {row.use,
          row.weight,
          row.backup,
          row.forced_out,
          row.addresses.count > 0,
          row.max_in_flight > 0};
}

/// Tells whether a backend is in panic: under a share of the weight of its servers is usable.  Backups do not
/// count, nor what an operator has taken out.
class PanicScale {
 public:
  void add(const Standing& server) {
    if (server.is_backup || server.is_forced_out) return;
    all_ += server.weight;
    // Of a starting server nothing bad is known.
    if (server.use == shm::Use::Up || server.use == shm::Use::Starting) usable_ += server.weight;
  }
  /// `percent`: what `panic` says; 0 = never.
  bool is_panic(std::uint32_t percent) const { return usable_ * 100 < all_ * percent; }

 private:
  std::uint64_t usable_ = 0, all_ = 0;
};

/// What a backend uses a server for.
struct Duty {
  bool regular = false;  ///< the balancer may choose it: among the primary servers, or as a backup
  bool trial = false;    ///< it is half-open: one request at a time tries it
  bool awaited = false;  ///< requests wait for it rather than fail
};

inline Duty duty_of(const Standing& server, bool panic) {
  const bool is_starting = server.use == shm::Use::Starting;
  Duty duty;
  if (server.weight > 0) {
    // A panic uses whatever may answer.
    duty.regular = panic ? !server.is_forced_out && !is_starting && server.has_address
                         : server.use == shm::Use::Up;
    // In a panic as well: without a trial it would stay half-open, and the panic with it.
    duty.trial = server.use == shm::Use::HalfOpen;
  }
  duty.awaited = is_starting || (duty.regular && server.is_limited);
  return duty;
}

/// The steps of a choice.  The first that finds a server decides; if none does and a server is awaited the
/// request waits, else it goes to the backend's fallback.
enum class Step : std::uint8_t { Trial, Primary, Backup };
inline constexpr Step choosing_order[] = {Step::Trial, Step::Primary, Step::Backup};

}  // namespace weir::upstream
