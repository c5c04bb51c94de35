// SPDX-License-Identifier: Apache-2.0
#include "config/listener_block.h"

#include <weir/protocol.h>

#include "base/text.h"
#include "config/head_limits.h"
#include "config/reachability.h"
#include "config/route_names.h"
#include "config/tls_block.h"
#include "config/units.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace weir::config {

namespace {

constexpr std::uint64_t most_streams = 1000;
constexpr std::uint64_t most_requests = 1000000000000;
constexpr std::array<std::string_view, 1> protocols = {"http"};
constexpr std::array<std::string_view, 2> bind_options = {"tls", "shared"};
constexpr std::array versions = {alpn_of(Protocol::Http11), alpn_of(Protocol::Http2)};

// The first value that is set wins, member by member.
void fill(Limits& limits, const Limits& defaults) {
  for (const TimeoutKind& kind : timeout_kinds())
    if (!(limits.*kind.member)) limits.*kind.member = defaults.*kind.member;
  if (!limits.max_body) limits.max_body = defaults.max_body;
  if (!limits.retry) limits.retry = defaults.retry;
  if (!limits.client_close) limits.client_close = defaults.client_close;
  if (!limits.tcp_keepalive) limits.tcp_keepalive = defaults.tcp_keepalive;
  if (!limits.path_check) limits.path_check = defaults.path_check;
}

class ListenerBlock {
 public:
  ListenerBlock(const Scope& scope, BackendNames& backends, BoundAddresses& bound,
                Listener& listener)
      : scope_(scope),
        report_(scope.report),
        backends_(backends),
        bound_(bound),
        listener_(listener) {}

  void build(const Directive& directive) {
    visit_statements(
        directive.block, InListener, scope_, listener_.origins,
        [this](const DirectiveKind& kind, const Directive& inner) { take(kind, inner); });
    fill(listener_.limits, default_limits());
    for (const Directive* route : routes_)
      listener_.routes.push_back(build_route(*route, scope_, policies_, backends_));
    listener_.policies = std::move(policies_.own);
    refuse_equal_names();
    name_routes(listener_.routes);
    // An address that was refused has been told of.
    const bool tries_to_bind =
        std::any_of(directive.block.begin(), directive.block.end(),
                    [](const Directive& inner) { return inner.word == "bind"; });
    if (listener_.binds.empty() && !tries_to_bind)
      report_.error(directive.at, concat("listener ", in_quotes(listener_.name), " has no address"),
                    "add one: bind 127.0.0.1:8080");
    check_tls(directive);
    if (routes_.empty())
      report_.warning(directive.at, concat("listener ", in_quotes(listener_.name),
                                           " has no route: it answers everything with 404"));
    warn_of_unreachable();
  }

 private:
  void take(const DirectiveKind& kind, const Directive& directive) {
    if (kind.word == Word::Route) {
      routes_.push_back(&directive);  // when all policies of the listener are known
      return;
    }
    if (build_policy(kind, directive, InListener, scope_, listener_.limits, policies_,
                     listener_.origins))
      return;
    if (kind.word == Word::Tls) {
      listener_.tls = build_listener_tls(directive, scope_);
      return;
    }
    const Value& value = directive.values[0];
    if (build_head_limit(kind.word, value, listener_.head, report_)) return;
    switch (kind.word) {
      case Word::Bind: bind(directive); break;
      case Word::Protocol:
        read_choice(value, "protocol in this version", protocols, report_);
        break;
      case Word::Protocols: speak(directive); break;
      case Word::MaxLifetime:
        if (const auto limit = read_limit(value, report_)) listener_.max_lifetime = *limit;
        break;
      default: number(kind.word, value); break;
    }
  }

  void speak(const Directive& directive) {
    listener_.http1 = listener_.http2 = false;
    for (const Value& each : directive.values) {
      const auto version = read_choice(each, "version of HTTP", versions, report_);
      if (version) (*version == 0 ? listener_.http1 : listener_.http2) = true;
    }
  }

  void number(Word word, const Value& value) {
    constexpr std::uint64_t k = 1024;
    if (word == Word::MaxRequests) {
      if (const auto read = read_number_or_none(value, most_requests, report_))
        listener_.max_requests = *read;
      return;
    }
    if (word == Word::MaxStreams)
      return set(listener_.max_streams, read_number(value, 1, most_streams, report_));
    const auto size = [&](std::uint64_t least, std::uint64_t most) {
      return read_size(value, least, most, report_);
    };
    if (word == Word::StreamBuffer) return set(listener_.stream_buffer, size(16 * k, 512 * k));
    set(listener_.stream_window, size(64 * k, 16 * k * k));
  }

