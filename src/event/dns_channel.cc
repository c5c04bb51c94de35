// SPDX-License-Identifier: Apache-2.0
#include "event/dns_channel.h"

#include "base/assert.h"
#include "base/text.h"

// Debian 12 has none of what later versions of c-ares have instead.
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <arpa/inet.h>
#include <sys/time.h>

#include <algorithm>
#include <string_view>

namespace weir::event {

namespace {

// The first round over all name servers waits so long for each, the second one twice as long.
constexpr int timeout_ms = 2000, rounds = 2;

// "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53"; false if it is none of these.
bool read_server(std::string_view text, ares_addr_port_node& server) {
  server = {};
  const std::size_t colon = text.rfind(':');
  const bool has_port =
      text.starts_with('[') ? text.find("]:") != std::string_view::npos : colon == text.find(':');
  if (has_port && colon != std::string_view::npos) {
    const auto port = to_number<std::uint16_t>(text.substr(colon + 1));
    if (!port) return false;
    server.udp_port = server.tcp_port = *port;
    text = text.substr(0, colon);
  }
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const std::string address(text);
  server.family = AF_INET;
  if (inet_pton(AF_INET, address.c_str(), &server.addr) == 1) return true;
  server.family = AF_INET6;
  return inet_pton(AF_INET6, address.c_str(), &server.addr) == 1;
}

}  // namespace

/// One of the channel's sockets.  Level-triggered: c-ares does not always read until EAGAIN.
struct DnsChannel::Socket final : Reaped, ReadyEvents {
  Socket(DnsChannel& owner, int descriptor) : channel(owner), fd(descriptor) {}
  void on_ready(Ready ready) noexcept override {
    channel.process(ready.read ? fd : ARES_SOCKET_BAD, ready.write ? fd : ARES_SOCKET_BAD);
  }
  const char* call_name() const noexcept override { return "dns"; }

  DnsChannel& channel;
  int fd;
  Watch read, write;
};

DnsChannel::DnsChannel(Loop& loop, bool takes_failures) : loop_(loop), deadline_(*this) {
  WEIR_ASSERT(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
  ares_options options{};
  options.flags = takes_failures ? ARES_FLAG_NOCHECKRESP : 0;
  options.timeout = timeout_ms;
  options.tries = rounds;
  options.sock_state_cb = &DnsChannel::socket_changed;
  options.sock_state_cb_data = this;
  // No file says whom to ask or where to look.
  char nothing[] = "/dev/null", dns_only[] = "b";
  options.resolvconf_path = nothing;
  options.lookups = dns_only;
  const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                   ARES_OPT_RESOLVCONF | ARES_OPT_LOOKUPS;
  WEIR_ASSERT(ares_init_options(&channel_, &options, mask) == ARES_SUCCESS);
}

DnsChannel::~DnsChannel() {
  ares_destroy(channel_);
  ares_library_cleanup();
}

void DnsChannel::use(const std::vector<std::string>& nameservers) {
  ares_cancel(channel_);
  std::vector<ares_addr_port_node> servers;
  for (const std::string& text : nameservers)
    if (ares_addr_port_node server; read_server(text, server)) servers.push_back(server);
  has_servers_ = !servers.empty();
  for (std::size_t i = 1; i < servers.size(); ++i) servers[i - 1].next = &servers[i];
  WEIR_ASSERT(ares_set_servers_ports(channel_, servers.data()) == ARES_SUCCESS);
  arm();
}

void DnsChannel::query(const char* name, int type, Callback callback, void* argument) {
  constexpr int internet = 1;  // RFC 1035, 3.2.4
  ares_query(channel_, name, internet, type, callback, argument);
  arm();
}

void DnsChannel::process(int read_fd, int write_fd) {
  ares_process_fd(channel_, read_fd, write_fd);
  arm();
}

void DnsChannel::on_deadline() noexcept { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

void DnsChannel::arm() {
  timeval left{};
  if (!ares_timeout(channel_, nullptr, &left)) return deadline_.clear();
  const auto us = static_cast<std::uint64_t>(left.tv_sec) * 1'000'000 +
                  static_cast<std::uint64_t>(left.tv_usec);
  deadline_.set(loop_, loop_.now() + std::max<std::uint64_t>(us, 1));
}

void DnsChannel::socket_changed(void* channel, int fd, int read, int write) noexcept {
  static_cast<DnsChannel*>(channel)->follow(fd, read != 0, write != 0);
}

// Told before the descriptor is closed, with neither.
void DnsChannel::follow(int fd, bool read, bool write) {
  auto known = sockets_.find(fd);
  if (known == sockets_.end()) {
    if (!read && !write) return;
    known = sockets_.emplace(fd, new Socket(*this, fd)).first;
  }
  Socket& socket = *known->second;
  if (read != socket.read.is_started())
    read ? socket.read.start(loop_, fd, Watch::Edge::LevelRead, socket) : socket.read.stop();
  if (write != socket.write.is_started())
    write ? socket.write.start(loop_, fd, Watch::Edge::LevelWrite, socket) : socket.write.stop();
  if (read || write) return;
  // It may be the one that is being called.
  sockets_.erase(known);
  loop_.reap(socket);
}

}  // namespace weir::event
