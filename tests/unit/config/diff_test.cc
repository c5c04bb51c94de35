// SPDX-License-Identifier: Apache-2.0
//
// What counts as a difference, how it is told, and that no directive is forgotten.
#include "config/diff.h"

#include "config/loading.h"
#include "config/print.h"
#include "config/schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace weir::config {
namespace {

Config loaded(const std::string& text) {
  Loaded loaded = load_text(text);
  EXPECT_TRUE(loaded.config) << loaded.diagnostics.text() << text;
  return loaded.config ? *std::move(loaded.config) : Config{};
}

std::string told(const Config& from, const Config& to) {
  std::string all;
  for (const Change& change : diff(from, to)) all += text(change) + "\n";
  return all;
}

std::string told(const std::string& from, const std::string& to) {
  return told(loaded(from), loaded(to));
}

const std::string rest =
    "\nlistener l { bind 127.0.0.1:1\n route forward c }\nbackend c { server s 127.0.0.1:2 }";

std::string in_main(const std::string& statements) { return statements + rest; }
std::string in_listener(const std::string& statements) {
  return "listener web { bind 127.0.0.1:80\n" + statements +
         "\n }\nbackend api { server a1 127.0.0.1:81 }\nbackend b { server b1 127.0.0.1:82 }";
}
std::string in_route(const std::string& statements) {
  return in_listener("route r path /r { " + statements + " }");
}
std::string in_backend(const std::string& statements) {
  return "listener web { bind 127.0.0.1:80; route forward api; route path /x forward b }\nbackend "
         "api {\n" +
         statements + " }\nbackend b { server b1 127.0.0.1:82 }";
}

TEST(Diff, PlacesBlanksCommentsAndOrderMeanNothing) {
  const std::string one = R"(workers 2; trusted_proxies 10.0.0.0/8 ::1; admin unix:/a; admin unix:/b
listener web { bind 127.0.0.1:80; bind [::]:81; timeout idle 5s body 6s; header set A 1
  route host a.example path /x not client 10.1.2.3 { retry 2 on 503,connect_error,502; forward api }
  route api path /y forward api; route respond 404 }
listener two { bind 127.0.0.1:0; bind 127.0.0.1:0; route forward api }
backend api { server a 127.0.0.1:1 weight 2 backup; server b Name:2
  check http /h { expect 200-299 301; header X 1 } outlier { status 503,502 3 } }
backend other { server a 127.0.0.1:1 })";
  const std::string other = R"(# comment
backend other { server a 127.0.0.1:1 weight 1 max_in_flight none }

backend api { keepalive 128; server b name:2
  outlier { status 502,503 3; eject 30s }
  server a 127.0.0.1:1 backup weight 2
  check http GET /h { header X 1
     expect 301 200-250 251-299 } }
listener two { route forward api;  bind 127.0.0.1:0
  bind 127.0.0.1:0 }
listener web { header set A "1"
  bind [::0]:81; timeout body 6000ms; bind 127.0.0.1:80; max_header 32k; timeout idle 5s
  route not client 10.1.2.3/32 path /x path /x host A.Example. { forward api
     retry 2 on 502,503,connect_error }
  route api path /y { forward api }
  # comment
  route respond 404 }
admin unix:/b { level admin }
admin unix:/a
trusted_proxies 0::1
trusted_proxies 10.0.0.0/8 0::1/128 { fields x-forwarded-proto X-Forwarded-For }
workers 2)";
  EXPECT_EQ(told(one, other), "");
  EXPECT_EQ(told(other, one), "");
}

