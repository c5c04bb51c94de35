// SPDX-License-Identifier: Apache-2.0

#include "config/variables.h"

#include "base/text.h"
#include "config/foreign.h"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::config {

namespace {

constexpr std::array<VariableKind, 47> kinds = {{
    {"attempts", Variable::Attempts, "how often a server was tried"},
    {"backend", Variable::Backend, "name of the backend; empty if none was chosen"},
    {"body_bytes_out", Variable::BodyBytesOut, "bytes sent to the client without those of heads"},
    {"bytes_in", Variable::BytesIn, "bytes received from the client: head, body and trailers"},
    {"bytes_out", Variable::BytesOut, "bytes sent to the client: heads, body and trailers"},
    {"client_addr", Variable::ClientAddr,
     "IP address of the client; behind trusted proxies the one they name"},
    {"client_cert_fingerprint", Variable::ClientCertFingerprint,
     "SHA-256 of the certificate that the client has shown, in hex; empty without one"},
    {"client_cert_names", Variable::ClientCertNames,
     "alternative names in it: DNS, mail, URI and IP, with commas in between"},
    {"client_cert_subject", Variable::ClientCertSubject, "its subject, as in CN=alice,O=Example"},
    {"client_port", Variable::ClientPort,
     "TCP port of the client; 0 on a Unix socket, or if a trusted proxy names the client"},
    {"cookie_", Variable::Cookie, "value of the request's cookie NAME"},
    {"duration", Variable::Duration,
     "time from the first byte of the request to the end of the answer, in ms"},
    {"forward_path", Variable::ForwardPath,
     "path that goes to the server, without query: as sent but for dot segments, or as rewritten"},
    {"h2_stream", Variable::H2Stream,
     "number of the stream of an HTTP/2 request; empty for HTTP/1"},
    {"header_", Variable::Header, "value of the request's field NAME, in lower case with _ for -"},
    {"host", Variable::Host,
     "host asked for, in lower case, without port; behind trusted proxies the one they name"},
    {"listener", Variable::Listener, "name of the listener"},
    {"method", Variable::Method, "request method"},
    {"note_", Variable::Note, "what a filter has left for the log under NAME"},
    {"path", Variable::Path,
     "plain form of the path asked for, without query: what routes compare, before any rewrite"},
    {"protocol", Variable::Protocol, "HTTP version of the request, as in HTTP/1.1"},
    {"query", Variable::Query, "query without its question mark"},
    {"query_", Variable::QueryArgument, "decoded value of the query's argument NAME"},
    {"reason", Variable::Reason,
     "name of the failure that ended the request; empty if there was none; weir(8) lists them"},
    {"referer", Variable::Referer, "the request's Referer field"},
    {"request_id", Variable::RequestId, "random identifier of the request, 32 hex digits"},
    {"request_uri", Variable::RequestUri,
     "path and query as sent: the target without the scheme and host it may hold"},
    {"response_header_", Variable::ResponseHeader, "value of the answer's field NAME"},
    {"retry_reason", Variable::RetryReason,
     "why a server was tried once more: a failure, or the status of its answer; empty if none was"},
    {"route", Variable::Route, "name of the route; empty if none matched"},
    {"scheme", Variable::Scheme, "http or https; behind trusted proxies the one they name"},
    {"server", Variable::Server, "name of the last server tried"},
    {"server_addr", Variable::ServerAddr,
     "address of the last server tried; all of them with commas in between, if it has several and "
     "none took the connection"},
    {"status", Variable::Status, "status sent to the client"},
    {"t_connect", Variable::TimeConnect, "time to connect to the server, in ms"},
    {"t_first_byte", Variable::TimeFirstByte,
     "time from the request sent to the first byte of the answer, in ms"},
    {"t_queue", Variable::TimeQueue, "time spent waiting for a free server, in ms"},
    {"t_total", Variable::TimeTotal, "the same as duration"},
    {"target", Variable::Target, "request target as sent, in whichever form"},
    {"time", Variable::Time, "when the request began: ISO 8601, UTC, with milliseconds"},
    {"tls_alpn", Variable::TlsAlpn, "protocol agreed on with the client by ALPN"},
    {"tls_cipher", Variable::TlsCipher, "cipher of the client's TLS connection"},
    {"tls_resumed", Variable::TlsResumed,
     "1 if the client has resumed a session, else 0; empty in the clear"},
    {"tls_server_name", Variable::TlsServerName, "host name that the client has asked for by SNI"},
    {"tls_version", Variable::TlsVersion, "as in TLSv1.3; empty in the clear"},
    {"user_agent", Variable::UserAgent, "the request's User-Agent field"},
    {"weir_version", Variable::WeirVersion, "version of weir"},
}};

bool is_name(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }

// How nginx calls what has a name of its own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> foreign_families = {
    {{"sent_http_", "response_header_"},
     {"upstream_http_", "response_header_"},
     {"http_", "header_"},
     {"arg_", "query_"}}};

