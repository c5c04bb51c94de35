// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log.h"

#include "base/text.h"
#include "proxy/variables.h"

#include <utility>

namespace weir::proxy {

using config::Variable;

namespace {

/// A member of a JSON line; its name with what stands around it.
struct Item {
  std::string_view name;
  Variable variable;
  bool is_number;
};
constexpr Item items[] = {
    {"{\"time\":", Variable::Time, false},
    {",\"client\":", Variable::ClientAddr, false},
    {",\"client_port\":", Variable::ClientPort, true},
    {",\"listener\":", Variable::Listener, false},
    {",\"route\":", Variable::Route, false},
    {",\"backend\":", Variable::Backend, false},
    {",\"server\":", Variable::Server, false},
    {",\"method\":", Variable::Method, false},
    {",\"host\":", Variable::Host, false},
    {",\"path\":", Variable::Path, false},
    {",\"query\":", Variable::Query, false},
    {",\"protocol\":", Variable::Protocol, false},
    {",\"status\":", Variable::Status, true},
    {",\"failure\":", Variable::Reason, false},
    {",\"bytes_in\":", Variable::BytesIn, true},
    {",\"bytes_out\":", Variable::BytesOut, true},
    {",\"attempts\":", Variable::Attempts, true},
    {",\"queue_ms\":", Variable::TimeQueue, true},
    {",\"connect_ms\":", Variable::TimeConnect, true},
    {",\"first_byte_ms\":", Variable::TimeFirstByte, true},
    {",\"total_ms\":", Variable::TimeTotal, true},
    {",\"user_agent\":", Variable::UserAgent, false},
    {",\"referer\":", Variable::Referer, false},
    {",\"request_id\":", Variable::RequestId, false},
};
constexpr Item tls_items[] = {
    {",\"tls_version\":", Variable::TlsVersion, false},
    {",\"tls_cipher\":", Variable::TlsCipher, false},
    {",\"tls_server_name\":", Variable::TlsServerName, false},
    {",\"tls_alpn\":", Variable::TlsAlpn, false},
    {",\"tls_resumed\":", Variable::TlsResumed, true},
    {",\"client_cert_subject\":", Variable::ClientCertSubject, false},
};

/// A member that is written in a way of its own.
struct Extra {
  std::string_view name, type, help;
};
constexpr Extra retry_reason{
    ",\"retry_reason\":", "text",
    "why a server was tried once more: the name of a failure, or the status "
    "of an answer; absent if none was"};
constexpr Extra h2_stream{",\"h2_stream\":", "number",
                          "number of the stream of an HTTP/2 request; absent for HTTP/1"};
constexpr Extra forward_path{",\"forward_path\":", "text",
                             "path that went to the server; absent if it is the same as path"};
constexpr Extra target{",\"target\":", "text",
                       "request target as sent; absent if path and query say the same"};
constexpr Extra reused{",\"reused\":", "boolean",
                       "whether the last attempt used a connection that was open already"};
constexpr Extra notes{",\"notes\":", "object",
                      "what filters have left: names and texts; absent if they left nothing"};
constexpr Extra reason{",\"reason\":", "text",
                       "the failure in a sentence; empty if nothing failed"};

// From `,"time":` to `time`.
std::string_view bare(std::string_view name) {
  const std::size_t begin = name.find('"') + 1;
  return name.substr(begin, name.rfind('"') - begin);
}

std::string_view type_of(const Item& item) { return item.is_number ? "number" : "text"; }

std::string help_of(const Item& item) {
  for (const config::VariableKind& kind : config::variable_kinds())
    if (kind.variable == item.variable) return std::string(kind.help);
  return {};
}

}  // namespace

std::vector<AccessField> access_fields() {
  std::vector<AccessField> fields;
  for (const Item& item : items) fields.push_back({bare(item.name), type_of(item), help_of(item)});
  for (const Item& item : tls_items)
    fields.push_back({bare(item.name), type_of(item), help_of(item) + "; absent in the clear"});
  for (const Extra* extra :
       {&retry_reason, &h2_stream, &forward_path, &target, &reused, &notes, &reason})
    fields.push_back({bare(extra->name), extra->type, std::string(extra->help)});
  return fields;
}

std::unique_ptr<AccessLog> AccessLog::make(const config::LogTarget& target) {
  if (target.to == config::LogTo::Off) return nullptr;
  auto log = std::make_unique<AccessLog>();
  if (target.format == "combined") {
    log->form_ = Form::Combined;
  } else if (target.format != "json") {
    log->form_ = Form::Text;
    if (auto text = config::parse_template(target.format)) log->text_ = std::move(*text);
  }
  return log;
}

std::string_view AccessLog::line(const Record& record) {
  line_.clear();
  switch (form_) {
    case Form::Json: write_json(record); break;
    case Form::Combined: write_combined(record); break;
    case Form::Text: write_text(record); break;
  }
  arena_.reset();
  return line_;
}

std::string_view AccessLog::value(Variable variable, std::string_view name, const Record& record) {
  return variable == Variable::Time ? time(record) : evaluate(variable, name, record, arena_);
}

// As iso_time has it.
std::string_view AccessLog::time(const Record& record) {
  const std::string_view second = iso_.of(record.wall_us);
  char* const out = arena_.text(second.size() + 4);
  char* end = out + second.copy(out, second.size());
  const auto part = static_cast<unsigned>(record.wall_us / 1000 % 1000);
  *end++ = static_cast<char>('0' + part / 100);
  *end++ = static_cast<char>('0' + part / 10 % 10);
  *end++ = static_cast<char>('0' + part % 10);
  *end++ = 'Z';
  return {out, static_cast<std::size_t>(end - out)};
}

void AccessLog::write_json(const Record& record) {
  auto write = [&](const Item& item) {
    line_ += item.name;
    const std::string_view text = value(item.variable, {}, record);
    if (item.is_number) {
      line_ += text;
    } else {
      line_ += '"';
      append_json(line_, text);
      line_ += '"';
    }
  };
  for (const Item& item : items) write(item);
  if (record.tls)
    for (const Item& item : tls_items) write(item);
  if (!record.retry_reason.empty())
    line_.append(retry_reason.name).append("\"").append(record.retry_reason).append("\"");
  if (record.h2_stream != 0) {
    line_ += h2_stream.name;
    append_number(line_, record.h2_stream);
  }
  write_paths(record);
  line_.append(reused.name).append(record.reused ? "true" : "false");
  write_notes(record);
  line_.append(reason.name).append("\"");
  if (record.failure != http::Failure::None) line_ += http::traits(record.failure).words;
  line_ += "\"}";
}

void AccessLog::write_notes(const Record& record) {
  if (record.notes.empty()) return;
  char before = '{';
  line_ += notes.name;
  for (const Note& note : record.notes) {
    line_ += std::exchange(before, ',');
    line_ += '"';
    append_json(line_, note.name);
    line_ += "\":\"";
    append_json(line_, note.value);
    line_ += '"';
  }
  line_ += '}';
}

// The other forms of the path, where `path` and `query` do not say it all.
void AccessLog::write_paths(const Record& record) {
  if (!record.request) return;
  const RequestHead& request = *record.request;
  const auto write = [this](std::string_view name, std::string_view text) {
    line_.append(name).append("\"");
    append_json(line_, text);
    line_ += '"';
  };
  if (request.forward_path != request.path) write(forward_path.name, request.forward_path);
  const std::size_t query = request.has_query ? 1 + request.query.size() : 0;
  if (request.target.size() != request.path.size() + query ||
      !request.target.starts_with(request.path))
    write(target.name, request.target);
}

// host - user [time] "request" status bytes "referer" "agent", as Apache writes it.
void AccessLog::write_combined(const Record& record) {
  auto quoted = [this](std::string_view text) {
    line_ += " \"";
    if (text.empty()) line_ += '-';
    append_escaped(line_, text);
    line_ += '"';
  };
  const auto get = [&](Variable variable) { return value(variable, {}, record); };
  append_escaped(line_, record.client_addr);
  line_.append(" - - [").append(apache_.of(record.wall_us)).append("] \"");
  append_escaped(line_, get(Variable::Method));
  line_ += ' ';
  append_escaped(line_, get(Variable::RequestUri));
  line_ += ' ';
  line_ += get(Variable::Protocol);
  line_ += "\" ";
  append_number(line_, record.status);
  line_ += ' ';
  append_number(line_, record.bytes_out - record.heads_out);
  quoted(get(Variable::Referer));
  quoted(get(Variable::UserAgent));
}

void AccessLog::write_text(const Record& record) {
  for (const auto& part : text_.parts) {
    line_ += part.text;
    if (part.variable == Variable::None) continue;
    const std::string_view text = value(part.variable, part.name, record);
    if (text.empty()) line_ += '-';
    append_escaped(line_, text);
  }
}

}  // namespace weir::proxy