TEST(Diff, MainLevel) {
  EXPECT_EQ(told(in_main("workers 2; user web"), in_main("workers 4; pid_file /p")),
            "- user web  (weir.conf:1) needs upgrade\n"
            "~ workers 2 -> 4  (weir.conf:1)\n"
            "+ pid_file /p  (weir.conf:1)\n");
  EXPECT_EQ(told(in_main("shutdown_timeout 5s"), in_main("")),
            "~ shutdown_timeout 5s -> 30s  (default)\n");
  EXPECT_EQ(
      told(in_main("trusted_proxies 10.0.0.0/8 ::1"), in_main("trusted_proxies ::1 ::2")),
      "- trusted_proxies 10.0.0.0/8 { fields x-forwarded-for x-forwarded-proto }  (weir.conf:1)\n"
      "+ trusted_proxies ::2 { fields x-forwarded-for x-forwarded-proto }  (weir.conf:1)\n");
  EXPECT_EQ(told(in_main("nameserver ::1; nameserver 1.1.1.1"),
                 in_main("nameserver 1.1.1.1:53; nameserver [0::1]:53")),
            "~ nameserver order nameserver [0::1]:53, nameserver 1.1.1.1:53 -> nameserver "
            "1.1.1.1:53, nameserver [0::1]:53  (weir.conf:1)\n");
}

TEST(Diff, Logs) {
  const auto log = [](const std::string& name, const std::string& format, const std::string& to) {
    return in_main("log_format " + name + " '" + format + "'; access_log " + to + name);
  };
  EXPECT_EQ(told(log("a", "$status", "stderr format "), log("b", "$status", "stderr format ")), "");
  EXPECT_EQ(told(log("a", "$status", "stderr format "), log("a", "$path", "stderr format ")),
            "~ access_log stderr format \"$status\" -> stderr format \"$path\"  (weir.conf:1)\n");
  EXPECT_EQ(told(log("a", "$status", "off format "), in_main("")), "");
  EXPECT_EQ(told(in_main("access_log /a buffer 64k"), in_main("access_log /a buffer 64k flush 5s")),
            "~ access_log /a format json buffer 64k flush 1s -> "
            "/a format json buffer 64k flush 5s  (weir.conf:1)\n");
  EXPECT_EQ(told(in_main("access_log /a buffer 64k"),
                 in_main("access_log /a flush 1000ms buffer 64k format json")),
            "");
}

TEST(Diff, ListenersAndAdminSockets) {
  EXPECT_EQ(told(in_listener("max_header 16k; bind 127.0.0.1:1; route close"),
                 in_listener("bind 127.0.0.1:3\nroute close\nmax_lifetime 1h") +
                     "\nadmin unix:/a\nlistener new { bind 127.0.0.1:9; route close }"),
            "+ admin unix:/a  (weir.conf:8)\n"
            "- listener web bind 127.0.0.1:1  (weir.conf:2)\n"
            "~ listener web max_header 16k -> 32k  (default)\n"
            "~ listener web max_lifetime none -> 1h  (weir.conf:4)\n"
            "+ listener web bind 127.0.0.1:3  (weir.conf:2)\n"
            "+ listener new  (weir.conf:9)\n");
  EXPECT_EQ(told(in_main("admin unix:/a { mode 0660 }"), in_main("admin unix:/a { group g }")),
            "~ admin unix:/a mode 0660 -> 0600  (default)\n"
            "+ admin unix:/a group g  (weir.conf:1)\n");
}

TEST(Diff, BackendsAndServers) {
  EXPECT_EQ(told(in_backend("server a1 127.0.0.1:1; server a2 127.0.0.1:2"),
                 in_backend("server a1 127.0.0.1:1 weight 5 backup\nserver a3 127.0.0.1:2")),
            "- server api/a2  (weir.conf:3)\n"
            "~ server api/a1 weight 1 -> 5  (weir.conf:3)\n"
            "+ server api/a1 backup  (weir.conf:3)\n"
            "+ server api/a3  (weir.conf:4)\n");
  const std::string server = "server s 127.0.0.1:1\n";
  EXPECT_EQ(told(in_backend(server), in_backend(server + "check tcp { rise 5 }\noutlier")),
            "+ backend api check tcp  (weir.conf:4)\n+ backend api outlier  (weir.conf:5)\n");
  EXPECT_EQ(told(in_backend(server + "check tcp"), in_backend(server + "check http /h { rise 5 }")),
            "~ backend api check tcp -> http GET /h  (weir.conf:4)\n"
            "~ backend api check rise 2 -> 5  (weir.conf:4)\n");
  EXPECT_EQ(told(in_backend(server + "check http /h { header A 1; header B 1 }"),
                 in_backend(server + "check http /h { header B 1; header A 1; host x }")),
            "+ backend api check host x  (weir.conf:4)\n"
            "~ backend api check header order header A 1, header B 1 -> header B 1, header A 1  "
            "(weir.conf:4)\n");
  EXPECT_EQ(told(in_backend(server) + "\nbackend d { server s 127.0.0.1:1 }", in_backend(server)),
            "- backend d  (weir.conf:6)\n");
}

