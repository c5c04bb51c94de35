// SPDX-License-Identifier: Apache-2.0
#include "process/admin_sockets.h"

#include <algorithm>
#include <utility>

namespace weir::process {

void AdminSockets::follow(const std::vector<AdminPlan>& plans, std::vector<Fd> sockets) {
  std::vector<One> before = std::exchange(sockets_, {});
  for (std::size_t i = 0; i < plans.size() && i < sockets.size(); ++i) {
    auto known = std::find_if(before.begin(), before.end(), [&](const One& one) {
      return one.socket && is_same(one.plan, plans[i]);
    });
    sockets_.push_back({plans[i], known != before.end()
                                      ? std::move(known->socket)
                                      : std::make_unique<admin::AdminSocket>(
                                            loop_, fleet_, std::move(sockets[i]), plans[i].level)});
  }
  for (One& one : before) {
    if (!one.socket) continue;
    one.socket->leave();
    leaving_.push_back(std::move(one.socket));
  }
}

void AdminSockets::resume() {
  std::erase_if(leaving_, [](const auto& socket) { return socket->is_empty(); });
  for (const auto& socket : leaving_) socket->resume();
  for (const One& one : sockets_) one.socket->resume();
}

}  // namespace weir::process
