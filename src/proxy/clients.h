// SPDX-License-Identifier: Apache-2.0
//
// Clients: the connections of one listener's clients at this worker, and what is done with all of them while the listener
// drains: idle ones are closed, all are expelled, those left are counted.  There may be 100,000, so such a round has an
// eighth of a millisecond of each loop iteration.  Clients are visited in order, newcomers last.
#pragma once

#include "event/loop.h"
#include "proxy/client_connection.h"
#include "shm/drain.h"
#include "shm/report.h"

#include <cstddef>
#include <cstdint>

namespace weir::proxy {

class Clients final : private event::TaskEvents {
 public:
  /// What a round does with each client, besides counting it.
  struct Round {
    bool closes_idle = false;  ///< see ClientConnection::close_if_quiet
    bool expels =
        false;  ///< politely first; at once in rounds that begin a second after the first has ended
  };

  explicit Clients(event::Loop& loop) : loop_(loop), go_on_(*this) {}
  /// Destroys the clients.
  ~Clients();

  /// Takes ownership until the client ends; it joins the next round.
  void enter(ClientConnection& client);
  /// Begins a round, and does the first part of it, unless one is under way.
  void begin(Round round);
  /// They stay: a round under way ends here, and what earlier ones have counted is forgotten.
  void welcome();

  /// The clients that the last complete round has left.  Who has not been looked at since `welcome` or has come after that
  /// round counts as idle: a drain ends only when nobody is (admin/drains).  `all`: the number of clients now.
  shm::ClientsLeft left(std::size_t all) const;

  /// Fills in rows of `report`, from `at` on, as far as there is room; returns the row behind the last.
  std::uint32_t describe(shm::Report& report, std::uint32_t at);

 private:
  void on_task() noexcept override { walk(); }
  void walk();
  void visit(ClientConnection& client);
  void finish();

  event::Loop& loop_;
  event::Task go_on_;
  List<ClientConnection> waiting_;  ///< to be visited in this round
  List<ClientConnection> visited_;  ///< the others
  Round round_;                     ///< the last one that was begun
  bool under_way_ = false;
  bool at_once_ = false;           ///< expels this round's clients without waiting for anything
  std::uint64_t expelled_at_ = 0;  ///< when the first round that expels ended; 0 = not yet
  shm::ClientsLeft counting_;      ///< by the round under way
  shm::ClientsLeft counted_;       ///< by the last complete one
  bool has_counted_ = false;       ///< there was one since `welcome`
  std::size_t entered_ = 0;        ///< clients so far
  std::size_t counting_from_ = 0;  ///< `entered_` when the round under way began
  std::size_t counted_from_ = 0;   ///< `entered_` when the last complete one began
};

}  // namespace weir::proxy