TEST(Diff, RoutesAreKnownByNameOrElseByWhatTheyMatch) {
  EXPECT_EQ(told(in_listener("route path /a forward api\nroute path /b forward api"),
                 in_listener("\n\nroute path /a forward b\nroute path /c forward api")),
            "- route web/path /b  (weir.conf:3)\n"
            "~ route web/path /a action forward api -> forward b  (weir.conf:4)\n"
            "+ route web/path /c  (weir.conf:5)\n");
  EXPECT_EQ(told(in_listener("route r path /a method GET forward api"),
                 in_listener("route r path /b method GET { timeout body 1s; forward api }")),
            "- route web/r path /a  (weir.conf:2)\n"
            "+ route web/r path /b  (weir.conf:2)\n"
            "+ route web/r timeout body 1s  (weir.conf:2)\n");
  EXPECT_EQ(told(in_listener("route old path /a forward api"),
                 in_listener("route new path /a forward b")),
            "~ route web/new action forward api -> forward b  (weir.conf:2)\n"
            "~ route web/new name old -> new  (weir.conf:2)\n");
}

TEST(Diff, RoutesAreCalledWithoutValuesThatMayBeSecrets) {
  EXPECT_EQ(told(in_listener("route header authorization topsecret close\n"
                             "route cookie a topsecret close; route close"),
                 in_listener("route header authorization more close\nroute close")),
            "- route web/header Authorization  (weir.conf:2)\n"
            "- route web/cookie a  (weir.conf:3)\n"
            "+ route web/header Authorization  (weir.conf:2)\n");
}

TEST(Diff, OrderOfRoutesCounts) {
  const std::string a = "route a path /a close\n", b = "route b path /b close\n",
                    c = "route path /c close\n", d = "route d path /d close\n";
  EXPECT_EQ(told(in_listener(a + b + c + d), in_listener(a + c + b + d)),
            "~ listener web order b, path /c -> path /c, b  (weir.conf:1)\n");
  EXPECT_EQ(told(in_listener(a + b + d), in_listener(b + c + d)),
            "- route web/a  (weir.conf:2)\n+ route web/path /c  (weir.conf:3)\n");
  std::string up, down;
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    const std::string route = "route n" + n + " path /" + n + " close\n";
    up += route;
    down.insert(0, route);
  }
  EXPECT_EQ(told(in_listener(up), in_listener(down)),
            "~ listener web order n0, n1, n2, n3, n4, n5, n6, n7, ... -> n19, n18, n17, n16, n15, "
            "n14, n13, n12, ...  (weir.conf:1)\n");
}

