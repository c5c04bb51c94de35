// SPDX-License-Identifier: Apache-2.0
#include "config/print.h"

#include "base/text.h"
#include "config/matchers.h"
#include "config/policies.h"
#include "config/schema.h"
#include "config/statements.h"
#include "config/units.h"

#include <string_view>
#include <utility>

namespace weir::config {

namespace {

constexpr std::size_t comment_column = 56;
constexpr std::string_view balances[] = {"p2c", "round_robin", "least_request", "random"};

bool may_be_bare(std::string_view text) {
  if (text.empty() || text.front() == '#' || text.ends_with('\\')) return false;
  return text.find("${") == std::string_view::npos &&
         text.find_first_of(" \t\r\n;{}\"'") == std::string_view::npos;
}

// A value so written that it is read as this text again.
std::string plain(std::string_view text) {
  if (may_be_bare(text)) return std::string(text);
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\t')
      out += c == '\n' ? "\\n" : "\\t";
    else if (c == '"' || c == '\\' || (c == '$' && text.substr(i + 1, 1) == "{"))
      out.append(1, '\\').append(1, c);
    else
      out += c;
  }
  return out + "\"";
}

// The same for a text with variables: a doubled dollar was an escaped one.
std::string marked(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\t') {
      out += c == '\n' ? "\\n" : "\\t";
    } else if (text.substr(i, 2) == "$$") {
      out += "\\$";
      ++i;
    } else if (c == '"' || c == '\\') {
      out.append(1, '\\').append(1, c);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string limit_text(const Limit& limit) { return limit ? duration_text(*limit) : "none"; }

std::string none_or(std::uint64_t number) { return number == 0 ? "none" : std::to_string(number); }

class Printer {
 public:
  explicit Printer(const Config& config) : config_(config) {}

  std::string print() {
    main_level();
    for (const Listener& listener : config_.listeners) print(listener);
    for (const Backend& backend : config_.backends) print(backend);
    return std::move(out_);
  }

 private:
  std::string where(const Place& place) const {
    return concat(config_.files[place.file], ":", std::to_string(place.line));
  }

  void line(std::string_view statement, std::string_view comment) {
    const std::size_t begin = out_.size();
    out_.append(depth_ * 4, ' ').append(statement);
    const std::size_t width = out_.size() - begin;
    out_.append(width < comment_column ? comment_column - width : 1, ' ');
    out_.append("# ").append(comment).append("\n");
  }

  // A single value, said or not.
  void value(const Origins& origins, std::string_view of, std::string_view text) {
    const Place* place = find_origin(origins, of);
    line(concat(of, " ", text), place ? where(*place) : "default");
  }

  // The nth of several values; each has an origin of its own.
  void nth_value(std::string_view of, std::string_view text, std::size_t nth) {
    for (const Origin& origin : config_.origins)
      if (origin.of == of && nth-- == 0) return line(concat(of, " ", text), where(origin.place));
  }

  void open(std::string_view statement, const Place& place) {
    line(concat(statement, " {"), where(place));
    ++depth_;
  }

  void close() {
    --depth_;
    out_.append(depth_ * 4, ' ').append("}\n");
  }

  void text_if_any(std::string_view of, const std::string& text) {
    if (!text.empty()) value(config_.origins, of, plain(text));
  }

  void main_level() {
    const Origins& origins = config_.origins;
    value(origins, "workers", std::to_string(config_.workers));
    text_if_any("user", config_.user);
    text_if_any("group", config_.group);
    text_if_any("chroot", config_.chroot);
    text_if_any("pid_file", config_.pid_file);
    value(origins, "error_log",
          concat(target(config_.error_log), " level ", config_.error_log.level));
    access_log();
    value(origins, "max_connections", none_or(config_.max_connections));
    value(origins, "shutdown_timeout", duration_text(config_.shutdown_timeout));
    for (const Cidr& range : config_.trusted_proxies)
      line(concat("trusted_proxies ", range.text), where(range.place));
    for (const AdminSocket& socket : config_.admin) print(socket);
    text_if_any("state_file", config_.state_file);
    for (std::size_t i = 0; i < config_.nameservers.size(); ++i)
      nth_value("nameserver", config_.nameservers[i].text, i);
    value(origins, "jit", config_.jit ? "on" : "off");
  }

  static std::string target(const LogTarget& target) {
    switch (target.to) {
      case LogTo::Off: return "off";
      case LogTo::Stderr: return "stderr";
      case LogTo::Syslog: return "syslog";
      case LogTo::File: break;
    }
    return plain(target.path);
  }

  void access_log() {
    const LogTarget& log = config_.access_log;
    const bool built_in = log.format == "json" || log.format == "combined";
    if (!built_in) line(concat("log_format effective ", marked(log.format)), where(log.place));
    value(config_.origins, "access_log",
          concat(target(log), " format ", built_in ? std::string_view(log.format) : "effective"));
  }

  // All that is set; of a listener that is everything.
  void limits(const Limits& limits, const Origins& origins, Context context) {
    for (const TimeoutKind& kind : timeout_kinds()) {
      if (!(kind.contexts & context)) continue;
      if (const auto& limit = limits.*kind.member)
        value(origins, kind.statement, limit_text(*limit));
    }
    if (limits.max_body)
      value(origins, "max_body", *limits.max_body ? size_text(**limits.max_body) : "none");
    if (limits.retry) value(origins, "retry", retry_text(*limits.retry));
  }

  static std::string retry_text(const Retry& retry) {
    if (retry.attempts == 0) return "none";
    std::string conditions = retry.on_connect_error ? "connect_error" : "";
    for (const std::uint16_t status : retry.on_status)
      conditions.append(conditions.empty() ? "" : ",").append(std::to_string(status));
    return concat(std::to_string(retry.attempts), " on ", conditions);
  }

  void print(const Listener& listener) {
    const Origins& origins = listener.origins;
    open(concat("listener ", listener.name), listener.place);
    for (const Bind& bind : listener.binds)
      line(concat("bind ", plain(bind.at.text)), where(bind.place));
    value(origins, "max_header", size_text(listener.max_header));
    value(origins, "max_fields", std::to_string(listener.max_fields));
    value(origins, "max_line", size_text(listener.max_line));
    value(origins, "max_requests", none_or(listener.max_requests));
    value(origins, "max_lifetime", limit_text(listener.max_lifetime));
    limits(listener.limits, origins, InListener);
    for (const Route& route : listener.routes) print(route);
    close();
  }

  void print(const Backend& backend) {
    const Origins& origins = backend.origins;
    open(concat("backend ", backend.name), backend.place);
    value(origins, "balance", balances[static_cast<std::size_t>(backend.balance)]);
    value(origins, "keepalive", none_or(backend.keepalive));
    value(origins, "max_queue", std::to_string(backend.max_queue));
    value(origins, "panic",
          backend.panic == 0 ? "none" : concat(std::to_string(backend.panic), "%"));
    if (backend.fallback) value(origins, "fallback", config_.backends[*backend.fallback].name);
    limits(backend.limits, origins, InBackend);
    if (backend.check) print(*backend.check);
    if (backend.outlier) print(*backend.outlier);
    for (const Server& server : backend.servers)
      line(concat("server ", server.name, " ", plain(server.at.text), " weight ",
                  std::to_string(server.weight), " max_in_flight ", none_or(server.max_in_flight),
                  server.backup ? " backup" : ""),
           where(server.place));
    close();
  }

  void print(const AdminSocket& socket) {
    static constexpr std::string_view levels[] = {"read", "operate", "admin"};
    open(concat("admin ", plain(socket.at.text)), socket.place);
    std::string mode = "0000";
    for (int digit = 0; digit < 3; ++digit)
      mode[static_cast<std::size_t>(3 - digit)] =
          static_cast<char>('0' + (socket.mode >> (3 * digit) & 7));
    value(socket.origins, "mode", mode);
    if (!socket.group.empty()) value(socket.origins, "group", socket.group);
    value(socket.origins, "level", levels[static_cast<std::size_t>(socket.level)]);
    close();
  }

  void print(const Check& check) {
    const Origins& origins = check.origins;
    const bool http = check.kind == Check::Kind::Http;
    open(http ? concat("check http ", check.method, " ", plain(check.path)) : "check tcp",
         check.place);
    value(origins, "interval", duration_text(check.interval));
    if (check.fast) value(origins, "fast", duration_text(*check.fast));
    if (check.down) value(origins, "down", duration_text(*check.down));
    value(origins, "timeout", duration_text(check.timeout));
    if (check.start_delay.count() > 0)
      value(origins, "start_delay", duration_text(check.start_delay));
    value(origins, "jitter", concat(std::to_string(check.jitter), "%"));
    value(origins, "rise", std::to_string(check.rise));
    value(origins, "fall", std::to_string(check.fall));
    if (check.port != 0) value(origins, "port", std::to_string(check.port));
    if (http) print_http(check);
    close();
  }

  void print_http(const Check& check) {
    if (!check.host.empty()) value(check.origins, "host", plain(check.host));
    for (const auto& [name, text] : check.headers)
      line(concat("header ", name, " ", plain(text)), where(check.place));
    std::string ranges;
    for (const StatusRange& range : check.expect) {
      ranges.append(ranges.empty() ? "" : " ").append(std::to_string(range.from));
      if (range.to != range.from) ranges.append("-").append(std::to_string(range.to));
    }
    value(check.origins, "expect", ranges);
    if (!check.body_contains.empty())
      line(concat("body contains ", plain(check.body_contains)), where(check.place));
    if (!check.body_regex.empty())
      line(concat("body regex ", plain(check.body_regex)), where(check.place));
  }

  void print(const Outlier& outlier) {
    const Origins& origins = outlier.origins;
    open("outlier", outlier.place);
    value(origins, "connect_errors", none_or(outlier.connect_errors));
    std::string statuses;
    for (const std::uint16_t status : outlier.statuses)
      statuses.append(statuses.empty() ? "" : ",").append(std::to_string(status));
    value(origins, "status",
          statuses.empty() ? "none" : concat(statuses, " ", std::to_string(outlier.status_errors)));
    value(origins, "eject", duration_text(outlier.eject));
    value(origins, "max_eject", duration_text(outlier.max_eject));
    value(origins, "max_ejected", concat(std::to_string(outlier.max_ejected), "%"));
    close();
  }

  void print(const Route& route) {
    std::string head = concat("route ", route.name);
    for (const Matcher& matcher : route.matchers) head += concat(" ", matcher_text(matcher));
    open(head, route.place);
    limits(route.limits, route.origins, InRoute);
    for (const Policy& policy : route.policies) print(policy);
    line(action_text(config_, route.action), where(route.action.place));
    close();
  }

  void print(const Policy& policy) {
    const bool own_word = find_directive(policy.word, 0xFF) != nullptr;
    std::string statement = policy.word;
    for (std::size_t i = 0; i < policy.values.size(); ++i)
      statement += concat(" ", own_word && i >= first_text_of_policy ? marked(policy.values[i])
                                                                     : plain(policy.values[i]));
    line(statement, where(policy.place));
  }

  const Config& config_;
  std::string out_;
  std::size_t depth_ = 0;
};

}  // namespace

std::string matcher_text(const Matcher& matcher) {
  const MatcherKind& kind = matcher_kind(matcher.kind);
  return concat(matcher.negated ? "not " : "", kind.word, " ",
                kind.values == 2 ? concat(plain(matcher.name), " ") : "", plain(matcher.value));
}

std::string action_text(const Config& config, const Action& action) {
  switch (action.kind) {
    case Act::Forward: return concat("forward ", config.backends[action.backend].name);
    case Act::Redirect:
      return concat("redirect ", std::to_string(action.status), " ", marked(action.text));
    case Act::Respond:
      return concat("respond ", std::to_string(action.status), action.text.empty() ? "" : " ",
                    action.text.empty() ? "" : marked(action.text));
    case Act::Metrics: return "metrics";
    case Act::Close: break;
  }
  return "close";
}

std::string print_effective(const Config& config) { return Printer(config).print(); }

}  // namespace weir::config
