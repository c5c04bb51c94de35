// SPDX-License-Identifier: Apache-2.0
#include "process/setup.h"

#include "base/cursor.h"
#include "base/text.h"

#include <algorithm>
#include <cstring>

namespace weir::process {

namespace {

struct Header {
  Role role;
  std::uint32_t index, incarnation;
  std::uint64_t generation;
  std::uint32_t descriptors, has_shared, has_bundle, has_secrets, has_error_log, has_access_log,
      has_carried;
  std::uint32_t wakers, sockets, admin, state, history;
};

// Texts of one descriptor each follow the header, a line each; what is behind them is the plan.
void put_line(std::string& out, const std::string& text) { out.append(text).append("\n"); }

std::uint32_t count_of(std::size_t size) { return static_cast<std::uint32_t>(size); }

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

Result<void> send_setup(net::Channel& channel, const Setup& setup, net::MessageType type) {
  std::vector<int> all;
  for (const Fd* one : {&setup.shared, &setup.bundle, &setup.secrets, &setup.error_log,
                        &setup.access_log, &setup.carried})
    if (one->is_open()) all.push_back(one->get());
  for (const std::vector<Fd>* some : {&setup.wakers, &setup.admin, &setup.state})
    for (const Fd& fd : *some) all.push_back(fd.get());
  std::string texts;
  for (const ListeningSocket& socket : setup.sockets) {
    all.push_back(socket.fd.get());
    put_line(texts, std::to_string(socket.slot) + " " + socket.address);
  }
  for (const PastGeneration& past : setup.history) {
    all.push_back(past.bundle.get());
    put_line(texts, past.about);
  }
  Header header{setup.role,
                setup.index,
                setup.incarnation,
                setup.generation,
                count_of(all.size()),
                setup.shared.is_open(),
                setup.bundle.is_open(),
                setup.secrets.is_open(),
                setup.error_log.is_open(),
                setup.access_log.is_open(),
                setup.carried.is_open(),
                count_of(setup.wakers.size()),
                count_of(setup.sockets.size()),
                count_of(setup.admin.size()),
                count_of(setup.state.size()),
                count_of(setup.history.size())};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  put_line(texts, setup.news);
  bytes += texts + write_plan(setup.plan);
  if (auto sent = channel.send(type, bytes); !sent) return sent;
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
  if (first->type != net::MessageType::Setup)
    return Error(Errc::Protocol, "no setup came from the master");
  return receive_setup(channel, *first);
}

Result<Setup> receive_setup(net::Channel& channel, const net::Message& first) {
  Header header;
  if (first.bytes.size() < sizeof(header))
    return Error(Errc::Protocol, "half a setup came from the master");
  std::memcpy(&header, first.bytes.data(), sizeof(header));
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
  setup.generation = header.generation;
  std::size_t next = 0;
  if (header.has_shared) setup.shared = std::move(all[next++]);
  if (header.has_bundle) setup.bundle = std::move(all[next++]);
  if (header.has_secrets) setup.secrets = std::move(all[next++]);
  if (header.has_error_log) setup.error_log = std::move(all[next++]);
  if (header.has_access_log) setup.access_log = std::move(all[next++]);
  if (header.has_carried) setup.carried = std::move(all[next++]);
  auto take = [&](std::uint32_t count, std::vector<Fd>& to) {
    for (std::uint32_t i = 0; i < count; ++i) to.push_back(std::move(all[next++]));
  };
  take(header.wakers, setup.wakers);
  take(header.admin, setup.admin);
  take(header.state, setup.state);
  std::string_view rest = std::string_view(first.bytes).substr(sizeof(header));
  for (std::uint32_t i = 0; i < header.sockets; ++i) {
    std::string_view line = take_until(rest, '\n');
    const auto slot = to_number<std::uint32_t>(take_until(line, ' '));
    setup.sockets.push_back({std::move(all[next++]), slot.value_or(0), std::string(line)});
  }
  for (std::uint32_t i = 0; i < header.history; ++i) {
    std::string_view about = take_until(rest, '\n');
    setup.history.push_back({std::move(all[next++]), std::string(about)});
  }
  setup.news = take_until(rest, '\n');
  auto plan = read_plan(rest);
  if (!plan) return plan.error();
  setup.plan = std::move(*plan);
  return setup;
}

}  // namespace weir::process
