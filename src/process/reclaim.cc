// SPDX-License-Identifier: Apache-2.0
#include "process/reclaim.h"

#include "base/cursor.h"
#include "base/text.h"
#include "config/units.h"
#include "net/address.h"
#include "net/gate.h"
#include "net/socket.h"
#include "process/orphan.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <string>
#include <utility>

namespace weir::process {

namespace {

using net::MessageType;

constexpr timeval answer_limit{3, 0};  // of one worker; a busy machine is no reason to lose clients

// The abstract names of Unix sockets that orphaned workers listen on; in the kernel's table a name begins with "@".
std::vector<std::string> offers() {
  std::vector<std::string> names;
  std::ifstream table("/proc/net/unix");
  for (std::string line; std::getline(table, line);) {
    const std::size_t at = line.rfind(concat("@", Orphan::name_prefix));
    if (at == std::string::npos) continue;
    std::string name = line.substr(at + 1);
    // A connection that was accepted has the same name as its listener.
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  return names;
}

Fd connect_to(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return fd;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &answer_limit, sizeof(answer_limit));
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &answer_limit, sizeof(answer_limit));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) fd.reset();
  return fd;
}

// Any process can offer sockets under such a name: only those that our own user created are taken.
bool is_what_it_says(const ListeningSocket& socket) {
  struct stat kind {};
  if (::fstat(socket.fd.get(), &kind) != 0 || !S_ISSOCK(kind.st_mode) ||
      kind.st_uid != ::geteuid() || !net::is_listening(socket.fd.get()))
    return false;
  sockaddr_un bound{};
  socklen_t size = sizeof(bound);
  if (::getsockname(socket.fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) return false;
  // The kernel shortens the address of a Unix socket to its path; ours are as long as the structure.
  if (bound.sun_family == AF_UNIX) size = sizeof(bound);
  const auto endpoint = config::parse_endpoint(socket.address);
  if (!endpoint) return false;
  const auto address = net::Address::from(*endpoint);
  return address && *address == net::Address::from(reinterpret_cast<sockaddr*>(&bound), size);
}

ino_t number_of(int fd) {
  struct stat kind {};
  return ::fstat(fd, &kind) == 0 ? kind.st_ino : 0;
}

}  // namespace

Reclaimed Reclaimed::ask(const std::set<std::string>& addresses) {
  Reclaimed reclaimed;
  for (const std::string& name : offers()) {
    Fd fd = connect_to(name);
    if (fd.is_open()) reclaimed.receive(net::Channel(std::move(fd)), addresses);
  }
  return reclaimed;
}

void Reclaimed::receive(net::Channel worker, const std::set<std::string>& addresses) {
  bool is_ours = false;
  while (true) {
    auto message = worker.receive();
    if (!message || message->type != MessageType::Sockets) return;
    if (message->descriptors.empty()) break;
    std::string_view lines = message->bytes;
    for (Fd& fd : message->descriptors) {
      ListeningSocket socket{std::move(fd), 0, std::string(take_until(lines, '\n'))};
      if (!addresses.contains(socket.address) || !is_what_it_says(socket)) continue;
      is_ours = true;
      if (known_.insert(number_of(socket.fd.get())).second) sockets_.push_back(std::move(socket));
    }
  }
  if (is_ours)
    workers_.push_back(std::move(worker));
  else
    (void)worker.send(MessageType::Declined);
}

void Reclaimed::own(const std::vector<ListeningSocket>& taken) {
  for (const ListeningSocket& socket : taken) net::set_owner(socket.fd.get(), ::getpid());
}

void Reclaimed::confirm() {
  for (net::Channel& worker : workers_) (void)worker.send(MessageType::Taken);
  workers_.clear();
  sockets_.clear();
}

}  // namespace weir::process
