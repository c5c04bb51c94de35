// SPDX-License-Identifier: Apache-2.0
//
// For tests of the proxy room: one request with everything known about it, as a stream's record holds it
// at its end.
#pragma once

#include "proxy/record.h"

#include <string_view>

namespace weir::proxy {

struct Exchange {
  Exchange() {
    listener.name = "web";
    route.name = "route_12";
    backend.name = "api";
    server.name = "a1";
    server.at = {config::Endpoint::Kind::Ip4, "192.0.2.9", 80, "192.0.2.9:80"};
    request.method = Method::Get;
    request.method_text = "GET";
    request.host = "shop.example";
    request.path = "/a/b";
    request.forward_path = "/a/%62";
    request.target = "/./a/%62?x=1&name=J%C3%B6rg+M%2b&empty=";
    request.query = "x=1&name=J%C3%B6rg+M%2b&empty=";
    request.has_query = true;
    add(request, "User-Agent", "curl/8");
    add(request, "Referer", "https://shop.example/");
    add(request, "Cookie", "sid=abc; theme=\"dark\"");
    add(request, "X-Forwarded-For", "203.0.113.5");
    add(response, "X-Cache", "hit");
    record.listener = &listener;
    record.route = &route;
    record.backend = &backend;
    record.server = &server;
    record.client_addr = "2001:db8::7";
    record.client_port = 4711;
    record.request = &request;
    record.response = &response;
    record.request_id[0] = 0x0123456789abcdef;
    record.request_id[1] = 0xfedcba9876543210;
    request.received = std::string_view("GET /a/b?x=1&name=J%C3%B6rg+M%2b&empty= HTTP/1.1\r\n\r\n");
    record.content_in = 120 - request.received.size();
    record.bytes_out = 4567;
    record.heads_out = 567;
    record.attempts = 2;
    record.retry_reason = "connect_refused";
    record.status = response.status = 200;
    record.wall_us = 1'795'226'400'123'456;
    record.times = {.begun = 5'000'000,
                    .head = 5'000'100,
                    .queued = 5'000'200,
                    .chosen = 5'001'200,
                    .connected = 5'003'700,
                    .sent = 5'003'800,
                    .first_byte = 5'010'001,
                    .ended = 5'012'345};
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void add(MessageHead& head, std::string_view name, std::string_view value) {
    head.headers.add(arena, name, value);
  }

  Arena arena;
  config::Listener listener;
  config::Route route;
  config::Backend backend;
  config::Server server;
  RequestHead request;
  ResponseHead response;
  Record record;
};

}  // namespace weir::proxy
