// SPDX-License-Identifier: Apache-2.0
#include "config/properties.h"

#include "base/text.h"
#include "config/matchers.h"
#include "config/policies.h"
#include "config/quoting.h"
#include "config/schema.h"
#include "config/statements.h"
#include "config/units.h"

#include <algorithm>
#include <utility>

namespace weir::config {

namespace {

constexpr std::string_view admin_levels[] = {"read", "operate", "admin"};

std::string balance_text(const Balance& balance) {
  std::string text = balance.word;
  for (const std::string& value : balance.values) text += concat(" ", quoted(value));
  return text;
}

std::string none_or(std::uint64_t number) { return number == 0 ? "none" : std::to_string(number); }

std::string percent_text(std::uint8_t percent) { return concat(std::to_string(percent), "%"); }

template <typename Numbers>
std::string joined(const Numbers& numbers, std::string_view separator) {
  std::string out;
  for (const auto number : numbers)
    out.append(out.empty() ? "" : separator).append(std::to_string(number));
  return out;
}

// The properties of one object, in the order in which they are printed.
class List {
 public:
  explicit List(const Origins& origins) : origins_(origins) {}

  Property& add(std::string_view name, std::string value) {
    return at(find_origin(origins_, name), name, std::move(value));
  }

  Property& at(const Place* place, std::string_view name, std::string value,
               Property::Kind kind = Property::Kind::Single) {
    Property& property = list_.emplace_back(Property{name, std::move(value), place});
    property.kind = kind;
    return property;
  }

  void add_if_any(std::string_view name, const std::string& text) {
    if (!text.empty()) add(name, quoted(text));
  }

  // All that is set; of a listener that is everything.
  void add(const Limits& limits, Context context) {
    for (const TimeoutKind& kind : timeout_kinds()) {
      if (!(kind.contexts & context)) continue;
      if (const auto& limit = limits.*kind.member) add(kind.statement, limit_text(*limit));
    }
    if (limits.max_body) add("max_body", *limits.max_body ? size_text(**limits.max_body) : "none");
    if (limits.retry) add(*limits.retry);
    if (limits.client_close)
      add("client_close", *limits.client_close == ClientClose::Abort ? "abort" : "finish");
    if (limits.tcp_keepalive) add("tcp_keepalive", limit_text(*limits.tcp_keepalive));
    if (limits.path_check)
      add("path_check", std::string(path_checks[static_cast<std::size_t>(*limits.path_check)]));
    if (limits.early_data) add("early_data", *limits.early_data ? "on" : "off");
  }

  Properties take() { return std::move(list_); }

 private:
  static std::string retry_text(const Retry& retry) {
    if (retry.attempts == 0) return "none";
    std::string conditions = retry.on_connect_error ? "connect_error" : "";
    if (!retry.on_status.empty())
      conditions.append(conditions.empty() ? "" : ",").append(joined(retry.on_status, ","));
    return concat(std::to_string(retry.attempts), " on ", conditions);
  }

  void add(const Retry& retry) {
    Retry sorted = retry;
    std::sort(sorted.on_status.begin(), sorted.on_status.end());
    add("retry", retry_text(retry)).meaning = retry_text(sorted);
  }

  const Origins& origins_;
  Properties list_;
};

// A format says nothing while the log is off.
std::string access_log_text(const LogTarget& log) {
  if (log.to == LogTo::Off) return "off";
  return concat(target_text(log), " format ",
                has_built_in_format(log) ? log.format : quoted_template(log.format),
                buffer_text(log));
}

std::string mode_text(std::uint32_t mode) {
  std::string text = "0000";
  for (int digit = 0; digit < 3; ++digit)
    text[static_cast<std::size_t>(3 - digit)] = static_cast<char>('0' + (mode >> (3 * digit) & 7));
  return text;
}

// The block of a Unix socket.
std::string permissions_text(const Bind& bind) {
  if (bind.at.kind != Endpoint::Kind::Unix) return {};
  return concat(" { mode ", mode_text(bind.mode), bind.group.empty() ? "" : "; group ", bind.group,
                " }");
}

std::string ranges_text(const std::vector<StatusRange>& ranges) {
  std::string out;
  for (const StatusRange& range : ranges) {
    out.append(out.empty() ? "" : " ").append(std::to_string(range.from));
    if (range.to != range.from) out.append("-").append(std::to_string(range.to));
  }
  return out;
}

// In order, and each status in one range only.
std::vector<StatusRange> merged(std::vector<StatusRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const StatusRange& a, const StatusRange& b) { return a.from < b.from; });
  std::vector<StatusRange> out;
  for (const StatusRange& range : ranges)
    if (!out.empty() && range.from <= out.back().to + 1)
      out.back().to = std::max(out.back().to, range.to);
    else
      out.push_back(range);
  return out;
}

