// SPDX-License-Identifier: Apache-2.0
//
// AdminSockets: control's admin sockets, as the present plan wants them.
#pragma once

#include "admin/socket.h"
#include "process/plan.h"

#include <memory>
#include <vector>

namespace weir::process {

class AdminSockets {
 public:
  /// Both must outlive this.
  AdminSockets(event::Loop& loop, admin::Fleet& fleet) : loop_(loop), fleet_(fleet) {}

  /// Listens on these, one for each plan.  Those that are as before go on with their clients; clients of others get
  /// the replies they wait for.
  void follow(const std::vector<AdminPlan>& plans, std::vector<Fd> sockets);

  /// Replies may be due.
  void resume();

 private:
  struct One {
    AdminPlan plan;
    std::unique_ptr<admin::AdminSocket> socket;
  };

  event::Loop& loop_;
  admin::Fleet& fleet_;
  std::vector<One> sockets_;
  std::vector<std::unique_ptr<admin::AdminSocket>> leaving_;
};

}  // namespace weir::process
