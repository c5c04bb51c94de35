// SPDX-License-Identifier: Apache-2.0
#include "proxy/variables.h"

#include <weir/version.h>

#include "base/characters.h"
#include "base/cursor.h"
#include "base/wall_time.h"
#include "http/field.h"
#include "http/path.h"
#include "http/url.h"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <span>

namespace weir::proxy {

namespace {

using config::Variable;

std::string_view number(std::uint64_t value, Arena& arena) {
  char* out = arena.text(20);
  return {out, static_cast<std::size_t>(std::to_chars(out, out + 20, value).ptr - out)};
}

std::string_view hex_id(const Record& record, Arena& arena) {
  char* out = arena.text(32);
  for (int i = 0; i < 32; ++i)
    out[i] = hex_digits[record.request_id[i / 16] >> (4 * (15 - i % 16)) & 15];
  return {out, 32};
}

// The path and query of the target in whichever form it was sent (RFC 9112 §3.2).
std::string_view request_uri(const RequestHead& request, Arena& arena) {
  std::string_view target = request.target;
  const std::size_t authority = target.find("://");
  if (request.method == Method::Connect || target.starts_with('/') ||
      authority == std::string_view::npos)
    return target;
  target.remove_prefix(find_any_or_end(target, "/?", authority + 3));
  if (target.starts_with('/')) return target;
  char* out = arena.text(target.size() + 1);
  *out = '/';
  return {out, 1 + target.copy(out + 1, target.size())};
}

std::string_view field_value(const MessageHead* head, std::string_view name) {
  const Field* field = head ? head->headers.find(name) : nullptr;
  return field ? field->value : std::string_view();
}

std::string_view of_request(Variable variable, std::string_view name, const RequestHead& request,
                            Arena& arena) {
  switch (variable) {
    case Variable::Host: return request.host;
    case Variable::Method: return request.method_text;
    case Variable::Path: return request.path;
    case Variable::ForwardPath: return request.forward_path;
    case Variable::Target: return request.target;
    case Variable::Query: return request.query;
    case Variable::RequestUri: return request_uri(request, arena);
    case Variable::Protocol: return name_of(request.protocol);
    case Variable::UserAgent: return request.headers.get(FieldName::UserAgent);
    case Variable::Referer: return request.headers.get(FieldName::Referer);
    case Variable::Header: return field_value(&request, name);
    case Variable::Cookie: return http::cookie(request.headers, name);
    case Variable::QueryArgument: {
      std::string_view raw = http::query_parameter(request.query, name);
      return http::percent_decode(raw, arena.text(raw.size()), true);
    }
    default: return {};
  }
}

std::string_view of_tls(Variable variable, const tls::Transport& transport) {
  const tls::ClientCertificate* shown = nullptr;
  switch (variable) {
    case Variable::TlsVersion: return transport.version();
    case Variable::TlsCipher: return transport.cipher();
    case Variable::TlsServerName: return transport.server_name();
    case Variable::TlsAlpn: return transport.alpn();
    case Variable::TlsResumed: return transport.is_resumed() ? "1" : "0";
    case Variable::ClientCertSubject:
      shown = transport.client_certificate();
      return shown ? std::string_view(shown->subject) : std::string_view();
    case Variable::ClientCertNames:
      shown = transport.client_certificate();
      return shown ? std::string_view(shown->names) : std::string_view();
    case Variable::ClientCertFingerprint:
      shown = transport.client_certificate();
      return shown ? std::string_view(shown->fingerprint) : std::string_view();
    default: return {};
  }
}

std::string_view note(const Record& record, std::string_view name) {
  for (const Note& note : record.notes)
    if (note.name == name) return note.value;
  return {};
}

std::string_view of_exchange(Variable variable, const Record& record, Arena& arena) {
  const Times& times = record.times;
  std::uint64_t begun = times.begun;
  switch (variable) {
    case Variable::Listener: return record.listener ? record.listener->name : std::string_view();
    case Variable::Route: return record.route ? record.route->name : std::string_view();
    case Variable::Backend: return record.backend ? record.backend->name : std::string_view();
    case Variable::Server: return record.server ? record.server->name : std::string_view();
    case Variable::ServerAddr:
      if (!record.server_address.empty()) return record.server_address;
      return record.server ? record.server->at.text : std::string_view();
    case Variable::ClientAddr: return record.client_addr;
    case Variable::ClientPort: return number(record.client_port, arena);
    case Variable::Scheme: return record.scheme;
    case Variable::H2Stream:
      return record.h2_stream == 0 ? std::string_view() : number(record.h2_stream, arena);
    case Variable::Status: return number(record.status, arena);
    case Variable::Attempts: return number(record.attempts, arena);
    case Variable::RetryReason: return record.retry_reason;
    case Variable::BodyBytesOut: return number(record.bytes_out - record.heads_out, arena);
    case Variable::BytesIn: return number(record.bytes_in(), arena);
    case Variable::BytesOut: return number(record.bytes_out, arena);
    case Variable::RequestId: return hex_id(record, arena);
    case Variable::Reason:
      return record.failure == http::Failure::None ? std::string_view()
                                                   : http::traits(record.failure).name;
    case Variable::Time: return iso_time(record.wall_us, arena);
    case Variable::Duration:
    case Variable::TimeTotal: return milliseconds(begun, times.ended, arena);
    case Variable::TimeQueue:  // in vain if no server was chosen after that
      return milliseconds(times.queued, times.chosen > times.queued ? times.chosen : times.ended,
                          arena);
    case Variable::TimeConnect: return milliseconds(times.chosen, times.connected, arena);
    case Variable::TimeFirstByte: return milliseconds(times.connected, times.first_byte, arena);
    case Variable::WeirVersion: return version;
    default: return record.tls ? of_tls(variable, *record.tls) : std::string_view();
  }
}

void append_safe(char*& out, std::string_view value, Safety safety) {
  for (char c : value) {
    bool fine = safety == Safety::None || is_in(c, safety == Safety::Field ? ValueSet : QuerySet);
    bool quote = safety == Safety::Url && (c == '"' || c == '<' || c == '>' || c == '\\');
    if (fine && !quote) {
      *out++ = c;
    } else if (safety == Safety::Url) {
      *out++ = '%';
      *out++ = upper_hex_digits[static_cast<unsigned char>(c) >> 4];
      *out++ = upper_hex_digits[c & 15];
    }
  }
}

// The pieces of a text, filled in: a literal, then a variable's value, and so on.
std::span<std::string_view> pieces_of(const config::Template& text, const Record& record,
                                      Arena& arena) {
  auto pieces = arena.array<std::string_view>(2 * text.parts.size());
  for (std::size_t i = 0; i < text.parts.size(); ++i) {
    const auto& part = text.parts[i];
    pieces[2 * i] = part.text;
    pieces[2 * i + 1] = evaluate(part.variable, part.name, record, arena);
  }
  return pieces;
}

// Takes the slashes off that the whole begins with, of either kind, if they are two or more.  True if so.
bool take_leading_slashes(std::span<std::string_view> pieces) {
  const auto length = [](std::string_view piece) { return http::leading_slashes(piece); };
  std::size_t all = 0, last = 0;
  for (; last < pieces.size(); ++last) {
    all += length(pieces[last]);
    if (length(pieces[last]) < pieces[last].size()) break;
  }
  if (all < 2) return false;
  for (std::string_view& piece : pieces.first(std::min(last + 1, pieces.size())))
    piece.remove_prefix(length(piece));
  return true;
}

std::string_view fill(const config::Template& text, const Record& record, Arena& arena,
                      Safety safety) {
  if (text.parts.empty()) return {};
  if (!text.has_variables()) return text.parts[0].text;
  return join(pieces_of(text, record, arena), arena, safety);
}

}  // namespace

std::string_view join(std::span<std::string_view> pieces, Arena& arena, Safety safety) {
  std::size_t size = 1;
  for (const std::string_view piece : pieces) size += 3 * piece.size();
  char* begin = arena.text(size);
  char* out = begin;
  // Else a client could name the host that a redirect leads to: "//evil.example" (RFC 3986 §4.2).
  if (safety == Safety::Url && take_leading_slashes(pieces)) *out++ = '/';
  for (std::size_t i = 0; i < pieces.size(); ++i)
    append_safe(out, pieces[i], i % 2 == 0 ? Safety::None : safety);
  return {begin, static_cast<std::size_t>(out - begin)};
}

std::string_view iso_time(std::int64_t wall_us, Arena& arena) {
  return format_wall_time(wall_us, arena.text(wall_time_size + 8));
}

std::string_view milliseconds(std::uint64_t from, std::uint64_t to, Arena& arena) {
  std::uint64_t us = from == 0 || to <= from ? 0 : to - from;
  char* out = arena.text(24);
  char* at = std::to_chars(out, out + 20, us / 1000).ptr;
  *at++ = '.';
  *at++ = static_cast<char>('0' + us / 100 % 10);
  *at++ = static_cast<char>('0' + us / 10 % 10);
  *at++ = static_cast<char>('0' + us % 10);
  return {out, static_cast<std::size_t>(at - out)};
}

std::string_view evaluate(Variable variable, std::string_view name, const Record& record,
                          Arena& arena) {
  if (variable == Variable::ResponseHeader) return field_value(record.response, name);
  if (variable == Variable::Note) return note(record, name);
  if (variable == Variable::Host && !record.host.empty()) return record.host;
  std::string_view value =
      record.request ? of_request(variable, name, *record.request, arena) : std::string_view();
  return value.empty() ? of_exchange(variable, record, arena) : value;
}

std::string_view expand(const config::Template& text, const Record& record, Arena& arena) {
  return fill(text, record, arena, Safety::None);
}

std::string_view expand_field(const config::Template& text, const Record& record, Arena& arena) {
  return fill(text, record, arena, Safety::Field);
}

std::string_view expand_url(const config::Template& text, const Record& record, Arena& arena) {
  return fill(text, record, arena, Safety::Url);
}

}  // namespace weir::proxy