std::string statuses_text(const Outlier& outlier, const std::vector<std::uint16_t>& statuses) {
  if (statuses.empty()) return "none";
  return concat(joined(statuses, ","), " ", std::to_string(outlier.status_errors));
}

std::string policy_values(const Policy& policy) {
  const bool own_word = find_directive(policy.word, any_context) != nullptr;
  std::string values;
  for (std::size_t i = 0; i < policy.values.size(); ++i)
    values.append(i == 0 ? "" : " ")
        .append(own_word && i >= first_text_of_policy ? quoted_template(policy.values[i])
                                                      : quoted(policy.values[i]));
  return values;
}

void add_http(const Check& check, List& list) {
  list.add_if_any("host", check.host);
  for (const auto& [name, text] : check.headers)
    list.at(&check.place, "header", concat(name, " ", quoted(text)), Property::Kind::Sequence);
  if (check.kind == Check::Kind::Http)
    list.add("expect", ranges_text(check.expect)).meaning = ranges_text(merged(check.expect));
  if (!check.body_contains.empty())
    list.at(&check.place, "body contains", quoted(check.body_contains));
  if (!check.body_regex.empty()) list.at(&check.place, "body regex", quoted(check.body_regex));
}

std::string certificate_text(const Certificate& certificate) {
  std::string text = concat(quoted(certificate.chain.path), " ", quoted(certificate.key.path));
  if (certificate.ocsp.is_set()) text += concat(" ocsp ", quoted(certificate.ocsp.path));
  return text;
}

// A file that was replaced is another certificate, whatever its name.
std::string certificate_meaning(const Certificate& certificate) {
  return concat(certificate.chain.hash, " ", certificate.key.hash, " ", certificate.ocsp.hash);
}

// Names of ciphers and groups are kept with colons between them.
std::string names_text(std::string names) {
  std::replace(names.begin(), names.end(), ':', ' ');
  return names;
}

void add_terms(const TlsTerms& terms, List& list) {
  list.add("min_version", terms.min_version == TlsVersion::V1_2 ? "1.2" : "1.3");
  if (!terms.ciphers.empty()) list.add("ciphers", names_text(terms.ciphers));
  if (!terms.groups.empty()) list.add("groups", names_text(terms.groups));
}

}  // namespace

std::string Property::text() const {
  return concat(name, name.empty() || value.empty() ? "" : " ", value);
}

Properties properties(const Config& config) {
  List list(config.origins);
  list.add("workers", std::to_string(config.workers));
  list.add_if_any("user", config.user);
  list.add_if_any("group", config.group);
  list.add_if_any("chroot", config.chroot);
  list.add_if_any("pid_file", config.pid_file);
  list.add("error_log", concat(target_text(config.error_log), " level ", config.error_log.level));
  list.add("access_log", access_log_text(config.access_log));
  list.add("max_connections", none_or(config.capacity.max_connections));
  list.add("body_memory", size_text(config.capacity.body_memory));
  list.add("drain_delay", limit_text(config.drain_delay));
  list.add("shutdown_timeout", duration_text(config.shutdown_timeout));
  list.add("stall_timeout", limit_text(config.stall_timeout));
  list.add("upgrade_timeout", duration_text(config.upgrade_timeout));
  for (const TrustedProxy& proxy : config.trusted_proxies) {
    std::string block = " { fields";
    for (const std::string& field : proxy.fields) block.append(" ").append(field);
    block += " }";
    list.at(&proxy.place, "trusted_proxies",
            concat(proxy.local ? "unix:" : proxy.range.text, block), Property::Kind::Set)
        .meaning = concat(proxy.local ? "unix:" : canonical_text(proxy.range), block);
  }
  list.add_if_any("state_file", config.state_file);
  std::size_t next = 0;  // each has an origin of its own, in the same order
  for (const Origin& origin : config.origins)
    if (origin.of == "nameserver" && next < config.nameservers.size()) {
      const Endpoint& server = config.nameservers[next++];
      list.at(&origin.place, "nameserver", server.text, Property::Kind::Sequence).meaning =
          canonical_text(server);
    }
  list.add("jit", config.jit ? "on" : "off");
  return list.take();
}

Properties properties(const AdminSocket& socket) {
  List list(socket.origins);
  list.add("mode", mode_text(socket.mode));
  list.add_if_any("group", socket.group);
  list.add("level", std::string(admin_levels[static_cast<std::size_t>(socket.level)]));
  return list.take();
}