TEST(Diff, PoliciesOfListenersAndBackendsAreToldOnce) {
  const std::string routes =
      "\nroute a path /a forward api\nroute b path /b forward b\nroute c close";
  EXPECT_EQ(told(in_listener("header set X 1" + routes), in_listener("header set X 2" + routes)),
            "- listener web header set X \"1\"  (weir.conf:2)\n"
            "+ listener web header set X \"2\"  (weir.conf:2)\n");
  EXPECT_EQ(told(in_listener("header set X 1; shine 1" + routes),
                 in_listener("shine 1; header set X 1" + routes)),
            "~ listener web policy order header set X \"1\", shine 1 -> shine 1, header set X "
            "\"1\"  (weir.conf:2)\n");
  EXPECT_EQ(told(in_backend("server s 127.0.0.1:1"),
                 in_backend("server s 127.0.0.1:1; rewrite path a b")),
            "+ backend api rewrite path a \"b\"  (weir.conf:3)\n");
  EXPECT_EQ(told(in_route("close"), in_route("close; shine 1; shine 1")),
            "+ route web/r shine 1  (weir.conf:2)\n+ route web/r shine 1  (weir.conf:2)\n");
}

TEST(Diff, PoliciesCountWhereTheyApply) {
  // For every route the same.  A listener's own policies also hold for answers that no route gives.
  EXPECT_EQ(told(in_listener("shine 1\nroute a path /a close\nroute b close"),
                 in_listener("route a path /a { shine 1; close }\nroute b { shine 1; close }")),
            "- listener web shine 1  (weir.conf:2)\n");
  // Noticed by those answers only.
  EXPECT_EQ(told(in_listener("route a { shine none; close }"),
                 in_listener("shine 1\nroute a { shine none; close }")),
            "+ listener web shine 1  (weir.conf:2)\n");
  EXPECT_EQ(told(in_listener("shine 1\nroute a path /a close\nroute b close"),
                 in_listener("shine 1\nroute a path /a { shine none; close }\nroute b close")),
            "- route web/a shine 1  (weir.conf:2)\n");
  // Another backend brings its own.
  const std::string backends = "server s 127.0.0.1:1; shine 1";
  std::string text = in_backend(backends);
  text.replace(text.find("path /x forward b"), 17, "path /x forward api");
  EXPECT_EQ(told(in_backend(backends), text),
            "~ route web/path /x action forward b -> forward api  (weir.conf:1)\n"
            "+ route web/path /x shine 1  (weir.conf:3)\n");
}

TEST(Diff, TextIsOneLineOfBearableLength) {
  // The cut would be in the middle of a character.
  const std::string body = std::string(186, 'x') + "\xC3\xA4" + std::string(200, 'y');
  EXPECT_EQ(told(in_route("respond 200"), in_route("respond 200 \"" + body + "\"")),
            "~ route web/r action respond 200 -> respond 200 \"" + std::string(186, 'x') +
                "...  (weir.conf:2)\n");
  EXPECT_EQ(told(in_route("respond 200"), in_route("respond 200 \"a\\nb\"")),
            "~ route web/r action respond 200 -> respond 200 \"a\\nb\"  (weir.conf:2)\n");
}

// What is written in `from` and `to` is the same but for one directive.
struct Case {
  Context context;
  std::string name, from, to;
};

