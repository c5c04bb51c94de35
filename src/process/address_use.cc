// SPDX-License-Identifier: Apache-2.0
#include "process/address_use.h"

#include "base/fd.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

namespace weir::process {

namespace {

// True if a bind that shares nothing succeeds.  Sockets that are bound and do not listen count as well.
bool is_free(const net::Address& address) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  int on = 1;
  // Without it connections that are over would be in the way.
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.family() == AF_INET6)
    (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  return ::bind(fd.get(), address.get(), address.size()) == 0 || errno != EADDRINUSE;
}

bool is_any(const std::string& hex) { return hex.find_first_not_of('0') == std::string::npos; }

// An address as /proc/net/tcp has it: words of four bytes in the order of this machine, in hex.
std::string hex_of(const net::Address& address) {
  int count = 0;
  const std::uint8_t* bytes = address.bytes(count);
  std::string text;
  for (int at = 0; at < count; at += 4) {
    std::uint32_t word;
    std::memcpy(&word, bytes + at, sizeof(word));
    char hex[9];
    std::snprintf(hex, sizeof(hex), "%08X", word);
    text += hex;
  }
  return text;
}

// Numbers of the sockets that listen on the address, in one of the kernel's tables.
std::set<ino_t> listening(const char* table, const net::Address& address) {
  std::set<ino_t> found;
  std::ifstream file(table);
  const std::string wanted = hex_of(address);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string skipped, local, state;
    words >> skipped >> local >> skipped >> state;
    const std::size_t colon = local.find(':');
    // Those that listen come first (proc_net_tcp.rst); behind them may be a hundred thousand connections.
    if (state != "0A") break;
    if (colon == std::string::npos) continue;
    const std::string host = local.substr(0, colon);
    if (std::stoul(local.substr(colon + 1), nullptr, 16) != address.port()) continue;
    if (host != wanted && !is_any(host) && !is_any(wanted)) continue;
    for (int i = 0; i < 5; ++i) words >> skipped;
    if (ino_t number = 0; words >> number) found.insert(number);
  }
  return found;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A process that a master has started, which ends with it sooner or later.
bool is_worker(const std::string& process) {
  const std::string words = read_text(process + "/cmdline");
  constexpr std::string_view expected("\0--role\0worker\0", 15);
  const std::size_t end = words.find('\0');
  return end != std::string::npos && std::string_view(words).substr(end).starts_with(expected);
}

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory open_directory(const std::string& path) { return {::opendir(path.c_str()), ::closedir}; }

// Whether the process has one of these sockets open; nothing of one whose descriptors we may not see.
bool has_open(const std::string& process, const std::set<ino_t>& sockets) {
  const std::string path = process + "/fd";
  Directory all = open_directory(path);
  while (const dirent* each = all ? ::readdir(all.get()) : nullptr) {
    char target[64];
    const ssize_t size = ::readlink((path + "/" + each->d_name).c_str(), target, sizeof(target));
    std::string_view text(target, size > 0 ? static_cast<std::size_t>(size) : 0);
    if (!text.starts_with("socket:[")) continue;
    if (sockets.contains(to_number<ino_t>(text.substr(8, text.size() - 9)).value_or(0)))
      return true;
  }
  return false;
}

bool may_look(const std::string& process) { return ::access((process + "/fd").c_str(), R_OK) == 0; }

void find_processes(const std::set<ino_t>& sockets, AddressUse& use) {
  Directory all = open_directory("/proc");
  while (const dirent* each = all ? ::readdir(all.get()) : nullptr) {
    const auto pid = to_number<pid_t>(each->d_name);
    if (!pid || *pid == ::getpid()) continue;
    const std::string process = concat("/proc/", each->d_name);
    const bool worker = is_worker(process);
    // Descriptors of processes of another user cannot be read: any worker may be the one that holds the address.
    const bool holds = has_open(process, sockets) || (worker && !may_look(process));
    if (!holds) continue;
    if (worker) {
      use.orphans.push_back(*pid);
    } else if (use.by == 0) {
      use.by = *pid;
      use.command = read_text(process + "/comm");
      if (use.command.ends_with('\n')) use.command.pop_back();
    }
  }
}

}  // namespace

AddressUse look_for_use(const net::Address& address, const std::set<ino_t>& own) {
  AddressUse use;
  if (address.family() == AF_UNIX || address.port() == 0 || is_free(address)) return use;
  const bool v4 = address.family() == AF_INET;
  std::set<ino_t> sockets = listening(v4 ? "/proc/net/tcp" : "/proc/net/tcp6", address);
  for (const ino_t each : own) sockets.erase(each);
  use.is_used = !sockets.empty();
  if (use.is_used) find_processes(sockets, use);
  return use;
}

std::string objection(const AddressUse& use, bool has_lock, std::string& note) {
  if (!use.is_used) return {};
  if (use.by != 0)
    return concat("in use by process ", std::to_string(use.by), " (", use.command,
                  "); write \"shared\" behind the address to share it on purpose");
  if (use.orphans.empty() && !has_lock)
    return "in use by a process that cannot be seen from here; write \"shared\" behind the "
           "address to share it on purpose";
  std::string who;
  for (const pid_t each : use.orphans) who += concat(who.empty() ? "" : ", ", std::to_string(each));
  note =
      concat("workers of a weir that has died still listen on it", who.empty() ? "" : ", process ",
             who, "; new clients are shared with them until they end");
  return {};
}

std::string sharing(const AddressUse& use) {
  if (use.by == 0) return {};
  return concat("process ", std::to_string(use.by), " (", use.command,
                ") listens on it too, and shares its clients from now on; whether \"shared\" is "
                "written there as well cannot be seen from here");
}

}  // namespace weir::process
