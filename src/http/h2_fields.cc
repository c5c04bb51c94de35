// SPDX-License-Identifier: Apache-2.0
//
// Pseudo-fields are kept apart until the first ordinary field shows that all have come; then they become
// the start line and Host, so that the whole head lies in memory as HTTP/1.1 would have sent it.
#include "http/h2_fields.h"

#include "base/characters.h"
#include "http/field.h"
#include "http/field_lines.h"
#include "http/framing.h"
#include "http/hop_by_hop.h"
#include "http/message.h"
#include "http/target.h"
#include "http/url.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace weir::http {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t most_spares = 0;  // so that a use after the end is found
#else
constexpr std::size_t most_spares = 8;  // a block seldom waits for its rest
#endif
constexpr std::size_t most_spare_text = 16 * 1024;

// May stand in the start line of HTTP/1.1; what is right where is found out later.
bool is_safe_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_in(c, ValueSet) && !is_blank(c); });
}

bool may_stand(const Field& field) {
  return !is_connection_field(field) ||
         (field.id == FieldName::Te && iequals(field.value, "trailers"));
}

std::string_view default_port(std::string_view scheme) {
  return iequals(scheme, "https") ? "443" : "80";
}

// Of a request (RFC 9112 §3, RFC 6585 §5).
Failure failure_of(H2Cost::Limit limit) {
  switch (limit) {
    case H2Cost::Limit::Method: return Failure::RequestMethodTooLong;
    case H2Cost::Limit::Target: return Failure::RequestLineTooLong;
    default: return Failure::RequestHeadTooLarge;
  }
}

}  // namespace

// Of the process: one thread has sessions.
std::vector<std::unique_ptr<H2Fields>>& H2Fields::spares() {
  static std::vector<std::unique_ptr<H2Fields>> spares;
  return spares;
}

H2Fields::Lease H2Fields::take(Of kind, const HeadLimits& limits) {
  if (spares().empty()) return Lease(new H2Fields(kind, limits));
  Lease fields(spares().back().release());
  spares().pop_back();
  fields->limits_ = limits;
  fields->begin(kind);
  return fields;
}

void H2Fields::GiveBack::operator()(H2Fields* fields) const {
  std::unique_ptr<H2Fields> own(fields);
  if (spares().size() < most_spares && own->text_.capacity() <= most_spare_text)
    spares().push_back(std::move(own));
}

bool H2Cost::add(std::string_view name, std::string_view value, const HeadLimits& limits) {
  charged_ += name.size() + value.size() + overhead;
  if (!name.starts_with(':')) ++count_;
  if (is_too_large()) return false;
  if (name.size() + value.size() > limits.line)
    exceeded_ = name == ":method" ? Limit::Method : name == ":path" ? Limit::Target : Limit::Line;
  else if (charged_ > limits.total)
    exceeded_ = Limit::Total;
  else if (count_ > limits.fields)
    exceeded_ = Limit::Fields;
  return !is_too_large();
}

bool H2Fields::admit(std::string_view name, std::string_view value) {
  if (cost_.add(name, value, limits_)) return true;
  // Who is told of a target that is too long is shown the beginning of it, as over HTTP/1.
  const bool is_target = cost_.exceeded() == H2Cost::Limit::Target && name == ":path";
  if (is_target && pseudo_.path.empty()) pseudo_.path = value.substr(0, limits_.line);
  return false;
}

void H2Fields::add(std::string_view name, std::string_view value, bool never_index) {
  if (!admit(name, value)) return;
  if (name.starts_with(':')) return add_pseudo(name, value);
  const std::optional<FieldName> id = safe_name(name);
  if (!id || !is_safe_value(value)) {
    malformed_ = true;
    return;
  }
  if (text_.empty() && kind_ == Of::Head) put_start_line();
  if (*id == FieldName::Cookie) {
    // One field to servers, however finely it was cut (RFC 9113 §8.2.3).
    if (!cookie_.empty() && !value.empty()) cookie_ += "; ";
    cookie_ += value;
    has_cookie_ = true;
    never_index_cookie_ = never_index_cookie_ || never_index;
  } else if (*id == FieldName::Host) {
    malformed_ = malformed_ || !pseudo_.host.empty();
    pseudo_.host = value;
    if (pseudo_.authority.empty()) add_line(name, *id, value);
  } else if (*id == FieldName::Other && name.find('_') != std::string_view::npos) {
    ++dropped_;
    if (kind_ == Of::Head) put_text(name, value);  // it was received
  } else {
    add_line(name, *id, value, never_index);
  }
}