// clang-format off
const std::vector<Case> cases = {
    {InMain, "access_log", "", "access_log stderr"},
    {InMain, "access_log", "access_log stderr", "access_log /a"},
    {InMain, "access_log", "access_log stderr", "access_log stderr format combined"},
    {InMain, "access_log", "access_log /a", "access_log /a buffer 8k"},
    {InMain, "access_log", "access_log /a buffer 8k", "access_log /a buffer 9k"},
    {InMain, "access_log", "access_log /a buffer 8k", "access_log /a buffer 8k flush 2s"},
    {InMain, "admin", "", "admin unix:/a"},
    {InMain, "backend", "", "backend new { server s 127.0.0.1:3 }"},
    {InMain, "body_memory", "", "body_memory 1g"},
    {InMain, "chroot", "", "chroot /srv"},
    {InMain, "error_log", "", "error_log syslog"},
    {InMain, "error_log", "", "error_log stderr level warn"},
    {InMain, "group", "", "group g"},
    {InMain, "jit", "", "jit off"},
    {InMain, "listener", "", "listener new { bind 127.0.0.1:7; route close }"},
    {InMain, "log_format", "log_format f '$status'; access_log stderr format f",
                           "log_format f '$path'; access_log stderr format f"},
    {InMain, "max_connections", "", "max_connections 5"},
    {InMain, "nameserver", "", "nameserver 1.1.1.1"},
    {InMain, "pid_file", "", "pid_file /p"},
    {InMain, "shutdown_timeout", "", "shutdown_timeout 5s"},
    {InMain, "drain_delay", "", "drain_delay 5s"},
    {InMain, "stall_timeout", "", "stall_timeout 7s"},
    {InMain, "state_file", "", "state_file /s"},
    {InMain, "trusted_proxies", "", "trusted_proxies 10.0.0.0/8"},
    {InMain, "trusted_proxies", "trusted_proxies ::1", "trusted_proxies unix:"},
    {InTrustedProxies, "fields", "", "fields forwarded"},
    {InBind, "group", "", "group g"},
    {InBind, "mode", "", "mode 0600"},
    {InMain, "upgrade_timeout", "", "upgrade_timeout 7s"},
    {InMain, "user", "", "user u"},
    {InMain, "workers", "", "workers 7"},
    {InAdmin, "group", "", "group g"},
    {InAdmin, "level", "", "level read"},
    {InAdmin, "mode", "", "mode 0660"},
    {InListener, "path_check", "", "path_check strict"},
    {InListener, "bind", "", "bind 127.0.0.1:7"},
    {InListener, "bind", "bind 127.0.0.1:0", "bind 127.0.0.1:0; bind 127.0.0.1:0"},
    {InListener, "client_close", "", "client_close finish"},
    {InListener, "header", "", "header set X 1"},
    {InListener, "max_body", "", "max_body 1m"},
    {InListener, "max_fields", "", "max_fields 7"},
    {InListener, "max_header", "", "max_header 4k"},
    {InListener, "max_lifetime", "", "max_lifetime 1h"},
    {InListener, "protocols", "", "protocols h2"},
    {InListener, "max_line", "", "max_line 4k"},
    {InListener, "max_requests", "", "max_requests 7"},
    {InListener, "max_streams", "", "max_streams 7"},
    {InListener, "stream_buffer", "", "stream_buffer 16k"},
    {InListener, "stream_window", "", "stream_window 64k"},
    {InListener, "tcp_keepalive", "", "tcp_keepalive none"},
    {InListener, "response_header", "", "response_header remove X"},
    {InListener, "retry", "", "retry none"},
    {InListener, "rewrite", "", "rewrite path a b"},
    {InListener, "route", "", "route path /new close"},
    {InBackend, "balance", "", "balance random"},
    {InBackend, "check", "", "check tcp"},
    {InBackend, "check", "check http /h", "check http HEAD /h"},
    {InBackend, "check", "check http /h", "check http /i"},
    {InBackend, "fallback", "", "fallback c"},
    {InBackend, "header", "", "header set X 1"},
    {InBackend, "keepalive", "", "keepalive 7"},
    {InBackend, "max_body", "", "max_body 1m"},
    {InBackend, "max_fields", "", "max_fields 7"}, {InBackend, "max_header", "", "max_header 4k"},
    {InBackend, "max_line", "", "max_line 4k"}, {InBackend, "max_queue", "", "max_queue 7"},
    {InBackend, "outlier", "", "outlier"},
    {InBackend, "panic", "", "panic 10%"},
    {InBackend, "pipeline", "", "pipeline 2"},
    {InBackend, "pipeline", "pipeline 2", "pipeline 3"},
    {InBackend, "response_header", "", "response_header remove X"},
    {InBackend, "retry", "", "retry 1"},
    {InBackend, "rewrite", "", "rewrite path a b"},
    {InBackend, "tcp_keepalive", "", "tcp_keepalive 5s"},
    {InBackend, "server", "", "server new 127.0.0.1:3"},
    {InBackend, "server", "server n 127.0.0.1:3", "server n 127.0.0.1:4"},
    {InBackend, "server", "server n 127.0.0.1:3", "server n 127.0.0.1:3 weight 5"},
    {InBackend, "server", "server n 127.0.0.1:3", "server n 127.0.0.1:3 max_in_flight 5"},
    {InBackend, "server", "server n 127.0.0.1:3", "server n 127.0.0.1:3 backup"},
    {InRoute, "client_close", "close", "close; client_close finish"},
    {InRoute, "close", "respond 200", "close"},
    {InRoute, "early_data", "close", "close; early_data on"},
    {InRoute, "forward", "close", "forward api"},
    {InRoute, "forward", "forward c", "forward api"},
    {InRoute, "header", "close", "close; header set X 1"},
    {InRoute, "header", "close; header set X 1", "close; header set X 2"},
    {InRoute, "max_body", "close", "close; max_body 1m"},
    {InRoute, "metrics", "close", "metrics"},
    {InRoute, "path_check", "close", "close; path_check strict"},
    {InRoute, "ready", "close", "ready"},
    {InRoute, "redirect", "redirect 301 /a", "redirect 302 /a"},
    {InRoute, "redirect", "redirect 301 /a", "redirect 301 /b"},
    {InRoute, "respond", "respond 200", "respond 201"},
    {InRoute, "respond", "respond 200 a", "respond 200 b"},
    {InRoute, "response_header", "close", "close; response_header remove X"},
    {InRoute, "retry", "close; retry 2 on 503", "close; retry 2 on 502"},
    {InRoute, "retry", "close; retry 2 on 503", "close; retry 2 on 503,connect_error"},
    {InRoute, "retry", "close; retry 2 on 503", "close; retry 3 on 503"},
    {InRoute, "rewrite", "close", "close; rewrite path a b"},
    {InCheck, "body", "", "body contains a"},
    {InCheck, "body", "", "body regex a"},
    {InCheck, "down", "", "down 7s"},
    {InCheck, "expect", "", "expect 200"},
    {InCheck, "fall", "", "fall 7"},
    {InCheck, "fast", "", "fast 1s"},
    {InCheck, "header", "", "header X 1"},
    {InCheck, "host", "", "host h"},
    {InCheck, "interval", "", "interval 7s"},
    {InCheck, "jitter", "", "jitter 7%"},
    {InCheck, "port", "", "port 7"},
    {InCheck, "rise", "", "rise 7"},
    {InCheck, "start_delay", "", "start_delay 7s"},
    {InCheck, "timeout", "", "timeout 700ms"},
    {InOutlier, "connect_errors", "", "connect_errors 7"},
    {InOutlier, "eject", "", "eject 7s"},
    {InOutlier, "max_eject", "", "max_eject 1h"},
    {InOutlier, "max_ejected", "", "max_ejected 7%"},
    {InOutlier, "status", "", "status 503 7"},
    {InOutlier, "status", "", "status 500 3"},
    {InPipeline, "body", "", "body 7k"},
    {InPipeline, "credentials", "", "credentials on"},
    {InPipeline, "depth", "", "depth 7"},
    {InPipeline, "slow", "", "slow 7s"},
};
// clang-format on