// Where a name goes on behind so many words as `family` has.
std::size_t behind(std::string_view family, std::string_view name) {
  std::size_t at = 0;
  for (auto words = std::count(family.begin(), family.end(), '_'); words > 0; --words)
    at = std::min(name.find('_', at), name.size() - 1) + 1;
  return at;
}

// "heder_host": the family that was meant, or nothing.
std::string_view near_family(std::string_view name) {
  for (const VariableKind& kind : kinds) {
    if (!kind.name.ends_with('_')) continue;
    const std::size_t end = behind(kind.name, name);
    const std::string_view one[] = {kind.name};
    if (end < name.size() && name[end - 1] == '_' && nearest(name.substr(0, end), one))
      return kind.name;
  }
  return {};
}

Error unknown(std::string_view name) {
  std::array<std::string_view, kinds.size()> names;
  std::transform(kinds.begin(), kinds.end(), names.begin(), [](auto& kind) { return kind.name; });
  std::string text = concat("unknown variable \"$", name.substr(0, 64), "\"");
  if (const ForeignWord* foreign = find_foreign("variable", name))
    return Error(Errc::NotFound, concat(text, "; ", foreign->hint));
  for (const auto& [theirs, ours] : foreign_families)
    if (name.starts_with(theirs))
      return Error(Errc::NotFound, concat(text, "; write $", ours, name.substr(theirs.size())));
  const std::string_view family = near_family(name);
  const auto near = nearest(name, names);
  if (std::find(names.begin(), names.end(), name) != names.end())
    text += concat("; write $", name, "NAME");
  else if (near && !near->ends_with('_'))
    text += concat("; did you mean \"$", *near, "\"?");
  else if (!family.empty())
    text += concat("; did you mean \"$", family, name.substr(behind(family, name)), "\"?");
  else if (near)
    text += concat("; did you mean \"$", *near, "NAME\"?");
  else
    text += "; \"weir help variables\" lists all";
  return Error(Errc::NotFound, text);
}

bool is_of_fields(Variable variable) {
  return variable == Variable::Header || variable == Variable::ResponseHeader;
}

// Header names are compared in lower case, and no variable can have a '-' in its name.
std::string own_name(const VariableKind& kind, std::string_view name) {
  if (!kind.name.ends_with('_')) return {};
  std::string own(name.substr(kind.name.size()));
  if (!is_of_fields(kind.variable)) return own;
  std::replace(own.begin(), own.end(), '_', '-');
  return to_lower(own);
}

constexpr std::size_t most_faults = 16;  // told of one text

// Goes on behind what is wrong, so that all of it is told.
Template read(std::string_view text, std::vector<Error>& faults) {
  Template result;
  std::string literal;
  for (std::size_t i = 0; i < text.size() && faults.size() < most_faults; ++i) {
    const bool more = i + 1 < text.size();
    if ((text[i] == '\\' || text[i] == '$') && more && text[i + 1] == '$') {
      literal.push_back(text[++i]);
      continue;
    }
    if (text[i] != '$') {
      literal.push_back(text[i]);
      continue;
    }
    std::size_t end = i + 1;
    while (end < text.size() && is_name(text[end])) ++end;
    const std::string_view name = text.substr(i + 1, end - i - 1);
    i = end - 1;
    const VariableKind* kind = find_variable(name);
    if (name.empty() || is_digit(name.front())) {
      faults.emplace_back(Errc::Invalid,
                          "a \"$\" without a variable's name; write \"$$\" for a dollar");
    } else if (!kind) {
      faults.push_back(unknown(name));
    } else {
      result.parts.push_back({std::move(literal), kind->variable, own_name(*kind, name)});
      literal.clear();
    }
  }
  if (!literal.empty()) result.parts.push_back({std::move(literal), Variable::None, {}});
  return result;
}

}  // namespace

std::span<const VariableKind> variable_kinds() { return kinds; }

const VariableKind* find_variable(std::string_view name) {
  const VariableKind* family = nullptr;
  for (const VariableKind& kind : kinds) {
    if (kind.name == name && !name.ends_with('_')) return &kind;
    if (kind.name.ends_with('_') && name.starts_with(kind.name) && name.size() > kind.name.size())
      family = &kind;
  }
  return family;
}

std::string written(const Template::Part& part) {
  const auto kind = std::find_if(kinds.begin(), kinds.end(), [&part](const VariableKind& each) {
    return each.variable == part.variable;
  });
  if (kind == kinds.end()) return {};
  std::string name = part.name;
  if (is_of_fields(part.variable)) std::replace(name.begin(), name.end(), '-', '_');
  return concat("$", kind->name, name);
}

Result<Template> parse_template(std::string_view text) {
  std::vector<Error> faults;
  Template result = read(text, faults);
  if (!faults.empty()) return faults.front();
  return result;
}

std::vector<Error> template_faults(std::string_view text) {
  std::vector<Error> faults;
  read(text, faults);
  return faults;
}

}  // namespace weir::config