void H2Fields::add_pseudo(std::string_view name, std::string_view value) {
  const auto take = [&](std::string& into) {
    malformed_ = malformed_ || !into.empty() || value.empty() || !text_.empty();
    into = value;
  };
  if (name == ":method") return take(pseudo_.method);
  if (name == ":scheme") return take(pseudo_.scheme);
  if (name == ":authority") return take(pseudo_.authority);
  if (name == ":path") return take(pseudo_.path);
  if (name == ":protocol") return take(pseudo_.protocol);
  malformed_ = true;
}

void H2Fields::add_line(std::string_view name, FieldName id, std::string_view value,
                        bool never_index) {
  lines_.push_back({static_cast<std::uint32_t>(text_.size()),
                    static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size()), id, never_index});
  put_text(name, value);
}

void H2Fields::put_text(std::string_view name, std::string_view value) {
  const std::size_t at = text_.size();
  text_.resize(at + name.size() + value.size() + 4);
  char* out = text_.data() + at;
  out += name.copy(out, name.size());
  *out++ = ':';
  *out++ = ' ';
  out += value.copy(out, value.size());
  *out++ = '\r';
  *out = '\n';
}

void H2Fields::put_start_line() {
  // An extended CONNECT asks a server of HTTP/1.1 for an upgrade (RFC 8441 §4).
  if (!pseudo_.protocol.empty()) {
    is_extended_ = pseudo_.method == "CONNECT";
    pseudo_.method = "GET";
  }
  text_.append(pseudo_.method).append(" ").append(pseudo_.path).append(" HTTP/2\r\n");
  if (!pseudo_.authority.empty()) add_line("host", FieldName::Host, pseudo_.authority);
}

void H2Fields::put_cookie() {
  if (!has_cookie_) return;
  add_line("cookie", FieldName::Cookie, cookie_, never_index_cookie_);
  has_cookie_ = never_index_cookie_ = false;
}

// Moves the text to the arena, and the fields with it.
std::string_view H2Fields::settle(Arena& arena, Headers& headers) {
  put_cookie();
  text_ += "\r\n";
  const std::string_view text = arena.copy(text_);
  fields_.clear();
  fields_.reserve(lines_.size());
  for (const Line& line : lines_) {
    const std::string_view name = text.substr(line.at, line.name);
    fields_.push_back(
        {name, text.substr(line.at + line.name + 2, line.value), line.id, true, line.never_index});
  }
  headers.assign(arena, fields_);
  return text;
}

bool H2Fields::do_hosts_agree() const {
  if (pseudo_.authority.empty()) return !pseudo_.host.empty();
  if (pseudo_.host.empty() || pseudo_.host == pseudo_.authority) return true;
  const auto a = parse_authority(pseudo_.authority), b = parse_authority(pseudo_.host);
  if (!a || !b || !iequals(a->host, b->host)) return false;
  const std::string_view usual = default_port(pseudo_.scheme);
  return (a->port.empty() ? usual : a->port) == (b->port.empty() ? usual : b->port);
}

// RFC 9113 §8.3.1, §8.5; RFC 8441 §4.
bool H2Fields::is_well_formed() const {
  if (malformed_ || !is_token(pseudo_.method)) return false;
  if (!is_safe_word(pseudo_.path) || !is_safe_word(pseudo_.authority)) return false;
  if (pseudo_.method == "CONNECT")
    return pseudo_.path.empty() && pseudo_.scheme.empty() && !pseudo_.authority.empty();
  if (!pseudo_.protocol.empty() && (!is_extended_ || !is_token(pseudo_.protocol))) return false;
  if (pseudo_.scheme.empty() || !do_hosts_agree()) return false;
  if (pseudo_.path == "*") return pseudo_.method == "OPTIONS";
  return pseudo_.path.starts_with('/');
}

void H2Fields::name_partly(Arena& arena, RequestHead& head) {
  constexpr std::size_t longest_target = 1024;
  head.method_text = arena.copy(pseudo_.method);
  head.method = method_from(head.method_text);
  head.target = arena.copy(std::string_view(pseudo_.path).substr(0, longest_target));
  head.authority = head.host = arena.copy(pseudo_.authority);
  if (!head.received.empty() || head.method_text.empty()) return;
  if (text_.empty()) put_start_line();
  put_cookie();
  head.received = arena.copy(text_);
}