// A whole configuration with these statements in a block of that context.
std::string in(Context context, const std::string& statements) {
  const std::string block = "{ " + statements + "\n }";
  switch (context) {
    case InMain: return in_main(statements);
    case InListener:
      return "listener w " + ("{ bind 127.0.0.1:5; route close\n" + statements) + "\n}" + rest;
    case InRoute:
      return "listener w { bind 127.0.0.1:5; route r " + block +
             "\n}\nbackend api { server a 127.0.0.1:4 }" + rest;
    case InAdmin: return "admin unix:/a " + block + rest;
    case InTrustedProxies: return in_main("trusted_proxies ::1 " + block);
    case InBind: return in_listener("bind unix:/b " + block + "\nroute close");
    default: break;
  }
  const std::string inner = context == InCheck      ? "check http /h " + block
                            : context == InOutlier  ? "outlier " + block
                            : context == InPipeline ? "pipeline 2 " + block
                                                    : statements;
  return "listener w { bind 127.0.0.1:5; route forward api }\nbackend api { server a "
         "127.0.0.1:4\n" +
         inner + "\n}" + rest;
}

void expect_change(Context context, const std::string& from, const std::string& to) {
  const Config a = loaded(in(context, from)), b = loaded(in(context, to));
  EXPECT_NE(told(a, b), "") << from << " | " << to;
  EXPECT_NE(told(b, a), "") << from << " | " << to;
  EXPECT_EQ(told(b, b), "");
}

