// SPDX-License-Identifier: Apache-2.0
#include "admin/socket.h"

#include <sys/socket.h>

#include <string_view>

namespace weir::admin {

AdminSocket::AdminSocket(event::Loop& loop, Fleet& fleet, Fd fd, config::AdminLevel level)
    : loop_(loop), fleet_(fleet), fd_(std::move(fd)), level_(level) {
  watch_.start(loop, fd_.get(), event::Watch::Edge::LevelRead, *this);
}

AdminSocket::~AdminSocket() {
  while (AdminSession* session = sessions_.pop_front()) delete session;
}

void AdminSocket::on_ready(event::Ready) noexcept { (void)accept_one(); }

void AdminSocket::leave() {
  while (accept_one()) continue;
  watch_.stop();
  fd_.reset();
  sessions_.for_each([](AdminSession& session) { session.leave(); });
}

// False if there was nobody.
bool AdminSocket::accept_one() {
  Fd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client.is_open()) return false;
  std::size_t count = 0;
  sessions_.for_each([&count](AdminSession&) { ++count; });
  if (count >= most_clients) {
    static constexpr std::string_view busy = "error busy too many clients\n.\n";
    (void)!::send(client.get(), busy.data(), busy.size(), MSG_NOSIGNAL);
    return true;
  }
  sessions_.push_back(*new AdminSession(loop_, fleet_, std::move(client), level_));
  return true;
}

void AdminSocket::resume() {
  sessions_.for_each([](AdminSession& session) { session.resume(); });
}

}  // namespace weir::admin
