// SPDX-License-Identifier: Apache-2.0
#include "process/notify.h"

#include "base/text.h"
#include "process/child.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace weir::process {

namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// A path, or with "@" in front a name in the abstract namespace.
std::string socket_address(std::string_view name) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (name.size() < 2 || name.size() >= sizeof(at.sun_path) || (name[0] != '/' && name[0] != '@'))
    return {};
  name.copy(at.sun_path, name.size());
  if (name[0] == '@') at.sun_path[0] = 0;
  std::size_t size = offsetof(sockaddr_un, sun_path) + name.size();
  return {reinterpret_cast<const char*>(&at), size};
}

}  // namespace

Notify::Notify() : address_(socket_address(variable("NOTIFY_SOCKET"))) {
  if (address_.empty()) return;
  socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  auto interval = to_number(variable("WATCHDOG_USEC"));
  auto pid = to_number(variable("WATCHDOG_PID"));
  if (!interval || (pid && *pid != static_cast<std::uint64_t>(::getpid()))) return;
  interval_us_ = *interval / 2;
}

void Notify::send(const std::string& lines) {
  if (!socket_.is_open()) return;
  (void)::sendto(socket_.get(), lines.data(), lines.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(address_.data()),
                 static_cast<socklen_t>(address_.size()));
}

void Notify::ready(std::string_view status) {
  send(concat("READY=1\nMAINPID=", std::to_string(::getpid()), "\nSTATUS=", status));
  if (interval_us_ > 0 && next_us_ == 0) next_us_ = monotonic_us() + interval_us_;
}

void Notify::reloading() {
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_us()) + "\nSTATUS=reloading");
}

void Notify::stopping() {
  if (std::exchange(stopping_, true)) return;
  send("STOPPING=1\nSTATUS=stopping");
}

void Notify::status(std::string_view text) { send(concat("STATUS=", text)); }

void Notify::beat(std::uint64_t now_us) {
  if (next_us_ == 0 || now_us < next_us_) return;
  next_us_ = now_us + interval_us_;
  send("WATCHDOG=1");
}

}  // namespace weir::process