TEST(Diff, NoDirectiveIsForgotten) {
  std::set<std::pair<std::string, Context>> seen;
  for (const Case& each : cases) {
    expect_change(each.context, each.from, each.to);
    seen.emplace(each.name, each.context);
  }
  // These mean nothing of their own, or can have but one value; tls has a case of its own.
  const std::set<std::string_view> without_meaning = {"include", "protocol", "tls"};
  for (const DirectiveKind& kind : directive_kinds())
    for (const Context context : {InMain, InListener, InBackend, InRoute, InCheck, InOutlier,
                                  InPipeline, InAdmin, InTrustedProxies, InBind})
      if (kind.contexts & context && !without_meaning.contains(kind.name) &&
          !(kind.name == "timeout" && context != InCheck)) {
        EXPECT_TRUE(seen.contains({std::string(kind.name), context}))
            << "no case for " << kind.name << " in context " << context;
      }
}

TEST(Diff, NoTimeoutIsForgotten) {
  for (const TimeoutKind& kind : timeout_kinds())
    for (const Context context : {InListener, InBackend, InRoute})
      if (kind.contexts & context)
        expect_change(
            context, context == InRoute ? "close" : "",
            std::string(kind.statement) + " 777ms" + (context == InRoute ? "; close" : ""));
}

TEST(Diff, EveryMatcherCounts) {
  std::vector<Config> configs;
  for (const char* matchers : {"",
                               "host a",
                               "host b",
                               "not host a",
                               "path /a",
                               "path /a/*",
                               "path_regex a",
                               "method GET",
                               "header A 1",
                               "header A 2",
                               "header B 1",
                               "query A 1",
                               "cookie A 1",
                               "client 10.0.0.0/8",
                               "client 10.0.0.0/9",
                               "client ::/8",
                               "sni a",
                               "sni *.a",
                               "client_cert subject CN=a",
                               "client_cert san a",
                               "protocol h2",
                               "protocol http/1.1",
                               "host a path /a"})
    configs.push_back(loaded(in_listener("route r " + std::string(matchers) + " close")));
  for (const Config& from : configs)
    for (const Config& to : configs) EXPECT_EQ(told(from, to).empty(), &from == &to);
}

TEST(Diff, WhatNeedsAnUpgrade) {
  std::set<std::string> needing;
  for (const Case& each : cases)
    for (const Change& change :
         diff(loaded(in(each.context, each.from)), loaded(in(each.context, each.to))))
      if (change.needs_upgrade) {
        EXPECT_EQ(each.context, InMain) << each.name;
        needing.insert(each.name);
      }
  EXPECT_EQ(needing, (std::set<std::string>{"chroot", "group", "jit", "user"}));
}

TEST(Diff, ExamplesDifferFromEachOtherAndNotFromWhatIsPrinted) {
  std::vector<Config> examples;
  for (const auto& entry : std::filesystem::directory_iterator("conf/examples")) {
    auto [config, diagnostics] = load_example(entry.path());
    ASSERT_TRUE(config) << diagnostics.text();
    EXPECT_EQ(told(*config, loaded(print_effective(*config))), "") << entry.path();
    examples.push_back(*std::move(config));
  }
  EXPECT_GE(examples.size(), 8U);
  for (const Config& from : examples)
    for (const Config& to : examples) EXPECT_EQ(told(from, to).empty(), &from == &to);
}

}  // namespace
}  // namespace weir::config
