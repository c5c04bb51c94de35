// SPDX-License-Identifier: Apache-2.0
#include "config/main_block.h"

#include "base/text.h"
#include "config/admin_block.h"
#include "config/backend_block.h"
#include "config/listener_block.h"
#include "config/logs.h"
#include "config/trusted_block.h"
#include "config/units.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace weir::config {

namespace {

constexpr std::uint64_t most_workers = 64;
constexpr std::uint64_t most_connections = 100000000;
constexpr std::uint64_t least_body_memory = 64 << 10, most_body_memory = std::uint64_t{1} << 40;
constexpr std::size_t most_nameservers = 8;
constexpr std::uint32_t most_servers = 65536;  // as many as there is room for in shared memory

class MainBlock {
 public:
  MainBlock(std::uint32_t cores, const Scope& scope)
      : cores_(cores), scope_(scope), report_(scope.report), logs_(scope.report) {}

  Config build(const std::vector<Directive>& statements) {
    config_.workers = cores_;
    visit_statements(
        statements, InMain, scope_, config_.origins,
        [this](const DirectiveKind& kind, const Directive& inner) { take(kind, inner); });
    // References go backwards and forwards, so what is referred to comes first.
    if (access_log_) logs_.build_access_log(*access_log_, config_.access_log);
    config_.backends.reserve(backends_.size());
    names_.used.resize(backends_.size());
    for (const Directive* directive : backends_) add_backend(*directive);
    for (const Directive* directive : backends_) resolve_fallback(*directive);
    for (std::uint32_t i = 0; i < config_.backends.size(); ++i) add_chain(i);
    config_.listeners.reserve(listeners_.size());
    for (const Directive* directive : listeners_) add_listener(*directive);
    resolve_ready();
    check_whole();
    return std::move(config_);
  }

 private:
  void take(const DirectiveKind& kind, const Directive& directive) {
    const Value& value = directive.values[0];
    switch (kind.word) {
      case Word::Backend: backends_.push_back(&directive); break;
      case Word::Listener: listeners_.push_back(&directive); break;
      case Word::AccessLog: access_log_ = &directive; break;
      case Word::ErrorLog: logs_.build_error_log(directive, config_.error_log); break;
      case Word::LogFormat: logs_.add_format(directive); break;
      case Word::Workers: build_workers(value); break;
      case Word::User: config_.user = read_name(value, "user", report_); break;
      case Word::Group: config_.group = read_name(value, "group", report_); break;
      case Word::PidFile: config_.pid_file = read_path(value, report_); break;
      case Word::Chroot: build_chroot(value); break;
      case Word::MaxConnections:
        if (const auto number = read_number_or_none(value, most_connections, report_))
          config_.capacity.max_connections = *number;
        break;
      case Word::BodyMemory:
        if (const auto size = read_size(value, least_body_memory, most_body_memory, report_))
          config_.capacity.body_memory = *size;
        break;
      case Word::DrainDelay:
        if (const auto delay = read_limit(value, report_)) config_.drain_delay = *delay;
        break;
      case Word::ShutdownTimeout:
        if (const auto duration = read_duration(value, report_))
          config_.shutdown_timeout = *duration;
        break;
      case Word::UpgradeTimeout:
        if (const auto duration = read_duration(value, report_))
          config_.upgrade_timeout = *duration;
        break;
      case Word::StallTimeout:
        if (const auto limit = read_limit(value, report_)) config_.stall_timeout = *limit;
        break;
      case Word::TrustedProxies:
        build_trusted_proxies(directive, scope_, trusted_peers_, config_.trusted_proxies);
        break;
      case Word::Nameserver: build_nameserver(value); break;
      case Word::Admin: add_admin(directive); break;
      case Word::StateFile: config_.state_file = read_path(value, report_); break;
      default:
        if (const auto on = read_switch(value, report_)) config_.jit = *on;
        break;
    }
  }

  void build_workers(const Value& value) {
    if (value.text == "auto") return;
    const auto number = to_number(value.text);
    if (number && *number >= 1 && *number <= most_workers)
      config_.workers = static_cast<std::uint32_t>(*number);
    else
      report_.error(value.at, concat(in_quotes(value.text), " is not a number of workers"),
                    "write auto, or a number from 1 to 64");
  }

  void build_chroot(const Value& value) {
    config_.chroot = read_path(value, report_);
    if (!config_.chroot.empty() && !config_.chroot.starts_with('/'))
      report_.error(value.at, "chroot needs an absolute path", "it begins with \"/\"");
  }

  // The usual port may be left out.
  void build_nameserver(const Value& value) {
    if (config_.nameservers.size() == most_nameservers)
      return report_.error(value.at, "more than 8 name servers", "two or three are plenty");
    std::string text(value.text);
    for (const std::string& whole : {text, text + ":53", "[" + text + "]:53"}) {
      auto endpoint = parse_endpoint(whole);
      if (!endpoint || endpoint->port == 0 ||
          (endpoint->kind != Endpoint::Kind::Ip4 && endpoint->kind != Endpoint::Kind::Ip6))
        continue;
      endpoint->text = whole;
      config_.nameservers.push_back(std::move(*endpoint));
      config_.origins.push_back({"nameserver", value.at});
      return;
    }
    report_.error(value.at, concat(in_quotes(value.text), " is not the address of a name server"),
                  "write IP or IP:PORT; an IPv6 address with a port stands in brackets");
  }

  void add_backend(const Directive& directive) {
    Backend backend;
    backend.place = directive.at;
    backend.name = read_name(directive.values[0], "backend", report_);
    const auto number = static_cast<std::uint32_t>(config_.backends.size());
    backend.number = number;
    if (!backend.name.empty()) check_twice(directive, "backend", names_.numbers, number);
    names_.words.push_back(directive.values[0].text);
    build_backend(directive, scope_, backend, names_.policies.emplace_back());
    config_.server_count += static_cast<std::uint32_t>(backend.servers.size());
    config_.backends.push_back(std::move(backend));
  }

