// SPDX-License-Identifier: Apache-2.0
#include "admin/servers.h"

#include "base/text.h"
#include "base/wall_time.h"
#include "base/wording.h"
#include "config/tls_block.h"
#include "config/units.h"
#include "upstream/address_set.h"

#include <algorithm>

namespace weir::admin {

using shm::Override;
using upstream::Cause;

namespace {

constexpr std::uint64_t most_weight = 1000;
constexpr std::uint64_t most_in_flight = 1'000'000;

// Why a backend may not become what it is now; empty = it may.
std::string backend_objection(const upstream::Registry& registry, std::uint32_t backend,
                              const upstream::Registry::Routable& before) {
  upstream::Registry::Routable after = registry.routable(backend);
  if (after.servers >= before.servers && after.weight > 0) return {};
  auto servers = registry.servers(backend);
  auto all = static_cast<std::size_t>(
      std::count_if(servers.begin(), servers.end(),
                    [&registry](std::uint32_t slot) { return !registry.columns(slot).leaving; }));
  const std::string& name = registry.backend_name(backend);
  if (after.servers < before.servers && after.servers * 2 < all)
    return "only " + std::to_string(after.servers) + " of " + std::to_string(all) + " servers of " +
           name + " would take requests";
  if (before.weight > 0 && after.weight == 0) return "no weight would be left in " + name;
  return {};
}

// A change of one server.  `apply` does it; whether it may stay is asked afterwards.
template <typename Apply>
void change(const Call& call, std::uint32_t backend, Reply& reply, Apply apply) {
  upstream::Registry& registry = call.fleet.registry;
  if (call.in_transaction) return apply();
  upstream::Registry::Routable before = registry.routable(backend);
  registry.begin();
  apply();
  if (reply.is_ok() && !call.force)
    if (std::string why = backend_objection(registry, backend, before); !why.empty())
      reply.fail("refused", why + "; add force to do it all the same");
  if (!reply.is_ok()) return registry.abort();
  registry.commit();
  reply.text = "revision " + std::to_string(registry.revision(backend));
  reply.visible_at = registry.table().changes();
}

// A number behind a word, within bounds.
std::optional<std::uint32_t> take_number(const Call& call, std::size_t at, std::uint64_t most,
                                         Reply& reply) {
  auto number = at < call.words.size() ? to_number(call.words[at]) : std::nullopt;
  if (number && *number <= most) return static_cast<std::uint32_t>(*number);
  reply.fail("usage", call.words[at - 1] + " needs a number from 0 to " + std::to_string(most));
  return std::nullopt;
}

void set_weight(const Call& call, std::uint32_t slot, Reply& reply, const Cause& cause) {
  upstream::Registry& registry = call.fleet.registry;
  if (call.words[2] == "auto") return registry.set_weight(slot, std::nullopt, cause);
  if (auto weight = take_number(call, 2, most_weight, reply))
    registry.set_weight(slot, *weight, cause);
}

void set_state(const Call& call, std::uint32_t slot, Reply& reply, const Cause& cause) {
  for (Override state : {Override::None, Override::Up, Override::Drain, Override::Down})
    if (upstream::Registry::word(state) == call.words[2])
      return call.fleet.registry.set_state(slot, state, cause);
  reply.fail("usage", unknown_word("state", call.words[2], {"up", "drain", "down", "auto"}));
}

void set_address(const Call& call, std::uint32_t slot, Reply& reply, const Cause& cause) {
  if (call.words[2] == "auto") return call.fleet.registry.set_address(slot, net::Address(), cause);
  auto endpoint = config::parse_endpoint(call.words[2]);
  if (!endpoint) return reply.fail("usage", endpoint.error().text());
  auto address = net::Address::from(*endpoint);
  if (!address || (endpoint->kind != config::Endpoint::Kind::Unix && endpoint->port == 0))
    return reply.fail("usage", "write IP:PORT or unix:/path");
  call.fleet.registry.set_address(slot, *address, cause);
}

// `weight N`, `max_in_flight N`, `backup`, in any order.
bool take_options(const Call& call, config::Server& server, Reply& reply) {
  for (std::size_t i = 3; i < call.words.size(); ++i) {
    const std::string& word = call.words[i];
    if (word == "backup") {
      server.backup = true;
    } else if (word == "weight" || word == "max_in_flight") {
      bool weight = word == "weight";
      auto number = take_number(call, ++i, weight ? most_weight : most_in_flight, reply);
      if (!number) return false;
      (weight ? server.weight : server.max_in_flight) = *number;
    } else {
      reply.fail("usage",
                 unknown_word("option of a server", word, {"weight", "max_in_flight", "backup"}));
      return false;
    }
  }
  return true;
}

// The backend has exactly this server, added before or from the file: there is nothing to be done.
bool is_there(const upstream::Registry& registry, std::uint32_t backend,
              const config::Server& server) {
  const auto slot = registry.find(backend, server.name);
  if (!slot) return false;
  const shm::ServerRow& row = registry.row(*slot);
  const shm::ServerColumns& columns = registry.columns(*slot);
  return !columns.leaving && server.at.text == columns.at &&
         server.weight == columns.configured_weight && server.max_in_flight == row.max_in_flight &&
         server.backup == row.backup;
}

}  // namespace

std::optional<std::uint32_t> find_backend(const Fleet& fleet, std::string_view name, Reply& reply) {
  if (auto backend = fleet.registry.find_backend(name)) return backend;
  std::vector<std::string_view> names;
  for (const config::Backend& backend : fleet.config().backends) names.push_back(backend.name);
  reply.fail("unknown", unknown_word("backend", name, names));
  return std::nullopt;
}

std::optional<std::uint32_t> find_server(const Fleet& fleet, std::string_view name, Reply& reply) {
  std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) {
    reply.fail("usage", in_quotes(name) + " is no server: write BACKEND/NAME, as in show servers");
    return std::nullopt;
  }
  auto backend = find_backend(fleet, name.substr(0, slash), reply);
  if (!backend) return std::nullopt;
  if (auto slot = fleet.registry.find(*backend, name.substr(slash + 1))) return slot;
  std::vector<std::string_view> names;
  for (std::uint32_t slot : fleet.registry.servers(*backend))
    names.push_back(fleet.registry.row(slot).name);
  const std::string of = "server of " + std::string(name.substr(0, slash));
  reply.fail("unknown", unknown_word(of, name.substr(slash + 1), names));
  return std::nullopt;
}

