// SPDX-License-Identifier: Apache-2.0
//
// Copies the fields that pass in as few pieces as they lie in memory, and adds what belongs to this
// connection at the end.
#include "http/h1_writer.h"

#include "http/head_size.h"

#include <array>
#include <charconv>

namespace weir::http {

namespace {

// Connection, Upgrade, TE, Content-Length and Expect as weir writes them, the words of the start
// line, and the longest reason phrase; all else is counted.
constexpr std::size_t added_size = 320;

char* put(char* out, std::string_view text) { return out + text.copy(out, text.size()); }

char* put_field(char* out, std::string_view name, std::string_view value) {
  out = put(out, name);
  out = put(out, ": ");
  out = put(out, value);
  return put(out, "\r\n");
}

constexpr std::uint64_t bit(FieldName id) { return std::uint64_t{1} << static_cast<unsigned>(id); }

// Hop-by-hop fields, and those that are written anew.
constexpr std::uint64_t never_pass = bit(FieldName::Connection) | bit(FieldName::KeepAlive) |
                                     bit(FieldName::ProxyConnection) | bit(FieldName::Te) |
                                     bit(FieldName::TransferEncoding) | bit(FieldName::Upgrade) |
                                     bit(FieldName::ContentLength) | bit(FieldName::Expect);

// A decimal number as text.
class Digits {
 public:
  explicit Digits(std::uint64_t number)
      : end_(std::to_chars(text_.data(), text_.data() + text_.size(), number).ptr) {}
  std::string_view text() const {
    return {text_.data(), static_cast<std::size_t>(end_ - text_.data())};
  }

 private:
  std::array<char, 20> text_;
  char* end_;
};

// Copies fields; neighbours in memory that are spelled as we would spell them become one copy.
class FieldWriter {
 public:
  explicit FieldWriter(char* out) : out_(out) {}

  void pass(const Field& field) {
    if (!field.canonical) {
      flush();
      out_ = put_field(out_, field.name, field.value);
      return;
    }
    if (field.name.data() != run_end_) {
      flush();
      run_ = field.name.data();
    }
    run_end_ = field.value.data() + field.value.size() + 2;
  }

  char* flush() {
    if (run_) out_ = put(out_, {run_, static_cast<std::size_t>(run_end_ - run_)});
    run_ = run_end_ = nullptr;
    return out_;
  }

 private:
  char* out_;
  const char* run_ = nullptr;
  const char* run_end_ = nullptr;
};

// Writes the fields that pass, then the framing.  A Content-Length that says what we would say may
// stay where it is, in the middle of a run.
char* put_fields(char* out, const Headers& headers, const Framing& framing,
                 bool keeps_length = false) {
  const Digits length(framing.length);
  bool writes_length = framing.end == BodyEnd::Length;
  FieldWriter writer(out);
  for (const Field& field : headers) {
    if ((never_pass >> static_cast<unsigned>(field.id)) & 1U) {
      if (field.id != FieldName::ContentLength) continue;
      const bool is_same = writes_length && field.value == length.text();
      if (!is_same && !keeps_length) continue;
      writes_length = keeps_length = false;
    }
    writer.pass(field);
  }
  out = writer.flush();
  if (writes_length) return put_field(out, "Content-Length", length.text());
  if (framing.end == BodyEnd::Chunked) return put(out, "Transfer-Encoding: chunked\r\n");
  return out;
}

char* put_connection(char* out, const WriteOptions& options) {
  const bool upgrades = !options.upgrade.empty();
  if (upgrades) out = put_field(out, "Upgrade", options.upgrade);
  if (options.te_trailers) out = put(out, "TE: trailers\r\n");
  std::string_view before = "Connection: ";
  const auto name = [&](bool wanted, std::string_view option) {
    if (!wanted) return;
    out = put(put(out, before), option);
    before = ", ";
  };
  name(options.close, "close");
  name(options.keep_alive && !options.close, "keep-alive");
  name(options.te_trailers, "te");
  name(upgrades, "upgrade");
  return before.size() == 2 ? put(out, "\r\n") : out;
}

// Methods whose requests usually have a body: without one they say so (RFC 9110 §8.6).
bool says_empty(Method method) {
  return method == Method::Post || method == Method::Put || method == Method::Patch;
}

char* put_target(char* out, const RequestHead& head) {
  if (head.method == Method::Connect) return put(out, head.target);
  out = put(out, head.forward_path);
  if (!head.has_query) return out;
  *out++ = '?';
  return put(out, head.query);
}

}  // namespace

std::size_t request_size(const RequestHead& head) {
  return head.method_text.size() + head.target.size() + head.forward_path.size() +
         head.query.size() + head.authority.size() + fields_size(head.headers) + added_size;
}

std::size_t response_size(const ResponseHead& head) {
  return head.reason.size() + fields_size(head.headers) + added_size;
}

std::size_t write_request(char* begin, const RequestHead& head, const WriteOptions& options) {
  char* out = put(begin, head.method_text);
  *out++ = ' ';
  out = put_target(out, head);
  out = put(out, " HTTP/1.1\r\n");
  // An HTTP/1.0 client need not send Host, but we speak 1.1 and must (RFC 9112 §3.2).
  if (!head.headers.has(FieldName::Host)) out = put_field(out, "Host", head.authority);
  Framing framing = options.framing;
  if (framing.end == BodyEnd::None && says_empty(head.method)) framing = {BodyEnd::Length, 0};
  out = put_fields(out, head.headers, framing);
  if (options.expect_continue) out = put(out, "Expect: 100-continue\r\n");
  out = put_connection(out, options);
  return static_cast<std::size_t>(put(out, "\r\n") - begin);
}

std::size_t write_response(char* begin, const ResponseHead& head, const WriteOptions& options) {
  char* out = put(begin, "HTTP/1.1 ");
  out = put(out, Digits(head.status).text());
  *out++ = ' ';
  out = put(out, head.reason.empty() ? reason_phrase(head.status) : head.reason);
  out = put(out, "\r\n");
  // The length of a body that is not sent, told to HEAD and with 304.
  const bool keeps_length =
      options.framing.end == BodyEnd::None && head.status >= 200 && head.status != 204;
  out = put_fields(out, head.headers, options.framing, keeps_length);
  out = put_connection(out, options);
  return static_cast<std::size_t>(put(out, "\r\n") - begin);
}

std::size_t trailers_size(const Headers& trailers) {
  return fields_size(trailers) + last_chunk_size;
}

std::size_t write_last_chunk(char* begin, const Headers& trailers) {
  char* out = put(begin, "0\r\n");
  out = put_fields(out, trailers, Framing());
  return static_cast<std::size_t>(put(out, "\r\n") - begin);
}

}  // namespace weir::http
