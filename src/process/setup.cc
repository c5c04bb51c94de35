// SPDX-License-Identifier: Apache-2.0
#include "process/setup.h"

#include <cstring>

namespace weir::process {

namespace {

struct Header {
  Role role;
  std::uint32_t index, incarnation, descriptors, wakers, sockets, admin, state, has_error_log,
      has_access_log;
};

}  // namespace

const char* role_name(Role role) {
  switch (role) {
    case Role::Loader: return "loader";
    case Role::Control: return "control";
    case Role::Writer: return "writer";
    case Role::Worker: return "worker";
  }
  return "";
}

Result<void> send_setup(net::Channel& channel, const Setup& setup) {
  std::vector<int> all{setup.shared.get(), setup.bundle.get()};
  if (setup.error_log.is_open()) all.push_back(setup.error_log.get());
  if (setup.access_log.is_open()) all.push_back(setup.access_log.get());
  for (const std::vector<Fd>* some : {&setup.wakers, &setup.admin, &setup.state})
    for (const Fd& fd : *some) all.push_back(fd.get());
  std::string owners;
  for (const ListeningSocket& socket : setup.sockets) {
    all.push_back(socket.fd.get());
    owners += std::to_string(socket.listener) + " ";
  }
  Header header{setup.role,
                setup.index,
                setup.incarnation,
                static_cast<std::uint32_t>(all.size()),
                static_cast<std::uint32_t>(setup.wakers.size()),
                static_cast<std::uint32_t>(setup.sockets.size()),
                static_cast<std::uint32_t>(setup.admin.size()),
                static_cast<std::uint32_t>(setup.state.size()),
                setup.error_log.is_open(),
                setup.access_log.is_open()};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes += owners + "\n" + write_plan(setup.plan);
  if (auto sent = channel.send(net::MessageType::Setup, bytes); !sent) return sent;
  for (std::size_t at = 0; at < all.size(); at += net::Channel::most_descriptors) {
    std::size_t end = std::min(all.size(), at + net::Channel::most_descriptors);
    std::vector<int> part(all.begin() + static_cast<std::ptrdiff_t>(at),
                          all.begin() + static_cast<std::ptrdiff_t>(end));
    if (auto sent = channel.send(net::MessageType::Descriptors, {}, part); !sent) return sent;
  }
  return {};
}

Result<Setup> receive_setup(net::Channel& channel) {
  auto first = channel.receive();
  if (!first) return first.error();
  Header header;
  if (first->type != net::MessageType::Setup || first->bytes.size() < sizeof(header))
    return Error(Errc::Protocol, "no setup came from the master");
  std::memcpy(&header, first->bytes.data(), sizeof(header));
  std::string_view rest = std::string_view(first->bytes).substr(sizeof(header));
  std::size_t end = std::min(rest.find('\n'), rest.size());
  std::string owners(rest.substr(0, end));
  auto plan = read_plan(rest.substr(std::min(end + 1, rest.size())));
  if (!plan) return plan.error();
  std::vector<Fd> all;
  while (all.size() < header.descriptors) {
    auto more = channel.receive();
    if (!more) return more.error();
    for (Fd& fd : more->descriptors) all.push_back(std::move(fd));
  }
  Setup setup;
  setup.role = header.role;
  setup.index = header.index;
  setup.incarnation = header.incarnation;
  setup.plan = std::move(*plan);
  std::size_t next = 0;
  setup.shared = std::move(all[next++]);
  setup.bundle = std::move(all[next++]);
  if (header.has_error_log) setup.error_log = std::move(all[next++]);
  if (header.has_access_log) setup.access_log = std::move(all[next++]);
  auto take = [&](std::uint32_t count, std::vector<Fd>& to) {
    for (std::uint32_t i = 0; i < count; ++i) to.push_back(std::move(all[next++]));
  };
  take(header.wakers, setup.wakers);
  take(header.admin, setup.admin);
  take(header.state, setup.state);
  const char* at = owners.c_str();
  for (std::uint32_t i = 0; i < header.sockets; ++i) {
    char* after = nullptr;
    auto listener = static_cast<std::uint32_t>(std::strtoul(at, &after, 10));
    at = after;
    setup.sockets.push_back({std::move(all[next++]), listener});
  }
  return setup;
}

}  // namespace weir::process
