// SPDX-License-Identifier: Apache-2.0
#include "http/h1_writer.h"

#include <charconv>
#include <cstring>

namespace weir::http {

namespace {

char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_number(char* out, std::uint64_t number) { return std::to_chars(out, out + 20, number).ptr; }

constexpr std::uint64_t bit(FieldName id) { return std::uint64_t{1} << static_cast<unsigned>(id); }

// Hop-by-hop fields, and those that are written anew.
constexpr std::uint64_t never_pass =
    bit(FieldName::Connection) | bit(FieldName::KeepAlive) | bit(FieldName::ProxyConnection) | bit(FieldName::Te) |
    bit(FieldName::TransferEncoding) | bit(FieldName::Upgrade) | bit(FieldName::ContentLength) | bit(FieldName::Expect);

// Copies the fields that pass; neighbours that are spelled canonically go as one block.
char* put_fields(char* out, const Headers& headers, std::uint64_t not_these) {
  const char* run = nullptr;
  const char* run_end = nullptr;
  auto put_run = [&] {
    if (run) out = put(out, {run, static_cast<std::size_t>(run_end - run)});
    run = nullptr;
  };
  for (const Field& field : headers) {
    if ((not_these >> static_cast<unsigned>(field.id)) & 1) continue;
    if (field.canonical) {
      const char* end = field.value.data() + field.value.size() + 2;
      if (run && run_end == field.name.data()) {
        run_end = end;
      } else {
        put_run();
        run = field.name.data();
        run_end = end;
      }
      continue;
    }
    put_run();
    out = put(out, field.name);
    out = put(out, ": ");
    out = put(out, field.value);
    out = put(out, "\r\n");
  }
  put_run();
  return out;
}

char* put_framing(char* out, const Framing& framing) {
  if (framing.end == BodyEnd::Length) {
    out = put(out, "Content-Length: ");
    out = put_number(out, framing.length);
    out = put(out, "\r\n");
  } else if (framing.end == BodyEnd::Chunked) {
    out = put(out, "Transfer-Encoding: chunked\r\n");
  }
  return out;
}

char* put_connection(char* out, const WriteOptions& options) {
  if (!options.upgrade.empty()) {
    out = put(out, "Connection: upgrade\r\nUpgrade: ");
    out = put(out, options.upgrade);
    return put(out, "\r\n");
  }
  if (options.te_trailers) out = put(out, "Connection: te\r\nTE: trailers\r\n");
  if (options.close) out = put(out, "Connection: close\r\n");
  if (options.keep_alive) out = put(out, "Connection: keep-alive\r\n");
  return out;
}

std::size_t fields_size(const Headers& headers) {
  std::size_t size = 0;
  for (const Field& field : headers) size += field.name.size() + field.value.size() + 4;
  return size;
}

constexpr std::size_t added_size = 256;  // framing, connection, version, blanks

}  // namespace

std::size_t request_size(const RequestHead& head) {
  return head.method_text.size() + head.target.size() + head.path.size() + head.query.size() + head.authority.size() +
         fields_size(head.headers) + head.headers.get(FieldName::Upgrade).size() + added_size;
}

std::size_t response_size(const ResponseHead& head) {
  return head.reason.size() + fields_size(head.headers) + head.headers.get(FieldName::Upgrade).size() + added_size;
}

std::size_t write_request(char* begin, const RequestHead& head, const WriteOptions& options) {
  char* out = put(begin, head.method_text);
  *out++ = ' ';
  if (head.method == Method::Connect) {
    out = put(out, head.target);
  } else {
    out = put(out, head.path);
    if (head.has_query) {
      *out++ = '?';
      out = put(out, head.query);
    }
  }
  out = put(out, " HTTP/1.1\r\n");
  // A client of HTTP/1.0 may say no Host, but we speak 1.1, which must (RFC 9112 §3.2).
  std::uint64_t not_these = never_pass;
  if (!head.headers.has(FieldName::Host)) {
    out = put(out, "Host: ");
    out = put(out, head.authority);
    out = put(out, "\r\n");
  }
  out = put_fields(out, head.headers, not_these);
  // A method that usually has a body says that there is none (RFC 9110 §8.6).
  bool says_zero = head.method == Method::Post || head.method == Method::Put || head.method == Method::Patch;
  if (options.framing.end == BodyEnd::None && says_zero)
    out = put_framing(out, {BodyEnd::Length, 0});
  else
    out = put_framing(out, options.framing);
  if (options.expect_continue) out = put(out, "Expect: 100-continue\r\n");
  out = put_connection(out, options);
  return static_cast<std::size_t>(put(out, "\r\n") - begin);
}

std::size_t write_response(char* begin, const ResponseHead& head, const WriteOptions& options) {
  char* out = put(begin, "HTTP/1.1 ");
  out = put_number(out, head.status);
  *out++ = ' ';
  out = put(out, head.reason.empty() ? reason_phrase(head.status) : head.reason);
  out = put(out, "\r\n");
  std::uint64_t not_these = never_pass;
  // The length that a body would have, told about one that is not sent.
  bool may_tell_length = options.framing.end == BodyEnd::None && head.status >= 200 && head.status != 204;
  if (may_tell_length) not_these &= ~bit(FieldName::ContentLength);
  out = put_fields(out, head.headers, not_these);
  out = put_framing(out, options.framing);
  out = put_connection(out, options);
  return static_cast<std::size_t>(put(out, "\r\n") - begin);
}

std::size_t trailers_size(const Headers& trailers) { return fields_size(trailers) + 8; }

std::size_t write_last_chunk(char* begin, const Headers& trailers) {
  char* out = put(begin, "0\r\n");
  out = put_fields(out, trailers, never_pass);
  return static_cast<std::size_t>(put(out, "\r\n") - begin);
}

// shape: a table
std::string_view reason_phrase(std::uint16_t status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 418: return "I'm a teapot";
    case 421: return "Misdirected Request";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

}  // namespace weir::http
