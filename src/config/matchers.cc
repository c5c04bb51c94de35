// SPDX-License-Identifier: Apache-2.0
#include "config/matchers.h"

#include <weir/protocol.h>

#include "base/text.h"
#include "config/units.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <string>

namespace weir::config {

namespace {

// clang-format off
constexpr std::array<MatcherKind, 11> kinds = {{
    {"host", Match::Host, 1, "The host asked for: a name, an IP address, or *.SUFFIX for all names below one."},
    {"path", Match::Path, 1, "The path: /a exactly, or /a/* for /a and all below it."},
    {"path_regex", Match::PathRegex, 1, "A regular expression (PCRE2) that is looked for in the path."},
    {"method", Match::Method, 1, "The request method, in its own case."},
    {"header", Match::Header, 2, "A field of the request with exactly this value."},
    {"query", Match::Query, 2, "An argument of the query with this decoded value."},
    {"cookie", Match::Cookie, 2, "A cookie with this value."},
    {"client", Match::Client, 1, "The address of the client: an IP address or a range, 10.0.0.0/8."},
    {"sni", Match::Sni, 1, "The name that the client has asked for in its TLS handshake: exact, or *.SUFFIX."},
    {"client_cert", Match::ClientCert, 2, "What the client's verified certificate says: subject, san or fingerprint, and the value."},
    {"protocol", Match::Protocol, 1, "The version of HTTP that the client speaks: http/1.0, http/1.1 or h2."}}};
// clang-format on
constexpr std::array<std::string_view, 18> words = {
    "host",    "path",     "path_regex", "method",      "header",   "query",
    "cookie",  "client",   "sni",        "client_cert", "protocol", "not",
    "forward", "redirect", "respond",    "close",       "metrics",  "ready"};
constexpr std::array<std::string_view, 5> later_words = {"lua", "split", "dashboard", "tarpit",
                                                         "lua_respond"};
constexpr std::array<std::string_view, 3> certificate_parts = {"subject", "san", "fingerprint"};
constexpr std::array<std::string_view, 9> methods = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = to_upper(c);
  return result;
}

// Lower case, without the trailing dot: the form in which requests are matched.
void build_host(const Value& value, Reporter& report, Matcher& matcher) {
  std::string_view host = value.text;
  if (host.ends_with('.')) host.remove_suffix(1);
  matcher.value = to_lower(host);
  const bool suffix = host.starts_with("*.");
  const auto address = parse_endpoint(concat(host, ":0"));
  if (is_host_name(suffix ? host.substr(2) : host)) return;
  if (address && !suffix && address->kind != Endpoint::Kind::Name) return;
  std::string hint = "write a name, or *.SUFFIX for all names below one";
  if (host == "*") hint = "leave the matcher out to match every host";
  if (parse_endpoint(host)) hint = concat("without the port: ", host.substr(0, host.rfind(':')));
  report.error(value.at, concat(in_quotes(value.text), " is not a host name"), hint);
}

// Why a path can never be equal to a plain one (http/path.h), or nothing.
std::string_view never_matches(std::string_view path) {
  if (!path.starts_with('/')) return "a path begins with \"/\"";
  if (path.find_first_of("?#") != std::string_view::npos)
    return "a path has no query and no fragment";
  if (path.find('\\') != std::string_view::npos) return "write %5C for a backslash";
  for (const char c : path)
    if (c <= ' ' || c == '\x7f')
      return "blanks, controls and bytes that are not ASCII are written %20";
  for (const std::string_view segment : split(path.substr(1), '/'))
    if (segment == "." || segment == "..") return "dot segments are resolved before matching";
  for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    const std::string_view digits = path.substr(at + 1, 2);
    const bool good =
        digits.size() == 2 && digits.find_first_not_of(upper_hex_digits) == std::string_view::npos;
    if (!good) return "\"%\" is followed by two hex digits in capitals";
    if (digits == "00") return "requests with such an escape are refused";
    const char c = static_cast<char>(hex_value(digits[0]) * 16 + hex_value(digits[1]));
    if (is_in(c, UnreservedSet)) return "letters, digits and - . _ ~ are decoded before matching";
  }
  return {};
}