void server_add(const Call& call, Reply& reply) {
  auto backend = find_backend(call.fleet, call.words[0], reply);
  if (!backend) return;
  config::Server server;
  server.name = call.words[1];
  if (!config::is_name(server.name))
    return reply.fail("usage", in_quotes(server.name) + " cannot be the name of a server");
  auto endpoint = config::parse_endpoint(call.words[2]);
  if (!endpoint) return reply.fail("usage", endpoint.error().text());
  if (endpoint->kind != config::Endpoint::Kind::Unix && endpoint->port == 0)
    return reply.fail("usage", "a server's port cannot be 0");
  server.at = *endpoint;
  const config::Backend* known = call.fleet.registry.backend(*backend);
  if (known && known->tls && !config::can_be_verified(*known->tls, server.at))
    return reply.fail("refused", "a Unix socket has no name to verify: tls needs a server_name");
  if (!take_options(call, server, reply)) return;
  change(call, *backend, reply, [&] {
    if (is_there(call.fleet.registry, *backend, server)) return;
    auto slot = call.fleet.registry.add(*backend, server, {call.caller.by, "server add"});
    if (!slot)
      reply.fail(slot.error().code() == Errc::Exists ? "conflict" : "limit", slot.error().text());
  });
}

void server_remove(const Call& call, Reply& reply) {
  auto slot = find_server(call.fleet, call.words[0], reply);
  if (!slot) return;
  std::int64_t by = 0;
  if (call.words.size() > 1) {
    auto time = call.words[1] == "drain" && call.words.size() == 3
                    ? config::parse_duration(call.words[2])
                    : Result<config::Milliseconds>(Error(Errc::Invalid, "write drain TIME"));
    if (!time) return reply.fail("usage", time.error().text());
    by = wall_clock_us() + time->count() * 1000;
  }
  if (!call.fleet.registry.columns(*slot).runtime)
    return reply.fail("refused", call.words[0] +
                                     " is defined in the configuration file; take it down with " +
                                     "\"server set " + call.words[0] + " state down\"");
  change(call, call.fleet.registry.row(*slot).backend, reply, [&] {
    call.fleet.registry.remove(*slot, by, {call.caller.by, "server remove"});
  });
}

void server_set(const Call& call, Reply& reply) {
  auto slot = find_server(call.fleet, call.words[0], reply);
  if (!slot) return;
  if (call.fleet.registry.columns(*slot).leaving)
    return reply.fail("refused", call.words[0] + " is being removed");
  Cause cause{call.caller.by, "server set"};
  change(call, call.fleet.registry.row(*slot).backend, reply, [&] {
    if (call.words[1] == "weight")
      set_weight(call, *slot, reply, cause);
    else if (call.words[1] == "state")
      set_state(call, *slot, reply, cause);
    else if (call.words[1] == "address")
      set_address(call, *slot, reply, cause);
    else
      reply.fail("usage",
                 unknown_word("value to set", call.words[1], {"weight", "state", "address"}));
  });
}

Guard::Guard(const upstream::Registry& registry) {
  for (const config::Backend& backend : registry.config().backends) {
    before_[backend.number] = registry.routable(backend.number);
    for (std::uint32_t slot : registry.servers(backend.number))
      if (!registry.columns(slot).leaving)
        servers_.push_back({slot, backend.number, registry.row(slot).addresses});
  }
}

// Removed, or sent elsewhere.  One server alone may always be replaced: that is how it is done.
std::string Guard::too_many_replaced(const upstream::Registry& registry) const {
  constexpr std::size_t most_percent = 30;
  std::map<std::uint32_t, std::size_t> all, replaced;
  for (const Known& known : servers_) {
    const shm::AddressSet& now = registry.row(known.slot).addresses;
    bool moved = known.addresses.count > 0 && !upstream::have_common(now, known.addresses);
    ++all[known.backend];
    replaced[known.backend] += registry.columns(known.slot).leaving || moved;
  }
  for (const auto& [backend, count] : replaced)
    if (count > 1 && count * 100 > all[backend] * most_percent)
      return std::to_string(count) + " of " + std::to_string(all[backend]) + " servers of " +
             registry.backend_name(backend) + " would be replaced at once";
  return {};
}

std::string Guard::objection(const upstream::Registry& registry) const {
  for (const auto& [backend, before] : before_)
    if (std::string why = backend_objection(registry, backend, before); !why.empty()) return why;
  return too_many_replaced(registry);
}

}  // namespace weir::admin