  static void set(std::uint32_t& into, std::optional<std::uint64_t> read) {
    if (read) into = static_cast<std::uint32_t>(*read);
  }

  void bind(const Directive& directive) {
    const Value& value = directive.values[0];
    bool tls = false, shared = false;
    for (std::size_t i = 1; i < directive.values.size(); ++i) {
      const Value& word = directive.values[i];
      const auto choice = read_choice(word, "option of an address", bind_options, report_);
      if (!choice) {
        // It may have been about TLS: what does not fit together follows from this error.
        is_tls_unclear_ = true;
        break;
      }
      if (std::exchange(*choice == 0 ? tls : shared, true))
        report_.error(word.at, concat(in_quotes(word.text), " is given twice"), "write it once");
    }
    auto endpoint = read_endpoint(value, EndpointUse::Bind, report_);
    if (!endpoint) return;
    // Port 0 is another port each time.
    if (endpoint->port != 0 || endpoint->kind == Endpoint::Kind::Unix) {
      const auto [first, fresh] = bound_.emplace(canonical_text(*endpoint), value.at);
      if (!fresh)
        report_.error(value.at, concat("address ", in_quotes(value.text), " is bound twice"),
                      concat("the first time at ", report_.sources().text(first->second)));
    }
    Bind& bind = listener_.binds.emplace_back();
    bind.at = std::move(*endpoint);
    bind.tls = tls;
    bind.place = value.at;
    bind.shared = shared;
    if (shared && bind.at.kind == Endpoint::Kind::Unix)
      report_.error(value.at, "a Unix socket cannot be shared by two instances",
                    "leave the word shared out");
    permissions(directive, bind);
  }

  void permissions(const Directive& directive, Bind& bind) {
    if (directive.has_block && bind.at.kind != Endpoint::Kind::Unix)
      return report_.error(directive.at, concat(in_quotes(bind.at.text), " takes no block"),
                           "mode and group are for Unix sockets");
    Origins origins;
    visit_statements(directive.block, InBind, scope_, origins,
                     [&](const DirectiveKind& kind, const Directive& inner) {
                       if (kind.word == Word::Group)
                         bind.group = read_name(inner.values[0], "group", report_);
                       else if (const auto mode = read_mode(inner.values[0], report_))
                         bind.mode = *mode;
                     });
  }

  void check_tls(const Directive& directive) {
    if (is_tls_unclear_) return;
    const auto bound = std::find_if(listener_.binds.begin(), listener_.binds.end(),
                                    [](const Bind& bind) { return bind.tls; });
    if (bound != listener_.binds.end() && !listener_.tls)
      report_.error(bound->place,
                    concat("listener ", in_quotes(listener_.name), " has no tls block"),
                    "add one: tls { certificate CHAIN KEY }");
    if (bound == listener_.binds.end() && listener_.tls && !listener_.binds.empty())
      report_.warning(listener_.tls->place,
                      concat("no address of listener ", in_quotes(directive.values[0].text),
                             " is bound with tls"),
                      "write bind ADDRESS tls");
  }

  void refuse_equal_names() {
    std::unordered_map<std::string_view, const Route*> names;
    for (const Route& route : listener_.routes) {
      if (route.name.empty()) continue;
      const auto [first, fresh] = names.emplace(route.name, &route);
      if (!fresh)
        report_.error(route.place,
                      concat("route ", in_quotes(route.name), " is defined twice in listener ",
                             in_quotes(listener_.name)),
                      concat("the first one is at ", report_.sources().text(first->second->place)));
    }
  }

  void warn_of_unreachable() {
    if (report_.diagnostics().has_errors()) return;  // what was not understood may mean anything
    for (const Unreachable& found : find_unreachable(listener_.routes)) {
      const Route& route = listener_.routes[found.route];
      const Route& cover = listener_.routes[found.cover];
      report_.warning(route.place,
                      concat("route ", in_quotes(route.name), " can never match: route ",
                             in_quotes(cover.name), " comes before it and takes all of it"),
                      concat("that one is at ", report_.sources().text(cover.place),
                             "; the first route that matches wins"));
    }
  }

  const Scope& scope_;
  Reporter& report_;
  BackendNames& backends_;
  BoundAddresses& bound_;
  Listener& listener_;
  bool is_tls_unclear_ = false;  ///< an address has an option that is none
  PolicyList policies_;
  std::vector<const Directive*> routes_;
};

}  // namespace

void build_listener(const Directive& directive, const Scope& scope, BackendNames& backends,
                    BoundAddresses& bound, Listener& listener) {
  ListenerBlock(scope, backends, bound, listener).build(directive);
}

}  // namespace weir::config