Properties properties(const Listener& listener) {
  List list(listener.origins);
  std::size_t any_port = 0;
  for (const Bind& bind : listener.binds) {
    const std::string options =
        concat(bind.tls ? " tls" : "", bind.shared ? " shared" : "", permissions_text(bind));
    Property& property =
        list.at(&bind.place, "bind", concat(quoted(bind.at.text), options), Property::Kind::Set);
    property.meaning = concat(canonical_text(bind.at), options);
    // Port 0 is another port each time.
    if (bind.at.port == 0 && bind.at.kind != Endpoint::Kind::Unix)
      property.meaning += concat(" #", std::to_string(++any_port));
  }
  list.add("protocols", listener.http1 && listener.http2 ? "h2 http/1.1"
                        : listener.http2                 ? "h2"
                                                         : "http/1.1");
  list.add("max_header", size_text(listener.head.header));
  list.add("max_fields", std::to_string(listener.head.fields));
  list.add("max_line", size_text(listener.head.line));
  list.add("max_requests", none_or(listener.max_requests));
  list.add("max_streams", std::to_string(listener.max_streams));
  list.add("stream_buffer", size_text(listener.stream_buffer));
  list.add("stream_window", size_text(listener.stream_window));
  list.add("max_lifetime", limit_text(listener.max_lifetime));
  list.add(listener.limits, InListener);
  return list.take();
}

Properties properties(const Config& config, const Route& route) {
  List list(route.origins);
  for (const Matcher& matcher : route.matchers)
    list.at(&matcher.place, "", matcher_text(matcher), Property::Kind::Set).meaning =
        canonical_text(matcher);
  list.add(route.limits, InRoute);
  list.at(&route.action.place, "action", action_text(config, route.action));
  return list.take();
}

Properties properties(const std::vector<Policy>& policies, std::uint16_t backends) {
  Properties list;
  for (const Policy& policy : policies)
    if (policy.backends & backends)
      list.push_back({policy.word, policy_values(policy), &policy.place});
  for (Property& property : list) property.kind = Property::Kind::Sequence;
  return list;
}

Properties properties(const std::vector<std::string_view>& cleared, const Place& place) {
  Properties list;
  for (const std::string_view word : cleared) list.push_back({word, "none", &place});
  for (Property& property : list) property.kind = Property::Kind::Set;
  return list;
}

Properties properties(const Config& config, const Backend& backend) {
  List list(backend.origins);
  list.add("balance", balance_text(backend.balance));
  if (backend.protocol != ServerProtocol::Http1)
    list.add("protocol", std::string(word_of(backend.protocol)));
  list.add("keepalive", none_or(backend.keepalive));
  list.add("max_queue", std::to_string(backend.max_queue));
  list.add("max_header", size_text(backend.head.header));
  list.add("max_fields", std::to_string(backend.head.fields));
  list.add("max_line", size_text(backend.head.line));
  list.add("panic", backend.panic == 0 ? "none" : percent_text(backend.panic));
  if (backend.fallback) list.add("fallback", config.backends[*backend.fallback].name);
  list.add(backend.limits, InBackend);
  return list.take();
}

Properties properties(const Server& server) {
  static const Origins none;  // all is said in one line
  List list(none);
  const Place* const place = &server.place;
  list.at(place, "address", quoted(server.at.text)).meaning = canonical_text(server.at);
  list.at(place, "weight", std::to_string(server.weight));
  list.at(place, "max_in_flight", none_or(server.max_in_flight));
  if (server.backup) list.at(place, "backup", "");
  return list.take();
}

Properties properties(const Check& check) {
  List list(check.origins);
  list.add("interval", duration_text(check.interval));
  if (check.fast) list.add("fast", duration_text(*check.fast));
  if (check.down) list.add("down", duration_text(*check.down));
  list.add("timeout", duration_text(check.timeout));
  if (check.start_delay.count() > 0) list.add("start_delay", duration_text(check.start_delay));
  list.add("jitter", percent_text(check.jitter));
  list.add("rise", std::to_string(check.rise));
  list.add("fall", std::to_string(check.fall));
  if (check.port != 0) list.add("port", std::to_string(check.port));
  if (check.kind != Check::Kind::Tcp) add_http(check, list);
  return list.take();
}

Properties properties(const ListenerTls& tls) {
  List list(tls.origins);
  for (const Certificate& certificate : tls.certificates)
    list.at(&certificate.chain.place, "certificate", certificate_text(certificate),
            Property::Kind::Sequence)
        .meaning = certificate_meaning(certificate);
  add_terms(tls, list);
  if (tls.verify != ClientVerify::Off) {
    const bool optional = tls.verify == ClientVerify::Optional;
    list.add("client_ca",
             concat(quoted(tls.client_ca.path), " verify ", optional ? "optional" : "required"))
        .meaning = concat(tls.client_ca.hash, optional ? " optional" : " required");
  }
  list.add("tickets", tls.tickets ? "on" : "off");
  return list.take();
}