Understood H2Fields::finish_request(bool ended, Arena& arena, RequestHead& head, Failure& failure) {
  const Understood understood = understand_request(ended, arena, head, failure);
  if (understood == Understood::Malformed || cost_.is_too_large()) name_partly(arena, head);
  return understood;
}

Understood H2Fields::understand_request(bool ended, Arena& arena, RequestHead& head,
                                        Failure& failure) {
  head.protocol = Protocol::Http2;
  if (cost_.is_too_large()) {
    failure = failure_of(cost_.exceeded());
    return Understood::Refused;
  }
  failure = Failure::RequestSyntax;
  if (text_.empty()) put_start_line();
  if (!is_well_formed()) return Understood::Malformed;
  head.received = settle(arena, head.headers);
  if (!may_all_stand(head.headers)) return Understood::Malformed;
  head.dropped_fields = dropped_;
  head.method_text = head.received.substr(0, pseudo_.method.size());
  head.method = method_from(head.method_text);
  head.target = head.received.substr(pseudo_.method.size() + 1, pseudo_.path.size());
  if (head.method == Method::Connect) {
    // No route can allow a tunnel over HTTP/2 yet.
    head.target = head.headers.get(FieldName::Host);
    (void)understand_target(head, arena);
    failure = Failure::MethodNotAllowed;
    return Understood::Refused;
  }
  failure = frame_request(head);
  if (failure != Failure::None) return Understood::Malformed;
  const bool has_length = head.framing.end == BodyEnd::Length;
  const bool is_cut = ended && (is_extended_ || (has_length && head.framing.length > 0));
  if (is_cut || (is_extended_ && has_length)) {
    failure = Failure::RequestSyntax;
    return Understood::Malformed;
  }
  if (is_extended_) {
    if (!iequals(pseudo_.protocol, "websocket")) {
      failure = Failure::RequestProtocolUnknown;
      (void)understand_target(head, arena);
      return Understood::Refused;
    }
    head.wants_upgrade = true;
    head.headers.add(arena, "Upgrade", "websocket");
  }
  if (!ended && !has_length && !is_extended_) head.framing = {BodyEnd::Chunked, 0};
  if (head.method == Method::Trace && head.framing.end == BodyEnd::Chunked) {
    failure = Failure::RequestFraming;
    return Understood::Refused;
  }
  failure = understand_target(head, arena);
  if (failure == Failure::None) failure = understand_expectation(head);
  return failure == Failure::None ? Understood::Fine : Understood::Refused;
}

void H2Fields::begin(Of kind) {
  kind_ = kind;
  text_.clear();
  cookie_.clear();
  lines_.clear();
  for (std::string* text : {&pseudo_.method, &pseudo_.scheme, &pseudo_.authority, &pseudo_.path,
                            &pseudo_.protocol, &pseudo_.host})
    text->clear();
  cost_ = {};
  dropped_ = 0;
  malformed_ = has_cookie_ = never_index_cookie_ = is_extended_ = false;
}

Understood H2Fields::finish_trailers(Arena& arena, Headers& trailers) {
  const bool has_pseudo =
      !(pseudo_.method.empty() && pseudo_.scheme.empty() && pseudo_.authority.empty() &&
        pseudo_.path.empty() && pseudo_.protocol.empty());
  if (malformed_ || has_pseudo || cost_.is_too_large()) return Understood::Malformed;
  settle(arena, trailers);
  if (!may_all_stand(trailers)) return Understood::Malformed;
  trailers.remove_if(is_forbidden_in_trailers);
  return Understood::Fine;
}

std::optional<FieldName> safe_name(std::string_view name) {
  const FieldName id = field_name(name);
  const auto may_be_there = [](char c) { return is_in(c, TokenSet) && !is_upper(c); };
  const bool is_safe = id != FieldName::Other
                           ? name == lower_spelling(id)
                           : !name.empty() && std::all_of(name.begin(), name.end(), may_be_there);
  return is_safe ? std::optional(id) : std::nullopt;
}

bool is_safe_value(std::string_view value) {
  if (value.empty()) return true;
  return !is_blank(value.front()) && !is_blank(value.back()) && is_field_value(value);
}

bool may_all_stand(const Headers& headers) {
  return std::all_of(headers.begin(), headers.end(), may_stand);
}

bool is_connection_field(const Field& field) {
  switch (field.id) {
    case FieldName::Connection:
    case FieldName::KeepAlive:
    case FieldName::ProxyConnection:
    case FieldName::Te:
    case FieldName::TransferEncoding:
    case FieldName::Upgrade: return true;
    default: return false;
  }
}

}  // namespace weir::http
