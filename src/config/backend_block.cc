// SPDX-License-Identifier: Apache-2.0
#include "config/backend_block.h"

#include "base/text.h"
#include "config/balance.h"
#include "config/check_block.h"
#include "config/head_limits.h"
#include "config/pipeline_block.h"
#include "config/tls_block.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

namespace weir::config {

namespace {

constexpr std::uint64_t most_weight = 1000;
constexpr std::uint64_t most_in_flight = 1000000;
constexpr std::uint64_t most_idle = 1000000;
constexpr std::uint64_t most_waiting = 1000000;
constexpr std::array<std::string_view, 3> options = {"weight", "max_in_flight", "backup"};

class BackendBlock {
 public:
  BackendBlock(const Scope& scope, Backend& backend, PolicyList& policies)
      : scope_(scope), report_(scope.report), backend_(backend), policies_(policies) {}

  void build(const Directive& directive) {
    visit_statements(
        directive.block, InBackend, scope_, backend_.origins,
        [this](const DirectiveKind& kind, const Directive& inner) { take(kind, inner); });
    backend_.policies = policies_.own;
    backend_.cleared = policies_.cleared;
    if (backend_.tls) check_names(*backend_.tls);
    if (backend_.pipeline && backend_.protocol != ServerProtocol::Http1)
      report_.error(backend_.pipeline->place,
                    concat("pipeline with protocol ", word_of(backend_.protocol)),
                    "HTTP/2 shares connections by itself: leave pipeline out, or write protocol "
                    "http/1.1");
    if (backend_.pipeline && backend_.keepalive == 0)
      report_.error(backend_.pipeline->place, "pipeline with keepalive none",
                    "shared connections are made of idle ones: leave one of the two out");
    if (backend_.servers.empty()) {
      report_.warning(directive.at,
                      concat("backend ", in_quotes(backend_.name),
                             " has no server: requests get 503 until one is added"),
                      "add a server: server NAME ADDRESS");
    } else if (std::all_of(backend_.servers.begin(), backend_.servers.end(),
                           [](const Server& server) { return server.weight == 0; })) {
      report_.warning(directive.at, concat("backend ", in_quotes(backend_.name),
                                           " has only servers of weight 0: none takes requests"));
    }
  }

 private:
  void take(const DirectiveKind& kind, const Directive& directive) {
    if (build_policy(kind, directive, InBackend, scope_, backend_.limits, policies_,
                     backend_.origins))
      return;
    static const Value none{};
    const Value& value = directive.values.empty() ? none : directive.values[0];
    if (build_head_limit(kind.word, value, backend_.head, report_)) return;
    switch (kind.word) {
      case Word::Balance:
        if (auto balance = read_balance(directive, scope_)) backend_.balance = std::move(*balance);
        break;
      case Word::Keepalive:
        if (const auto number = read_number_or_none(value, most_idle, report_))
          backend_.keepalive = static_cast<std::uint32_t>(*number);
        break;
      case Word::MaxQueue:
        if (const auto number = read_number(value, 0, most_waiting, report_))
          backend_.max_queue = static_cast<std::uint32_t>(*number);
        break;
      case Word::Protocol:
        if (const auto which = read_choice(value, "protocol", server_protocols, report_))
          backend_.protocol = static_cast<ServerProtocol>(*which);
        break;
      case Word::Check: backend_.check = build_check(directive, scope_); break;
      case Word::Outlier: backend_.outlier = build_outlier(directive, scope_); break;
      case Word::Pipeline: backend_.pipeline = build_pipeline(directive, scope_); break;
      case Word::Tls: backend_.tls = build_backend_tls(directive, scope_); break;
      case Word::Fallback: break;  // when all backends are known
      case Word::Panic:
        if (value.text == "none")
          backend_.panic = 0;
        else if (const auto share = read_percent(value, 1, 100, report_))
          backend_.panic = static_cast<std::uint8_t>(*share);
        break;
      default: server(directive); break;
    }
  }

  void server(const Directive& directive) {
    Server server;
    server.place = directive.at;
    server.name = read_name(directive.values[0], "server", report_);
    if (!server.name.empty()) {
      const auto [first, fresh] = names_.emplace(directive.values[0].text, directive.at);
      if (!fresh)
        report_.error(directive.at,
                      concat("server ", in_quotes(server.name), " is defined twice in backend ",
                             in_quotes(backend_.name)),
                      concat("the first one is at ", report_.sources().text(first->second)));
    }
    if (auto endpoint = read_endpoint(directive.values[1], EndpointUse::Server, report_))
      server.at = std::move(*endpoint);
    server_options(directive, server);
    backend_.servers.push_back(std::move(server));
  }

  // A chain alone says that somebody has a certificate, not who (RFC 9525).
  void check_names(const BackendTls& tls) {
    for (const Server& server : backend_.servers)
      if (!can_be_verified(tls, server.at))
        report_.error(server.place,
                      concat("server ", in_quotes(server.name),
                             " is a Unix socket: there is no name to verify"),
                      "write server_name NAME in tls, or a pin, or verify off");
  }

  void server_options(const Directive& directive, Server& server) {
    std::array<bool, options.size()> seen{};
    for (std::size_t i = 2; i < directive.values.size(); ++i) {
      const Value& word = directive.values[i];
      if (const std::size_t equals = word.text.find('='); equals != std::string_view::npos) {
        report_.error(word.at, concat(in_quotes(word.text), " is not an option of a server"),
                      concat("write ", word.text.substr(0, equals), " ",
                             word.text.substr(equals + 1), ", without \"=\""));
        return;
      }
      const auto option = read_choice(word, "option of a server", options, report_);
      if (!option) return;
      if (seen[*option])
        report_.error(word.at, concat("duplicate ", in_quotes(word.text)), "leave one of them out");
      seen[*option] = true;
      if (*option == 2) {
        server.backup = true;
        continue;
      }
      if (++i == directive.values.size()) {
        report_.error(word.at, concat(in_quotes(word.text), " has no number"),
                      concat("write ", word.text, " N"));
        return;
      }
      const auto number = *option == 0
                              ? read_number(directive.values[i], 0, most_weight, report_)
                              : read_number_or_none(directive.values[i], most_in_flight, report_);
      if (number)
        (*option == 0 ? server.weight : server.max_in_flight) = static_cast<std::uint32_t>(*number);
    }
  }

  const Scope& scope_;
  Reporter& report_;
  Backend& backend_;
  PolicyList& policies_;
  std::unordered_map<std::string_view, Place> names_;
};

}  // namespace

void build_backend(const Directive& directive, const Scope& scope, Backend& backend,
                   PolicyList& policies) {
  BackendBlock(scope, backend, policies).build(directive);
}

}  // namespace weir::config
