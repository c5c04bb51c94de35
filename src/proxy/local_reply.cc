// SPDX-License-Identifier: Apache-2.0
#include "proxy/local_reply.h"

#include "base/text.h"
#include "config/variables.h"
#include "http/field.h"
#include "http/framing.h"
#include "http/grpc.h"
#include "http/h1_writer.h"
#include "http/hop_limit.h"
#include "proxy/metrics.h"
#include "proxy/variables.h"

#include <string>
#include <utility>

namespace weir::proxy {

namespace {

LocalReply make(std::uint16_t status, std::string_view type, std::string_view body, Arena& arena) {
  auto* head = &arena.array<ResponseHead>(1)[0];
  head->status = status;
  head->headers.add(arena, "Content-Type", type);
  return {head, body};
}

std::string json_page(std::uint16_t status, std::string_view title, std::string_view words,
                      std::string_view id) {
  std::string page = "{\"status\":";
  append_number(page, status);
  page.append(",\"title\":\"").append(title).append("\",\"detail\":\"");
  append_json(page, words);
  page.append("\",\"request_id\":\"").append(id).append("\"}\n");
  return page;
}

std::string html_page(std::uint16_t status, std::string_view title, std::string_view words,
                      std::string_view id) {
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
  append_number(page, status);
  page.append(" ").append(title).append("</title></head>\n<body><h1>");
  append_number(page, status);
  page.append(" ").append(title).append("</h1><p>").append(words).append("</p><p><small>Request ");
  page.append(id).append("</small></p></body></html>\n");
  return page;
}

}  // namespace

LocalReply make_failure_reply(const Record& record, http::Failure failure, Arena& arena) {
  const http::FailureTraits& traits = http::traits(failure);
  std::string_view title = http::reason_phrase(traits.status);
  std::string_view id = evaluate(config::Variable::RequestId, {}, record, arena);
  bool json = record.request && http::prefers_json(record.request->headers);
  std::string page = (json ? json_page : html_page)(traits.status, title, traits.words, id);
  std::string_view type = json ? "application/json" : "text/html; charset=utf-8";
  LocalReply reply = make(traits.status, type, arena.copy(page), arena);
  std::string proxy_status = "weir; error=" + std::string(traits.error);
  reply.head->headers.add(arena, "Proxy-Status", arena.copy(proxy_status));
  // RFC 9110 §15.5.6; what a route allows nobody knows but the server it leads to.
  if (failure == http::Failure::MethodNotAllowed)
    reply.head->headers.add(arena, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE");
  return reply;
}

void add_grpc_status(Headers& fields, http::Failure failure, Arena& arena) {
  std::string code;
  append_number(code, http::grpc_status(failure));
  fields.add(arena, "grpc-status", arena.copy(code));
  fields.add(arena, "grpc-message", http::traits(failure).words);
  const std::string proxy_status = "weir; error=" + std::string(http::traits(failure).error);
  fields.add(arena, "Proxy-Status", arena.copy(proxy_status));
}

LocalReply make_grpc_reply(http::Failure failure, Arena& arena) {
  LocalReply reply = make(200, "application/grpc", {}, arena);
  add_grpc_status(reply.head->headers, failure, arena);
  return reply;
}

LocalReply make_grpc_reply(int status, std::string_view message, Arena& arena) {
  LocalReply reply = make(200, "application/grpc", {}, arena);
  std::string code, text;
  append_number(code, status);
  // Percent-encoded, as PROTOCOL-HTTP2.md says of Status-Message.
  for (const char each : message) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte >= 0x20 && byte <= 0x7e && byte != '%')
      text += each;
    else
      text.append({'%', upper_hex_digits[byte >> 4], upper_hex_digits[byte & 15]});
  }
  reply.head->headers.add(arena, "grpc-status", arena.copy(code));
  reply.head->headers.add(arena, "grpc-message", arena.copy(text));
  return reply;
}

LocalReply make_text_reply(std::uint16_t status, std::string_view text, Arena& arena) {
  if (http::has_no_content(status)) {
    auto* head = &arena.array<ResponseHead>(1)[0];
    head->status = status;
    return {head, {}};
  }
  return make(status, "text/plain; charset=utf-8", text, arena);
}

LocalReply make_metrics_reply(MetricNames names, const shm::Segment& segment, Arena& arena) {
  Metrics metrics(std::move(names), segment);
  std::string text;
  while (metrics.next(text)) continue;
  return make(200, metrics_type, arena.copy(text), arena);
}

LocalReply make_ready_reply(std::string_view why_not, Arena& arena) {
  std::string text = why_not.empty() ? "ready\n" : concat("not ready: ", why_not, "\n");
  LocalReply reply = make_text_reply(why_not.empty() ? 200 : 503, arena.copy(text), arena);
  reply.head->headers.add(arena, "Cache-Control", "no-store");
  return reply;
}

LocalReply make_redirect(std::uint16_t status, std::string_view url, Arena& arena) {
  LocalReply reply = make_text_reply(status, "", arena);
  reply.head->headers.add(arena, "Location", url);
  return reply;
}

LocalReply make_final_reply(const RequestHead& request, Arena& arena) {
  if (request.method == Method::Trace)
    return make(200, "message/http", arena.copy(http::reflection(request.received)), arena);
  auto* head = &arena.array<ResponseHead>(1)[0];
  head->status = 200;
  return {head, {}};
}

}  // namespace weir::proxy