Properties properties(const BackendTls& tls) {
  List list(tls.origins);
  list.add("verify", tls.verify ? "on" : "off");
  if (tls.verify) list.add("ca", quoted(tls.ca.path)).meaning = tls.ca.hash;
  list.add_if_any("server_name", tls.server_name);
  if (tls.certificate)
    list.add("certificate", certificate_text(*tls.certificate)).meaning =
        certificate_meaning(*tls.certificate);
  for (const std::string& pin : tls.pins)
    list.at(&tls.place, "pin", quoted(pin), Property::Kind::Set);
  add_terms(tls, list);
  return list.take();
}

Properties properties(const Outlier& outlier) {
  List list(outlier.origins);
  list.add("connect_errors", none_or(outlier.connect_errors));
  std::vector<std::uint16_t> sorted = outlier.statuses;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  list.add("status", statuses_text(outlier, outlier.statuses)).meaning =
      statuses_text(outlier, sorted);
  list.add("eject", duration_text(outlier.eject));
  list.add("max_eject", duration_text(outlier.max_eject));
  list.add("max_ejected", percent_text(outlier.max_ejected));
  return list.take();
}

Properties properties(const Pipeline& pipeline) {
  List list(pipeline.origins);
  list.add("depth", std::to_string(pipeline.depth));
  list.add("body", size_text(pipeline.body));
  list.add("slow", duration_text(pipeline.slow));
  list.add("credentials", pipeline.credentials ? "on" : "off");
  return list.take();
}

Properties defaults(Context context) {
  switch (context) {
    case InMain: return properties(Config());
    case InListener: {
      Listener listener;
      listener.limits = default_limits();
      return properties(listener);
    }
    case InBackend: {
      const Config config;
      Properties list = properties(config, Backend());
      list.push_back({"protocol", std::string(word_of(Backend().protocol)), nullptr});
      return list;
    }
    case InCheck: {
      Check check;
      check.kind = Check::Kind::Http;
      return properties(check);
    }
    case InOutlier: return properties(Outlier());
    case InPipeline: return properties(Pipeline());
    case InAdmin: return properties(AdminSocket());
    case InListenerTls: return properties(ListenerTls());
    case InBackendTls: return properties(BackendTls());
    case InBind: return {{"mode", mode_text(Bind().mode), nullptr}};
    default: return {};
  }
}

std::string matcher_text(const Matcher& matcher) {
  const MatcherKind& kind = matcher_kind(matcher.kind);
  return concat(matcher.negated ? "not " : "", kind.word, " ",
                kind.values == 2 ? concat(quoted(matcher.name), " ") : "", quoted(matcher.value));
}

std::string canonical_text(const Matcher& matcher) {
  if (matcher.kind != Match::Client) return matcher_text(matcher);
  return concat(matcher.negated ? "not " : "", "client ", canonical_text(matcher.cidr));
}

std::string policy_text(const Policy& policy) {
  return concat(policy.word, policy.values.empty() ? "" : " ", policy_values(policy));
}

std::string action_text(const Config& config, const Action& action) {
  switch (action.kind) {
    case Act::Forward: return concat("forward ", config.backends[action.backend].name);
    case Act::Redirect:
      return concat("redirect ", std::to_string(action.status), " ", quoted_template(action.text));
    case Act::Respond:
      return concat("respond ", std::to_string(action.status), action.text.empty() ? "" : " ",
                    action.text.empty() ? "" : quoted_template(action.text));
    case Act::Metrics: return "metrics";
    case Act::Ready: return concat("ready", action.text.empty() ? "" : " ", action.text);
    case Act::Close: break;
  }
  return "close";
}

std::string check_text(const Check& check) {
  if (check.kind == Check::Kind::Tcp) return "tcp";
  if (check.kind == Check::Kind::Grpc)
    return check.service.empty() ? "grpc" : concat("grpc ", quoted(check.service));
  return concat("http ", check.method, " ", quoted(check.path));
}

std::string target_text(const LogTarget& target) {
  switch (target.to) {
    case LogTo::Off: return "off";
    case LogTo::Stderr: return "stderr";
    case LogTo::Syslog: return "syslog";
    case LogTo::File: break;
  }
  return quoted(target.path);
}

std::string buffer_text(const LogTarget& log) {
  if (!log.buffer) return {};
  return concat(" buffer ", size_text(log.buffer->size), " flush ",
                duration_text(log.buffer->flush));
}

bool has_built_in_format(const LogTarget& log) {
  return log.format == "json" || log.format == "combined";
}

bool mean_the_same(const Check& a, const Check& b) {
  const Properties of_a = properties(a), of_b = properties(b);
  return check_text(a) == check_text(b) &&
         std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(),
                    [](const Property& x, const Property& y) {
                      return x.name == y.name && x.meaning == y.meaning;
                    });
}

}  // namespace weir::config
