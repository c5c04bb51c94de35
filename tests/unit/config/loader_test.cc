// SPDX-License-Identifier: Apache-2.0
//
// What a text comes to mean: values, defaults, references, and how policies are put together.
#include "config/loader.h"

#include "config/loading.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::config {
namespace {

using std::chrono::seconds;

std::string policies(const Route& route) {
  std::string all;
  for (const Policy& policy : route.policies) {
    all += policy.word;
    for (const std::string& value : policy.values) all += " " + value;
    all += "; ";
  }
  return all;
}

TEST(Loader, SmallestFile) {
  const Loaded loaded = load_text(
      "listener web { bind 127.0.0.1:8080; route forward origin }\n"
      "backend origin { server s1 127.0.0.1:9000 }\n");
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  EXPECT_EQ(loaded.messages(), "");
  const Config& config = *loaded.config;
  EXPECT_EQ(config.files, std::vector<std::string>{"weir.conf"});
  EXPECT_EQ(config.workers, 4U);
  EXPECT_EQ(config.access_log.to, LogTo::Off);
  EXPECT_EQ(config.error_log.to, LogTo::Stderr);
  EXPECT_EQ(config.error_log.level, "info");
  EXPECT_EQ(config.capacity.max_connections, 0U);
  EXPECT_EQ(config.capacity.body_memory, 256U << 20);
  EXPECT_EQ(config.shutdown_timeout, seconds(30));
  EXPECT_FALSE(config.drain_delay);
  EXPECT_EQ(config.stall_timeout, seconds(5));
  EXPECT_EQ(config.upgrade_timeout, seconds(30));
  EXPECT_TRUE(config.jit);
  EXPECT_EQ(config.server_count, 1U);
  const Listener& listener = config.listeners.at(0);
  EXPECT_EQ(listener.head.header, 32768U);
  EXPECT_EQ(listener.head.fields, 100U);
  EXPECT_EQ(listener.head.line, 8192U);
  EXPECT_EQ(listener.routes.at(0).name, "any");
  EXPECT_EQ(listener.routes.at(0).action.kind, Act::Forward);
  const Backend& backend = config.backends.at(0);
  EXPECT_EQ(backend.balance.word, "p2c");
  EXPECT_EQ(backend.keepalive, 128U);
  EXPECT_EQ(backend.servers.at(0).weight, 1U);
}

TEST(Loader, DefaultTimesAreThoseOfTheContract) {
  const Loaded loaded = load_text("listener a { bind 127.0.0.1:1; route close }");
  ASSERT_TRUE(loaded.config);
  const Limits& limits = loaded.config->listeners[0].limits;
  EXPECT_EQ(*limits.header, seconds(10));
  EXPECT_EQ(*limits.body, seconds(30));
  EXPECT_EQ(*limits.send, seconds(30));
  EXPECT_EQ(*limits.idle, seconds(60));
  EXPECT_EQ(*limits.request, std::nullopt);
  EXPECT_EQ(*limits.tunnel, seconds(3600));
  EXPECT_EQ(*limits.connect, seconds(3));
  EXPECT_EQ(*limits.first_byte, seconds(60));
  EXPECT_EQ(*limits.read, seconds(60));
  EXPECT_EQ(*limits.server_idle, seconds(60));
  EXPECT_EQ(*limits.queue, seconds(5));
  EXPECT_EQ(*limits.max_body, std::nullopt);
  EXPECT_EQ(limits.retry->attempts, 2U);
  EXPECT_TRUE(limits.retry->on_connect_error);
}

// A file with most of what there is.
constexpr const char* whole_file = R"weir(
workers auto                       # one per core; or a number
user weir
pid_file /run/weir.pid
error_log  /var/log/weir/error.log level info        # or: stderr, syslog
access_log /var/log/weir/access.log format json      # or: off, combined, a named format
log_format brief "$client_addr $method $host$path $status $duration $backend/$server $reason"
max_connections 100000
body_memory 1g
shutdown_timeout 30s
trusted_proxies 10.0.0.0/8

listener edge {                    # protocol http is the default
    bind 0.0.0.0:80
    bind unix:/run/weir/edge.sock { mode 0660; group www-data }
    timeout header 10s body 30s idle 60s
    max_header 32k
    max_body 100m

    route host api.example.com path /v1/* forward api
    route api_v2 host api.example.com path /v2/* {
        header set X-Api-Version 2
        response_header remove Server
        rewrite path "^/v2/(.*)" "/$1"
        retry 2 on connect_error,503
        forward api
    }
    route path /old/* redirect 301 "https://$host/new$path"
    route method TRACE respond 405 "not here\n"
    route forward web              # no matcher: everything else
}

backend api {
    balance least_request          # p2c (default) round_robin least_request random; later ewma, hash, maglev
    server a1 10.0.0.11:8080 weight 10
    server a2 10.0.0.12:8080 max_in_flight 500
    server spare 10.0.0.13:8080 backup
    timeout connect 2s first_byte 30s idle 60s
    keepalive 128                  # idle connections per server, over all workers
    protocol http/1.1              # or h2 (ALPN or prior knowledge), auto
}
backend web        { server w1 unix:/run/app.sock; server w2 app.internal:8080 }
)weir";

TEST(Loader, WholeFile) {
  const Loaded loaded = load_text(whole_file);
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  EXPECT_EQ(loaded.messages(), "");
  const Config& config = *loaded.config;
  EXPECT_EQ(config.capacity.max_connections, 100000U);
  EXPECT_EQ(config.capacity.body_memory, 1U << 30);
  EXPECT_EQ(config.trusted_proxies.at(0).range.bits, 8);
  EXPECT_EQ(config.trusted_proxies.at(0).fields,
            (std::vector<std::string>{"x-forwarded-for", "x-forwarded-proto"}));
  EXPECT_EQ(config.access_log.path, "/var/log/weir/access.log");
  const Listener& edge = config.listeners.at(0);
  EXPECT_EQ(edge.binds.at(1).at.host, "/run/weir/edge.sock");
  EXPECT_EQ(edge.binds.at(1).mode, 0660U);
  EXPECT_EQ(edge.binds.at(1).group, "www-data");
  EXPECT_EQ(**edge.limits.max_body, 100U << 20);
  const Route& v2 = edge.routes.at(1);
  EXPECT_EQ(v2.name, "api_v2");
  EXPECT_EQ(
      policies(v2),
      "header set X-Api-Version 2; response_header remove Server; rewrite path ^/v2/(.*) /$1; ");
  EXPECT_EQ(v2.limits.retry->on_status, std::vector<std::uint16_t>{503});
  EXPECT_EQ(edge.routes.at(2).action.status, 301);
  EXPECT_EQ(edge.routes.at(3).action.text, "not here\n");
  EXPECT_EQ(edge.routes.at(4).action.backend, 1U);
  const Backend& api = config.backends.at(0);
  EXPECT_EQ(api.balance.word, "least_request");
  EXPECT_EQ(api.servers.at(0).weight, 10U);
  EXPECT_EQ(api.servers.at(1).max_in_flight, 500U);
  EXPECT_TRUE(api.servers.at(2).backup);
  EXPECT_EQ(*api.limits.server_idle, seconds(60));
  EXPECT_FALSE(api.limits.idle);
  EXPECT_EQ(config.server_count, 5U);
}

TEST(Loader, Matchers) {
  const Loaded loaded = load_route(
      "route host Example.COM. host *.Example.org host [::1] path /A/* path_regex '^/x' method "
      "PURGE "
      "header X-One Two query a 'b c' not cookie c 1 client 10.0.0.0/8 close");
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  const auto& matchers = loaded.config->listeners[0].routes[0].matchers;
  ASSERT_EQ(matchers.size(), 10U);
  EXPECT_EQ(matchers[0].value, "example.com");
  EXPECT_EQ(matchers[1].value, "*.example.org");
  EXPECT_EQ(matchers[2].value, "[::1]");
  EXPECT_EQ(matchers[3].value, "/A/*");
  EXPECT_EQ(matchers[6].name, "x-one");
  EXPECT_EQ(matchers[6].value, "Two");
  EXPECT_EQ(matchers[7].value, "b c");
  EXPECT_TRUE(matchers[8].negated);
  EXPECT_EQ(matchers[9].cidr.bits, 8);
}

TEST(Loader, ListPoliciesAddUpOutermostFirst) {
  const Loaded loaded = load_text(
      "listener a {\n bind 127.0.0.1:1\n header set L '1'\n shine l\n"
      " route all path /1 forward b\n"
      " route cleared path /2 { header none; header set R '3'; forward b }\n"
      " route direct path /3 { header set R '3'; close }\n}\n"
      "backend b { header set B '2'; response_header none; server s 127.0.0.1:2 }\n");
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  const auto& routes = loaded.config->listeners[0].routes;
  EXPECT_EQ(policies(routes[0]), "header set L 1; shine l; header set B 2; ");
  EXPECT_EQ(policies(routes[1]), "shine l; header set R 3; ");
  EXPECT_EQ(policies(routes[2]), "header set L 1; shine l; header set R 3; ");
}

TEST(Loader, SingleValuesStayWhereTheyWereSaid) {
  const Loaded loaded = load_text(
      "listener a { bind 127.0.0.1:1; timeout connect 1s body none\n"
      " route { timeout connect 2s; max_body 1k; retry none; forward b } }\n"
      "backend b { timeout connect 3s read 4s; server s 127.0.0.1:2 }\n");
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  const Listener& listener = loaded.config->listeners[0];
  const Route& route = listener.routes[0];
  const Backend& backend = loaded.config->backends[0];
  EXPECT_EQ(*pick(&Limits::connect, route.limits, backend.limits, listener.limits), seconds(2));
  EXPECT_EQ(*pick(&Limits::read, route.limits, backend.limits, listener.limits), seconds(4));
  EXPECT_EQ(pick(&Limits::body, route.limits, backend.limits, listener.limits), std::nullopt);
  EXPECT_EQ(pick(&Limits::max_body, route.limits, backend.limits, listener.limits), 1024U);
  EXPECT_EQ(pick(&Limits::retry, route.limits, backend.limits, listener.limits).attempts, 0U);
}

TEST(Loader, NamedFormatsMayStandAfterTheirUse) {
  const Loaded loaded = load_text(
      "access_log stderr format mine\nlog_format mine \"$status \\$5\"\n"
      "listener a { bind 127.0.0.1:1; route close }");
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  EXPECT_EQ(loaded.config->access_log.format, "$status $$5");
}

TEST(Loader, Warnings) {
  EXPECT_EQ(load_text("listener a { bind 127.0.0.1:1 }").messages(),
            "1:1: warning: listener \"a\" has no route: it answers everything with 404\n");
  EXPECT_EQ(load_text("listener a { bind 127.0.0.1:1; route close }\nbackend b { server s "
                      "127.0.0.1:1 weight 0 }")
                .messages(),
            "2:1: warning: backend \"b\" has only servers of weight 0: none takes requests\n"
            "2:1: warning: backend \"b\" is not used\n");
  EXPECT_EQ(load_route("route all close").messages(),
            "4:1: warning: route \"path /a\" can never match: route \"all\" comes before it and "
            "takes all of it\n"
            "4:26: warning: route \"any\" can never match: route \"all\" comes before it and "
            "takes all of it\n");
}

TEST(Loader, Nameservers) {
  const Loaded loaded = load_text(
      "nameserver 1.1.1.1; nameserver ::1; nameserver [::2]:5353; nameserver 9.9.9.9:54\n"
      "listener a { bind 127.0.0.1:1; route close }");
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  const auto& servers = loaded.config->nameservers;
  ASSERT_EQ(servers.size(), 4U);
  EXPECT_EQ(servers[0].port, 53);
  EXPECT_EQ(servers[1].host, "::1");
  EXPECT_EQ(servers[2].port, 5353);
  EXPECT_EQ(servers[3].port, 54);
}

}  // namespace
}  // namespace weir::config
