// SPDX-License-Identifier: Apache-2.0
#include "admin/question.h"

#include "base/cursor.h"
#include "base/text.h"

namespace weir::admin {

namespace {

/// What becomes the request's first lines.
struct Asked {
  std::string host = "localhost", target, fields;
};

// "https://host:port/path?query" or "/path"; of CONNECT "host:port".
Result<void> read_url(std::string_view method, std::string_view url, Question& question,
                      Asked& asked) {
  asked.target = url;
  if (url.starts_with("/") || url == "*") return {};
  if (method == "CONNECT") {
    asked.host = url;
    return {};
  }
  std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos)
    return Error(Errc::Invalid, "write the URL as http://HOST/PATH or /PATH");
  const bool is_tls = iequals(url.substr(0, scheme), "https");
  if (is_tls) question.scheme = "https";
  std::string_view rest = url.substr(scheme + 3);
  std::size_t end = find_any_or_end(rest, "/?");
  std::string_view host = rest.substr(0, end);
  asked.host = host;
  asked.target = concat(rest.substr(end, 1) == "/" ? "" : "/", rest.substr(end));
  std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    question.port = to_number<std::uint16_t>(host.substr(colon + 1)).value_or(0);
    host = host.substr(0, colon);
  }
  // Clients name no addresses there (RFC 6066 section 3).
  if (is_tls && !host.starts_with('[') && !net::Address::from_ip(host))
    question.server_name = to_lower(host);
  return {};
}

Result<void> read_client(std::string_view value, Question& question) {
  config::Endpoint local;
  local.kind = config::Endpoint::Kind::Unix;
  auto client = value == "unix:" ? net::Address::from(local) : net::Address::from_ip(value);
  if (!client)
    return Error(Errc::Invalid, concat(in_quotes(value), " is neither an IP address nor unix:"));
  question.client = *client;
  return {};
}

Result<void> read_protocol(std::string_view value, Question& question) {
  const auto* const found = std::find(alpn_tokens.begin(), alpn_tokens.end(), value);
  if (found == alpn_tokens.end())
    return Error(Errc::Invalid, concat(in_quotes(value), " is not http/1.0, http/1.1 or h2"));
  question.protocol = static_cast<Protocol>(found - alpn_tokens.begin());
  return {};
}

// True if it was a part of a certificate.
bool read_certificate(std::string_view name, std::string_view value, Question& question) {
  tls::ClientCertificate& shown = question.certificate;
  if (name == "client_cert_subject")
    shown.subject = value;
  else if (name == "client_cert_san")
    shown.names += concat(shown.names.empty() ? "" : ",", value);
  else if (name == "client_cert_fingerprint")
    shown.fingerprint = value;
  else
    return false;
  question.shows_certificate = true;
  return true;
}

Result<void> read_pair(std::string_view name, std::string_view value, Question& question,
                       Asked& asked) {
  if (name == "client") return read_client(value, question);
  if (name == "protocol") return read_protocol(value, question);
  if (name == "listener")
    question.listener = value;
  else if (name == "sni")
    question.server_name = to_lower(value);
  else if (iequals(name, "host"))
    asked.host = value;
  else if (!read_certificate(name, value, question))
    asked.fields += concat(name, ": ", value, "\r\n");
  return {};
}

}  // namespace

proxy::Peer Question::peer(const net::Address& from) const {
  return {from, server_name, shows_certificate ? &certificate : nullptr};
}

std::string Question::tls_text() const {
  std::string told = server_name.empty() ? "" : concat(", sni ", server_name);
  if (!shows_certificate) return told;
  const std::string_view who = certificate.subject;
  return told += concat(", certificate ", who.empty() ? "shown" : who);
}

Result<void> read_question(std::span<const std::string> words, Question& question) {
  Asked asked;
  question.client = *net::Address::from_ip("127.0.0.1");
  if (auto done = read_url(words[0], words[1], question, asked); !done) return done;
  for (std::string_view word : words.subspan(2)) {
    std::size_t equals = word.find('=');
    if (equals == std::string_view::npos || word.find_first_of("\r\n") != std::string_view::npos)
      return Error(Errc::Invalid, concat(in_quotes(word), " is not NAME=VALUE"));
    auto done = read_pair(word.substr(0, equals), word.substr(equals + 1), question, asked);
    if (!done) return done;
  }
  // Only TLS has what these say.
  if (!question.server_name.empty() || question.shows_certificate) question.scheme = "https";
  question.text = concat(words[0], " ", asked.target,
                         question.protocol == Protocol::Http10 ? " HTTP/1.0" : " HTTP/1.1",
                         "\r\nHost: ", asked.host, "\r\n", asked.fields, "\r\n");
  return {};
}

RequestHead* RequestReader::read(Question& question) {
  codec_.feed(question.text);
  if (failure_ != http::Failure::None || !head_) return nullptr;
  // Of HTTP/2 requests workers see the same head, but for this (http/h2_fields).
  head_->protocol = question.protocol;
  return head_;
}

}  // namespace weir::admin