  void add_admin(const Directive& directive) {
    AdminSocket socket = build_admin(directive, scope_);
    for (const AdminSocket& other : config_.admin)
      if (other.at.host == socket.at.host && !socket.at.host.empty())
        report_.error(directive.at,
                      concat("admin ", in_quotes(socket.at.text), " is defined twice"),
                      concat("the first one is at ", report_.sources().text(other.place)));
    config_.admin.push_back(std::move(socket));
  }

  // A chain of fallbacks must end.
  void resolve_fallback(const Directive& directive) {
    for (const Directive& inner : directive.block) {
      if (inner.word != "fallback" || inner.values.size() != 1) continue;
      const Value& value = inner.values[0];
      const auto from = names_.numbers.find(directive.values[0].text);
      const auto to = names_.numbers.find(value.text);
      if (to == names_.numbers.end())
        return report_.unknown(value.at, "backend", value.text, names_.words);
      if (from == names_.numbers.end()) return;
      for (std::optional<std::uint32_t> at = to->second; at; at = config_.backends[*at].fallback)
        if (*at == from->second)
          return report_.error(value.at, "the fallbacks of these backends lead in a circle",
                               "a chain of them must end");
      config_.backends[from->second].fallback = to->second;
      names_.used[to->second] = true;
      return;
    }
  }

  // Of those that end alike only one is said to be too long.
  void add_chain(std::uint32_t backend) {
    const Backend& first = config_.backends[backend];
    std::vector<std::uint32_t> chain = chain_of(config_, backend);
    if (chain.size() > most_chained && !config_.backends[chain.back()].fallback) {
      const Place* const at = find_origin(first.origins, "fallback");
      report_.error(at ? *at : first.place,
                    concat("backend ", in_quotes(first.name), " has more than 15 fallbacks"),
                    "a chain of them has at most 16 backends, the first one included");
    }
    chain.resize(std::min(chain.size(), most_chained));
    names_.chains.push_back(std::move(chain));
  }

  void add_listener(const Directive& directive) {
    Listener listener;
    listener.place = directive.at;
    listener.name = read_name(directive.values[0], "listener", report_);
    const auto number = static_cast<std::uint32_t>(config_.listeners.size());
    listener.number = number;
    if (!listener.name.empty()) check_twice(directive, "listener", listener_names_, number);
    build_listener(directive, scope_, names_, bound_, listener);
    for (Route& route : listener.routes) route.number = routes_++;
    config_.listeners.push_back(std::move(listener));
  }

  // A listener may be asked for that stands further down.
  void resolve_ready() {
    for (std::uint32_t i = 0; i < config_.listeners.size(); ++i)
      for (Route& route : config_.listeners[i].routes) {
        Action& action = route.action;
        if (action.kind != Act::Ready) continue;
        action.listener = i;
        if (action.text.empty()) continue;
        const auto found = listener_names_.find(action.text);
        if (found != listener_names_.end()) {
          action.listener = found->second;
          continue;
        }
        std::vector<std::string_view> names;
        for (const Listener& listener : config_.listeners) names.push_back(listener.name);
        report_.unknown(action.place, "listener", action.text, names);
      }
  }

  using Numbers = std::unordered_map<std::string_view, std::uint32_t>;

  void check_twice(const Directive& directive, std::string_view what, Numbers& numbers,
                   std::uint32_t number) {
    const auto [first, fresh] = numbers.emplace(directive.values[0].text, number);
    if (fresh) return;
    const auto& block = (what == "backend" ? backends_ : listeners_)[first->second];
    report_.error(directive.values[0].at,
                  concat(what, " ", in_quotes(directive.values[0].text), " is defined twice"),
                  concat("the first one is at ", report_.sources().text(block->at)));
  }

  // A policy may ask a backend itself; which of its words names one, only its module knows.
  void note_asked_backends() {
    for (const Listener& listener : config_.listeners)
      for (const Route& route : listener.routes)
        for (const Policy& policy : route.policies)
          for (const std::string& value : policy.values)
            if (const auto asked = names_.numbers.find(value); asked != names_.numbers.end())
              names_.used[asked->second] = true;
  }

  void check_whole() {
    if (listeners_.empty())
      report_.error({0, 1, 1}, "there is no listener",
                    "the smallest: listener web { bind 127.0.0.1:8080; route respond 200 hello }");
    if (config_.server_count > most_servers)
      report_.error(config_.backends.back().place, "more than 65536 servers",
                    "that is how many there is room for");
    if (report_.diagnostics().has_errors()) return;  // a route that was not understood may use it
    note_asked_backends();
    for (std::size_t i = 0; i < config_.backends.size(); ++i)
      if (!names_.used[i])
        report_.warning(config_.backends[i].place,
                        concat("backend ", in_quotes(config_.backends[i].name), " is not used"),
                        "no route forwards to it");
  }

  std::uint32_t cores_;
  const Scope& scope_;
  Reporter& report_;
  Config config_;
  std::vector<const Directive*> listeners_, backends_;
  const Directive* access_log_ = nullptr;
  Logs logs_;
  Numbers listener_names_;
  BackendNames names_;
  BoundAddresses bound_;
  TrustedPeers trusted_peers_;
  std::uint32_t routes_ = 0;  ///< of all listeners so far
};

}  // namespace

Config build_config(const std::vector<Directive>& statements, std::uint32_t cores,
                    const Scope& scope) {
  return MainBlock(cores, scope).build(statements);
}

}  // namespace weir::config