// Characters that no URI may hold are escaped before matching, so they are in what is compared.
std::string with_escapes(std::string_view path) {
  std::string escaped;
  for (const char c : path) {
    if (std::string_view("\"<>[]^`{|}").find(c) == std::string_view::npos)
      escaped += c;
    else
      escaped.append(1, '%')
          .append(1, upper_hex_digits[static_cast<unsigned>(c) >> 4])
          .append(1, upper_hex_digits[c & 15]);
  }
  return escaped;
}

void build_path(const Value& value, Reporter& report, Matcher& matcher) {
  matcher.value = with_escapes(value.text);
  std::string_view path = value.text;
  if (path.ends_with("/*")) path.remove_suffix(path.size() > 2 ? 2 : 1);
  std::string_view why = never_matches(path);
  if (path.find('*') != std::string_view::npos) why = "\"*\" stands only at the end, after \"/\"";
  if (path != value.text && path.size() > 1 && path.ends_with('/'))
    why = "write one \"/\" before the \"*\"";
  if (!why.empty())
    report.error(value.at, concat("path ", in_quotes(value.text), " cannot match"),
                 std::string(why));
}

void build_method(const Value& value, Reporter& report, Matcher& matcher) {
  matcher.value = value.text;
  const std::string capitals = upper(value.text);
  if (!is_token(value.text))
    report.error(value.at, concat(in_quotes(value.text), " is not a method"),
                 "one word in capitals, such as GET");
  else if (capitals != value.text &&
           std::find(methods.begin(), methods.end(), capitals) != methods.end())
    report.error(value.at,
                 concat("method ", in_quotes(value.text), " never comes: methods keep their case"),
                 concat("write ", capitals));
}

void build_named(const MatcherKind& kind, std::span<const Value> values, Reporter& report,
                 Matcher& matcher) {
  const std::string_view name = values[0].text;
  matcher.name = name;
  matcher.value = values[1].text;
  if (kind.match == Match::Query) return;
  if (!is_token(name))
    report.error(values[0].at, concat(in_quotes(name), " is not the name of a ", kind.word),
                 concat("write ", kind.word, " NAME VALUE"));
  if (kind.match != Match::Header) return;
  matcher.name = to_lower(name);
  if (name.find('_') != std::string_view::npos)
    report.error(values[0].at, concat("header ", in_quotes(name), " never comes"),
                 "weir drops fields with \"_\" in their name");
}

}  // namespace

const MatcherKind* find_matcher(std::string_view word) {
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [word](const MatcherKind& kind) { return kind.word == word; });
  return found == kinds.end() ? nullptr : &*found;
}

// The rows stand in the order of enum Match.
const MatcherKind& matcher_kind(Match match) { return kinds[static_cast<std::size_t>(match)]; }

bool is_route_word(std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end() ||
         std::find(later_words.begin(), later_words.end(), word) != later_words.end();
}

std::span<const std::string_view> route_words() { return words; }

Matcher build_matcher(const MatcherKind& kind, std::span<const Value> values, const Scope& scope) {
  Reporter& report = scope.report;
  Matcher matcher;
  matcher.kind = kind.match;
  switch (kind.match) {
    case Match::Host:
    case Match::Sni: build_host(values[0], report, matcher); break;
    case Match::ClientCert:
      matcher.name = values[0].text;
      matcher.value = values[1].text;
      (void)read_choice(values[0], "part of a certificate", certificate_parts, report);
      break;
    case Match::Path: build_path(values[0], report, matcher); break;
    case Match::Method: build_method(values[0], report, matcher); break;
    case Match::PathRegex: matcher.value = read_regex(values[0], scope); break;
    case Match::Protocol:
      matcher.value = values[0].text;
      (void)read_choice(values[0], "protocol", alpn_tokens, report);
      break;
    case Match::Header:
    case Match::Query:
    case Match::Cookie: build_named(kind, values, report, matcher); break;
    case Match::Client:
      matcher.value = values[0].text;
      if (const auto cidr = read_cidr(values[0], report)) matcher.cidr = *cidr;
      break;
  }
  return matcher;
}

}  // namespace weir::config
