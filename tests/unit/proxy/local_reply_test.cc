// SPDX-License-Identifier: Apache-2.0
//
// The answers that weir makes itself: type, words, and what they never show.
#include "proxy/local_reply.h"

#include "http/h1_writer.h"
#include "proxy/exchange.h"
#include "proxy/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace weir::proxy {
namespace {

using http::Failure;
using testing::HasSubstr;
using testing::Not;

std::string_view field(const LocalReply& reply, std::string_view name) {
  const Field* found = reply.head->headers.find(name);
  return found ? found->value : std::string_view("(none)");
}

TEST(LocalReply, EveryFailureHasAPage) {
  Exchange exchange;
  for (int i = 1; i < static_cast<int>(Failure::Count); ++i) {
    const auto failure = static_cast<Failure>(i);
    const http::FailureTraits& traits = http::traits(failure);
    const LocalReply reply = make_failure_reply(exchange.record, failure, exchange.arena);
    EXPECT_EQ(reply.head->status, traits.status);
    EXPECT_EQ(field(reply, "Proxy-Status"), "weir; error=" + std::string(traits.error));
    EXPECT_EQ(field(reply, "Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(field(reply, "Allow") != "(none)", traits.status == 405);  // RFC 9110 §15.5.6
    EXPECT_THAT(std::string(reply.body), HasSubstr(std::string(traits.words)));
    EXPECT_THAT(std::string(reply.body), HasSubstr("0123456789abcdeffedcba9876543210"));
  }
}

TEST(LocalReply, HtmlForPeople) {
  Exchange exchange;
  const LocalReply reply = make_failure_reply(exchange.record, Failure::NoRoute, exchange.arena);
  const std::string words(http::traits(Failure::NoRoute).words);
  EXPECT_EQ(reply.body,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>404 Not "
            "Found</title></head>\n<body><h1>404 Not Found</h1><p>" +
                words +
                "</p><p><small>Request 0123456789abcdeffedcba9876543210</small></p></body>"
                "</html>\n");
}

TEST(LocalReply, JsonForWhoWantsIt) {
  Exchange exchange;
  exchange.add(exchange.request, "Accept", "application/json");
  const LocalReply reply = make_failure_reply(exchange.record, Failure::NoServer, exchange.arena);
  EXPECT_EQ(field(reply, "Content-Type"), "application/json");
  EXPECT_EQ(reply.body, "{\"status\":503,\"title\":\"Service Unavailable\",\"detail\":\"" +
                            std::string(http::traits(Failure::NoServer).words) +
                            "\",\"request_id\":\"0123456789abcdeffedcba9876543210\"}\n");
}

// Nothing of what a peer sent, and nothing about servers.
TEST(LocalReply, ShowsNothingOfTheRequestOrTheServer) {
  Exchange exchange;
  exchange.request.path = exchange.request.host = "<script>";
  for (const char* accept : {"text/html", "application/json"}) {
    exchange.add(exchange.request, "Accept", accept);
    const LocalReply reply =
        make_failure_reply(exchange.record, Failure::ConnectRefused, exchange.arena);
    for (const char* secret : {"script", "192.0.2.9", "a1<", "\"api\"", "web"})
      EXPECT_THAT(std::string(reply.body), Not(HasSubstr(secret)));
    exchange.request.headers.clear();
  }
}

TEST(LocalReply, NeedsNoRequest) {
  Record record;
  Arena arena;
  const LocalReply reply = make_failure_reply(record, Failure::RequestSyntax, arena);
  EXPECT_EQ(reply.head->status, 400);
  EXPECT_EQ(field(reply, "Content-Type"), "text/html; charset=utf-8");
}

TEST(LocalReply, Texts) {
  Arena arena;
  const LocalReply reply = make_text_reply(418, "short and stout\n", arena);
  EXPECT_EQ(reply.head->status, 418);
  EXPECT_EQ(reply.body, "short and stout\n");
  EXPECT_EQ(field(reply, "Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(field(reply, "Proxy-Status"), "(none)");
}

TEST(LocalReply, Redirects) {
  Arena arena;
  const LocalReply reply = make_redirect(308, "https://shop.example/a?b=%20", arena);
  EXPECT_EQ(reply.head->status, 308);
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(field(reply, "Location"), "https://shop.example/a?b=%20");
}

TEST(LocalReply, Readiness) {
  Arena arena;
  const LocalReply yes = make_ready_reply({}, arena), no = make_ready_reply("it leaves", arena);
  EXPECT_EQ(yes.head->status, 200);
  EXPECT_EQ(yes.body, "ready\n");
  EXPECT_EQ(no.head->status, 503);
  EXPECT_EQ(no.body, "not ready: it leaves\n");
  EXPECT_EQ(field(no, "Cache-Control"), "no-store");
}

TEST(LocalReply, Metrics) {
  config::Config config;
  config.listeners.emplace_back().name = "web";
  auto segment = shm::Segment::create({.routes = 0});
  ASSERT_TRUE(segment);
  Arena arena;
  const LocalReply reply = make_metrics_reply(MetricNames(config), *segment, arena);
  EXPECT_EQ(reply.head->status, 200);
  EXPECT_EQ(field(reply, "Content-Type"), metrics_type);
  EXPECT_THAT(std::string(reply.body), HasSubstr("weir_listener_requests_total{listener=\"web\"}"));
}

}  // namespace
}  // namespace weir::proxy
