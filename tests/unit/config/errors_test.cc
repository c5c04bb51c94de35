// SPDX-License-Identifier: Apache-2.0
//
// What is refused: for each rule a text, and the place and the sentence that the operator gets.
#include "config/loading.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::config {
namespace {

struct Case {
  const char* text;
  const char* place;    ///< "line:column"
  const char* message;  ///< part of it
  const char* hint;     ///< part of it
};

void expect_error(const Loaded& loaded, const Case& expected) {
  EXPECT_FALSE(loaded.config) << expected.text;
  ASSERT_TRUE(loaded.diagnostics.has_errors()) << expected.text;
  bool found = false;
  for (const Diagnostic& diagnostic : loaded.diagnostics.all())
    found = found || (diagnostic.severity == Severity::Error &&
                      diagnostic.place == std::string("weir.conf:") + expected.place &&
                      diagnostic.message.find(expected.message) != std::string::npos &&
                      diagnostic.hint.find(expected.hint) != std::string::npos);
  EXPECT_TRUE(found) << expected.text << "\nwanted: " << expected.place << ": " << expected.message
                     << "\ngot:\n"
                     << loaded.diagnostics.text();
  for (const Diagnostic& diagnostic : loaded.diagnostics.all())
    if (diagnostic.severity == Severity::Error) {
      EXPECT_NE(diagnostic.hint, "") << diagnostic.message;
      EXPECT_NE(diagnostic.line, "") << diagnostic.message;
    }
}

const Case main_cases[] = {
    {"workrs 2", "1:1", "unknown directive \"workrs\"", "did you mean \"workers\"?"},
    {"xyzzy", "1:1", "unknown directive \"xyzzy\"", "none of the"},
    {"listener a { workers 1 }", "1:14", "\"workers\" is not allowed in a listener",
     "at the top level of the file"},
    {"bind 127.0.0.1:1", "1:1", "\"bind\" is not allowed at the top level",
     "it belongs in a listener"},
    {"workers", "1:1", "workers has no value", "write workers auto | N"},
    {"workers 1 2", "1:11", "workers has too many values", "write workers auto | N"},
    {"workers 1 { }", "1:1", "workers takes no block", "write workers"},
    {"listener a", "1:1", "listener needs a block", "write listener NAME { ... }"},
    {"workers 1\nworkers 2", "2:1", "duplicate \"workers\"", "weir.conf:1:1"},
    {"workers 0", "1:9", "\"0\" is not a number of workers", "1 to 64"},
    {"workers 65", "1:9", "\"65\" is not a number of workers", "auto"},
    {"workers 1x", "1:9", "\"1x\" is not a number of workers", "auto"},
    {"user 1a", "1:6", "\"1a\" cannot be the name of a user", "a letter or _"},
    {"chroot srv", "1:8", "chroot needs an absolute path", "/"},
    {"pid_file ''", "1:10", "not a path", "name of a file"},
    {"jit yes", "1:5", "unknown switch \"yes\"", "one of on off"},
    {"max_connections 0", "1:17", "\"0\" is not allowed here", "write none"},
    {"max_connections many", "1:17", "\"many\" is not allowed here", "or none"},
    {"body_memory 63k", "1:13", "\"63k\" is too small", "write a size from 64k to 1024g"},
    {"body_memory 1025g", "1:13", "\"1025g\" is too large", "from 64k"},
    {"body_memory none", "1:13", "\"none\" is not a size", "k, m or g"},
    {"drain_delay 0s", "1:13", "a time of 0", "write none"},
    {"shutdown_timeout 30", "1:18", "a duration needs a unit: ms, s, m, h or d", "write 30s"},
    {"shutdown_timeout 30x", "1:18", "unknown unit in \"30x\"", "ms, s, m, h or d"},
    {"shutdown_timeout 0s", "1:18", "a time of 0", "a time above 0"},
    {"stall_timeout 0s", "1:15", "a time of 0", "write none"},
    {"shutdown_timeout none", "1:18", "\"none\" is not a duration", "ms, s, m, h or d"},
    {"shutdown_timeout 99999d", "1:18", "more than ten years", "none"},
    {"shutdown_timeout 99999999999999999999s", "1:18", "is too large", "none"},
    {"error_log off", "1:11", "the error log cannot be off", "level error"},
    {"error_log stderr level loud", "1:24", "unknown level \"loud\"", "one of debug"},
    {"error_log stderr info", "1:18", "\"info\" is not allowed here", "write level info"},
    {"error_log stderr level", "1:18", "\"level\" is not allowed here", "write level VALUE"},
    {"access_log stderr format jsn", "1:26", "unknown log format \"jsn\"", "\"json\"?"},
    {"access_log /a format", "1:15", "\"format\" has no value", "write format NAME"},
    {"access_log /a format json buffer", "1:27", "\"buffer\" has no value", "write buffer SIZE"},
    {"access_log /a buffer 8k flush", "1:25", "\"flush\" has no value", "write flush TIME"},
    {"access_log /a format json format json", "1:27", "duplicate \"format\"", "leave one"},
    {"access_log /a buffer 8k buffer 8k", "1:25", "duplicate \"buffer\"", "leave one"},
    {"access_log /a flush 1s buffer 8k flush 1s", "1:34", "duplicate \"flush\"", "leave one"},
    {"access_log /a buffered 8k", "1:15", "\"buffered\" is not allowed here",
     "the options are format NAME, buffer SIZE and flush TIME"},
    {"access_log /a buffer=32k flush=5s", "1:15", "\"buffer=32k\" is not allowed here",
     "write buffer 32k, without \"=\""},
    {"access_log /a mine buffer 8k; log_format mine '$status'", "1:15",
     "\"mine\" is not allowed here", "write format mine"},
    {"access_log /a buffer 0", "1:22", "\"0\" is too small", "write a size from 4k to 4m"},
    {"access_log /a buffer 3k", "1:22", "\"3k\" is too small", "write a size from 4k to 4m"},
    {"access_log /a buffer 5m", "1:22", "\"5m\" is too large", "write a size from 4k to 4m"},
    {"access_log /a buffer 64", "1:22", "a size needs a unit", "write 64k"},
    {"access_log /a buffer none", "1:22", "\"none\" is not a size", "k, m or g"},
    {"access_log /a buffer 8k flush 0s", "1:31", "a time of 0s", "a time above 0"},
    {"access_log /a buffer 8k flush none", "1:31", "\"none\" is not a duration", "ms, s, m"},
    {"access_log /a buffer 8k flush 3601s", "1:31", "\"3601s\" is too long",
     "write a time up to 1h"},
    {"access_log /a flush 5s", "1:21", "flush without buffer", "write buffer 64k flush 5s"},
    {"access_log stderr buffer 8k", "1:26", "lines for stderr do not wait", "for log files"},
    {"access_log syslog format json flush 1s", "1:37", "lines for syslog do not wait",
     "for log files"},
    {"access_log off buffer 8k", "1:23", "lines for off do not wait", "for log files"},
    {"error_log /a buffer 8k", "1:14", "\"buffer\" is not allowed here", "write level VALUE"},
    {"log_format json '$status'", "1:12", "\"json\" is built in", "another name"},
    {"log_format a '$status'\nlog_format a '$host'", "2:12", "log format \"a\" is defined twice",
     "1:12"},
    {"log_format a constant", "1:14", "without a variable", "$status"},
    {"log_format a '$statos'", "1:15", "unknown variable \"$statos\"", "\"$status\"?"},
    {"log_format a '5 $ $status'", "1:14", "a \"$\" without a variable's name", "\"$$\""},
    {"trusted_proxies 10.0.0.0/33", "1:17", "not a number from 0 to 32", "10.0.0.0/8"},
    {"trusted_proxies 10.0.0.1/8", "1:17", "has bits set behind its length", "write 10.0.0.0/8"},
    {"trusted_proxies ::1 2001:db8::1/32", "1:21", "has bits set", "write 2001:db8::/32"},
    {"trusted_proxies proxy", "1:17", "\"proxy\" is not an address range", "10.0.0.0/8"},
    {"trusted_proxies unix", "1:17", "\"unix\" is not an address range", "10.0.0.0/8"},
    {"trusted_proxies ::1 { fields }", "1:23", "fields has no value", "write fields NAME"},
    {"trusted_proxies ::1 { fields x-client-ip }", "1:30", "\"x-client-ip\" is not a field about",
     "forwarded, x-real-ip or x-forwarded-NAME"},
    {"trusted_proxies ::1 { fields via host }", "1:30", "\"via\" is not a field about",
     "forwarded"},
    {"trusted_proxies ::1 { fields x-forwarded- }", "1:30", "is not a field about",
     "x-forwarded-NAME"},
    {"trusted_proxies ::1\ntrusted_proxies unix: 0::1 { fields forwarded }", "2:23",
     "\"0::1\" is trusted with other fields already", "1:17"},
    {"trusted_proxies unix: unix:\ntrusted_proxies unix: { fields forwarded }", "2:17",
     "\"unix:\" is trusted with other fields already", "1:17"},
    {"trusted_proxies ::1 { mode 0600 }", "1:23",
     "\"mode\" is not allowed in the block of trusted_proxies", "an admin block"},
    {"nameserver dns.example.com", "1:12", "is not the address of a name server", "IP:PORT"},
    {"nameserver 1.1.1.1:0", "1:12", "is not the address of a name server", "IP:PORT"},
    {"workers 1", "1:1", "there is no listener", "the smallest"},
    {"", "1:1", "there is no listener", "the smallest"},
    {"admin 127.0.0.1:1", "1:7", "an admin socket is a Unix socket", "unix:/run"},
    {"admin unix:/a { mode 9 }", "1:22", "\"9\" is not a file mode", "octal"},
    {"admin unix:/a { level root }", "1:23", "unknown level \"root\"", "one of read operate admin"},
    {"admin unix:/a\nadmin unix:/a", "2:1", "admin \"unix:/a\" is defined twice", "1:1"},
    {"shine 1", "1:1", "unknown directive \"shine\"", "none of the"},
};

TEST(ConfigErrors, MainLevel) {
  for (const Case& each : main_cases) {
    const Loaded loaded = load_text(each.text);
    const std::string first = each.text;
    if (!first.empty()) {
      expect_error(loaded, each);
    } else {
      EXPECT_FALSE(loaded.config);
      EXPECT_EQ(loaded.messages(), "1:1: error: there is no listener\n");
    }
  }
}

const Case grammar_cases[] = {
    {"listener a {\n", "1:12", "\"{\" is never closed", "}"},
    {"}", "1:1", "\"}\" without a \"{\"", "one too many"},
    {"workers 1 }", "1:11", "\"}\" without a \"{\"", "one too many"},
    {"listener a\n{ }", "2:1", "a block without a directive", "same line"},
    {"\"workers\" 1", "1:1", "the name of a directive stands without quotes", "quotes off"},
    {"user \"weir", "1:6", "a quote is not closed on its line", "\\n"},
    {"user 'weir\n'", "1:6", "a quote is not closed on its line", "\\n"},
    {"user we\"ir\"", "1:8", "a quote inside a word", "quote the whole value"},
    {"user \"we\"ir", "1:10", "a blank is missing after the closing quote", "whole values"},
    {"user \"a\\x\"", "1:8", "unknown escape \"\\x\"", "single quotes are raw"},
    {"user a\x01", "1:7", "control character", "\\t"},
    {"user 'a\rb'", "1:8", "control character", "\\t"},
    {"user \xff", "1:6", "not UTF-8", "save the file"},
    {"# x\n# \xc0\x80", "2:3", "not UTF-8", "save the file"},
    {"user ${NOBODY}", "1:6", "environment variable \"NOBODY\" is not set", "${NOBODY:-default}"},
    {"user a${1X}", "1:7", "names no environment variable", "${NAME}"},
    {"user ${NOBODY", "1:6", "\"${\" is not closed", "${NAME}"},
    {"user \"x ${NOBODY\"", "1:9", "\"${\" is not closed", "${NAME}"},
    {"include", "1:1", "include takes a file or a pattern", "conf.d/*.conf"},
    {"include a b", "1:1", "and perhaps \"isolated\"", "conf.d/*.conf"},
    {"include a.conf", "1:1", "\"a.conf\" cannot be opened", "relative to the file"},
    {"include weir.conf", "1:1", "\"weir.conf\" includes itself", "being read already"},
};

TEST(ConfigErrors, Grammar) {
  for (const Case& each : grammar_cases) expect_error(load_text(each.text), each);
}

const Case listener_cases[] = {
    {"bind 10.0.0.1", "4:6", "\"10.0.0.1\" has no port", "ADDRESS:PORT"},
    {"bind [::1]", "4:6", "\"[::1]\" has no port", "ADDRESS:PORT"},
    {"bind *:80", "4:6", "\"*:80\" has no address", "0.0.0.0:80 for every"},
    {"bind localhost:80", "4:6", "\"localhost\" is not an IP address", "not to names"},
    {"bind 10.0.0.1:65536", "4:6", "not a number from 0 to 65535", "PORT"},
    {"bind ::1:80", "4:6", "IPv6 address without brackets", "write [::1]:80"},
    {"bind [::g]:80", "4:6", "\"::g\" is not an IPv6 address", "[2001"},
    {"bind 10.0.0.300:80", "4:6", "neither an IP address nor a host name", "IP:PORT"},
    {"bind unix:run/a", "4:6", "is not absolute", "unix:/path"},
    {"bind 127.0.0.1:80", "4:6", "address \"127.0.0.1:80\" is bound twice", "2:6"},
    {"bind [::1]:82\nbind [0::1]:82", "5:6", "is bound twice", "4:6"},
    {"bind 127.0.0.1:443 tls x", "4:24", "unknown option of an address \"x\"", "one of tls shared"},
    {"bind 127.0.0.1:443 tls tls", "4:24", "\"tls\" is given twice", "write it once"},
    {"bind 127.0.0.1:81 { mode 0600 }", "4:1", "\"127.0.0.1:81\" takes no block", "Unix sockets"},
    {"bind unix:/s { mode 9 }", "4:21", "\"9\" is not a file mode", "octal"},
    {"bind unix:/s { mode 01777 }", "4:21", "\"01777\" is not a file mode", "octal"},
    {"bind unix:/s { group a/b }", "4:22", "cannot be the name of a group", "a letter or _"},
    {"bind unix:/s { level read }", "4:16", "\"level\" is not allowed in the block of a bind",
     "an admin block"},
    {"bind unix:/s { mode 0600; mode 0600 }", "4:27", "duplicate \"mode\"", "4:16"},
    {"tls { }", "4:1", "tls without a certificate", "certificate CHAIN KEY"},
    {"protocol tcp", "4:10", "unknown protocol in this version \"tcp\"", "one of http"},
    {"protocols h2 h3", "4:14", "unknown version of HTTP \"h3\"", "did you mean \"h2\"?"},
    {"max_header 512", "4:12", "a size needs a unit: k, m or g", "write 512k"},
    {"max_header 2m", "4:12", "\"2m\" is too large", "from 1k to 1m"},
    {"max_line 0k", "4:10", "\"0k\" is too small", "from 1k to 64k"},
    {"max_fields 0", "4:12", "\"0\" is not allowed here", "from 1 to 1000"},
    {"max_streams 1001", "4:13", "\"1001\" is not allowed here", "from 1 to 1000"},
    {"stream_buffer 1m", "4:15", "\"1m\" is too large", "from 16k to 512k"},
    {"stream_window 32k", "4:15", "\"32k\" is too small", "from 64k to 16m"},
    {"max_requests 0", "4:14", "\"0\" is not allowed here", "write none"},
    {"max_lifetime 0s", "4:14", "a time of 0", "write none"},
    {"max_body 5", "4:10", "a size needs a unit", "write 5k"},
    {"timeout header", "4:1", "timeout has too few values", "NAME TIME"},
    {"timeout header 1s idle", "4:19", "timeout \"idle\" has no time", "write timeout idle 1m"},
    {"timeout body 1s\ntimeout body 2s", "5:9", "timeout \"body\" is set twice", "4:9"},
    {"timeout haeder 1s", "4:9", "unknown timeout \"haeder\"", "\"header\"?"},
    {"timeout handshakes 1s", "4:9", "unknown timeout \"handshakes\"", "\"handshake\"?"},
    {"timeout body 10", "4:14", "a duration needs a unit", "write 10s"},
    {"client_close never", "4:14", "unknown client_close \"never\"", "abort"},
    {"tcp_keepalive 500ms", "4:15", "tcp_keepalive 500ms is out of range", "1s to 9h, or none"},
    {"tcp_keepalive 10h", "4:15", "tcp_keepalive 10h is out of range", "1s to 9h, or none"},
    {"retry 0", "4:7", "\"0\" is not allowed here", "write none"},
    {"retry 11", "4:7", "\"11\" is not allowed here", "from 1 to 10"},
    {"retry 2 503", "4:9", "retry needs \"on\"", "connect_error,503"},
    {"retry 2 on 200", "4:12", "\"200\" is not a reason to try again", "400 to 599"},
    {"retry none on 503", "4:12", "retry none takes no more values", "retry none"},
    {"retry 2 on 503 { budget 20% }", "4:1", "retry takes no block", "write retry"},
    {"header bad", "4:1", "bad is not good", "write good"},
    {"header", "4:1", "header has no value", "set NAME TEXT"},
    {"shine bad", "4:1", "bad is not good", "write good"},
    {"forward b", "4:1", "\"forward\" is not allowed in a listener", "write route forward b"},
};

TEST(ConfigErrors, Listener) {
  for (const Case& each : listener_cases) expect_error(load_in_listener(each.text), each);
}

TEST(ConfigErrors, ListenerAsAWhole) {
  expect_error(load_text("listener a { route close }"),
               {"", "1:1", "listener \"a\" has no address", "bind 127.0.0.1:8080"});
  expect_error(load_text("listener a { bind 127.0.0.1:1 }\nlistener a { bind 127.0.0.1:2 }"),
               {"", "2:10", "listener \"a\" is defined twice", "1:1"});
  expect_error(load_text("listener 1a { bind 127.0.0.1:1 }"),
               {"", "1:10", "\"1a\" cannot be the name of a listener", "a letter"});
}

const Case backend_cases[] = {
    {"balance leastconn", "3:9", "unknown balance method \"leastconn\"", "\"least_request\"?"},
    {"server s", "3:1", "server has too few values", "NAME ADDRESS"},
    {"server s 127.0.0.1:0", "3:10", "port cannot be 0", "1 to 65535"},
    {"server s -x:80", "3:10", "neither an IP address nor a host name", "NAME:PORT"},
    {"server 9 127.0.0.1:1", "3:8", "\"9\" cannot be the name of a server", "a letter"},
    {"server s 127.0.0.1:1\nserver s 127.0.0.1:2", "4:1", "server \"s\" is defined twice", "3:1"},
    {"server s 127.0.0.1:1 wieght 3", "3:22", "unknown option of a server \"wieght\"",
     "\"weight\"?"},
    {"server s 127.0.0.1:1 weight", "3:22", "\"weight\" has no number", "weight N"},
    {"server s 127.0.0.1:1 weight 1001", "3:29", "\"1001\" is not allowed here", "0 to 1000"},
    {"server s 127.0.0.1:1 weight 1 weight 2", "3:31", "duplicate \"weight\"", "one of them"},
    {"server s 127.0.0.1:1 max_in_flight 0", "3:36", "\"0\" is not allowed here", "write none"},
    {"keepalive 0", "3:11", "\"0\" is not allowed here", "write none"},
    {"pipeline 0", "3:10", "\"0\" is not allowed here", "a number from 1 to 64"},
    {"pipeline 65", "3:10", "\"65\" is not allowed here", "a number from 1 to 64"},
    {"pipeline 1 { depth 1 }", "3:20", "\"1\" is not allowed here", "a number from 2 to 1000"},
    {"pipeline 1 { body 0k }", "3:19", "\"0k\" is too small", "write a size from 1k to 1m"},
    {"pipeline 1 { slow 0 }", "3:19", "0", "time"},
    {"pipeline 1 { credentials maybe }", "3:26", "\"maybe\"", "on"},
    {"protocol h2\npipeline 1", "4:1", "pipeline with protocol h2", "leave pipeline out"},
    {"keepalive none\npipeline 1", "4:1", "pipeline with keepalive none", "made of idle ones"},
    {"max_queue none", "3:11", "\"none\" is not allowed here", "0 to"},
    {"protocol h3", "3:10", "unknown protocol \"h3\"", "h2"},
    {"max_header 64", "3:12", "a size needs a unit", "write 64k"},
    {"max_header 2m", "3:12", "\"2m\" is too large", "from 1k to 1m"},
    {"max_line 65k", "3:10", "\"65k\" is too large", "from 1k to 64k"},
    {"max_fields 1001", "3:12", "\"1001\" is not allowed here", "from 1 to 1000"},
    {"max_line 2k\nmax_line 3k", "4:1", "duplicate \"max_line\"", "3:1"},
    {"timeout header 1s", "3:9", "timeout \"header\" is not allowed here", "in a listener"},
    {"check udp", "3:7", "unknown kind of check \"udp\"", "one of tcp http grpc"},
    {"check tcp /", "3:11", "check tcp takes no more values", "check http"},
    {"check http", "3:7", "check http has no path", "GET /healthz"},
    {"check http GET healthz", "3:16", "\"healthz\" is not a path", "begins with"},
    {"check tcp { expect 200 }", "3:13", "expect belongs to an http check", "only connects"},
    {"check http / { expect 299-200 }", "3:23", "is not a status or a range", "200-299"},
    {"check http / { interval 2 }", "3:25", "a duration needs a unit", "2s"},
    {"check http / { header host x }", "3:23", "a check writes \"host\" itself", "host NAME"},
    {"check http / { rise 0 }", "3:21", "\"0\" is not allowed here", "1 to 1000"},
    {"check http / { jitter 60% }", "3:23", "\"60%\" is not allowed here", "0% to 50%"},
    {"outlier { status 200 }", "3:18", "is not the status of a server's failure", "500 to 599"},
    {"outlier { max_ejected 0% }", "3:23", "\"0%\" is not allowed here", "1% to 100%"},
    {"fallback c", "3:10", "unknown backend \"c\"", "one of"},
    {"fallback b", "3:10", "the fallbacks of these backends lead in a circle", "must end"},
    {"panic 10", "3:7", "\"10\" is not allowed here", "1% to 100%"},
    {"server u unix:/x; tls { }", "3:1", "there is no name to verify", "server_name NAME"},
};

TEST(ConfigErrors, Backend) {
  for (const Case& each : backend_cases) expect_error(load_in_backend(each.text), each);
  expect_error(load_text("listener a { bind 127.0.0.1:1; route forward b }\n"
                         "backend b { server s 127.0.0.1:2 }\nbackend b { server s 127.0.0.1:2 }"),
               {"", "3:9", "backend \"b\" is defined twice", "2:1"});
}

TEST(ConfigErrors, TooManyFallbacks) {
  // Backends a, b, c ... in a chain, one a line from line 2 on.
  const auto chain = [](char last) {
    std::string text = "listener web { bind 127.0.0.1:80; route forward a }\n";
    for (char name = 'a'; name <= last; ++name)
      text += std::string("backend ") + name + " { server s 127.0.0.1:1; " +
              (name < last ? std::string("fallback ") + static_cast<char>(name + 1) : "") + " }\n";
    return load_text(text);
  };
  EXPECT_TRUE(chain('p').config);
  expect_error(chain('q'), {"", "2:35", "backend \"a\" has more than 15 fallbacks", "at most 16"});
  // Said once, where the longest chain that is too long by one begins.
  const Loaded longer = chain('z');
  EXPECT_EQ(longer.messages(), "11:35: error: backend \"j\" has more than 15 fallbacks\n");
}

const Case route_cases[] = {
    {"route", "3:1", "the route has no action", "write forward"},
    {"route path /x", "3:1", "the route has no action", "write forward"},
    {"route name { header set a b }", "3:1", "the route has no action", "write forward"},
    {"route hst example.com forward a", "3:7", "unknown matcher or action \"hst\"", "\"host\"?"},
    {"route fowrard a", "3:7", "unknown matcher or action \"fowrard\"", "\"forward\"?"},
    {"route path /x fwd a", "3:15", "unknown matcher or action \"fwd\"", "one of host"},
    {"route lua x forward a", "3:7", "\"lua\" does not exist in this version", "reserved"},
    {"route split a 1 b 2", "3:7", "\"split\" does not exist in this version", "reserved"},
    {"route a.b/c close", "3:7", "\"a.b/c\" cannot be the name of a route", "a letter"},
    {"route \"path\" /x close", "3:7", "unknown matcher or action \"path\"", "path"},
    {"route not", "3:7", "\"not\" without a matcher", "not MATCHER"},
    {"route not close", "3:11", "\"not\" stands before a matcher", "not MATCHER"},
    {"route header X", "3:7", "header needs a name and a value", "header NAME VALUE"},
    {"route host", "3:7", "host needs a value", "host VALUE"},
    {"route close now", "3:13", "nothing may follow the action", "before the action"},
    {"route forward", "3:7", "forward has too few values", "write forward BACKEND"},
    {"route ready c", "3:13", "unknown listener \"c\"", "one of"},
    {"route ready a b", "3:15", "nothing may follow", "quote a text"},
    {"route forward c", "3:15", "unknown backend \"c\"", "one of a b"},
    {"route forward a { close }", "3:19", "the route has an action already", "exactly one"},
    {"route { close; forward a }", "3:16", "the route has an action already", "exactly one"},
    {"route respond 199", "3:15", "\"199\" is not allowed here", "200 to 599"},
    {"route respond 204 text", "3:19", "an answer with status 204 has no text",
     "leave the text out"},
    {"route respond 205 text", "3:19", "an answer with status 205 has no text",
     "leave the text out"},
    {"route respond 200 $hst", "3:19", "unknown variable \"$hst\"", "\"$host\"?"},
    {"route method CONNECT respond 200 x", "3:22", "answers CONNECT with a 2xx status",
     "such as 403"},
    {"route method GET method CONNECT { respond 299 }", "3:35", "answers CONNECT with a 2xx status",
     "without method CONNECT"},
    {"route method CONNECT metrics", "3:22", "answers CONNECT with a 2xx status", "forward"},
    {"route method CONNECT ready a", "3:28", "answers CONNECT with a 2xx status", "forward"},
    {"route redirect 200 /x", "3:16", "\"200\" is not a status of a redirect", "301"},
    {"route redirect 301", "3:7", "redirect has too few values", "STATUS URL"},
    {"route redirect 301 'a b'", "3:20", "a URL is not empty", "https"},
    {"route host example.com:80 close", "3:12", "\"example.com:80\" is not a host name",
     "without the port: example.com"},
    {"route host * close", "3:12", "\"*\" is not a host name", "leave the matcher out"},
    {"route host a.*.b close", "3:12", "is not a host name", "*.SUFFIX"},
    {"route path x close", "3:12", "path \"x\" cannot match", "begins with \"/\""},
    {"route path /a\\b close", "3:12", "cannot match", "%5C"},
    {"route path /a/../b close", "3:12", "cannot match", "dot segments"},
    {"route path /a?b close", "3:12", "cannot match", "no query"},
    {"route path /%61 close", "3:12", "cannot match", "decoded before"},
    {"route path /%2a close", "3:12", "cannot match", "capitals"},
    {"route path /%00 close", "3:12", "cannot match", "refused"},
    {"route path /a*b close", "3:12", "cannot match", "only at the end"},
    {"route path /a//* close", "3:12", "cannot match", "one \"/\""},
    {"route path /x close { path_check maybe }", "3:34", "unknown path_check", "on strict off"},
    {"route method get close", "3:14", "method \"get\" never comes", "write GET"},
    {"route method 'G T' close", "3:14", "\"G T\" is not a method", "GET"},
    {"route header X_A 1 close", "3:14", "header \"X_A\" never comes", "drops fields"},
    {"route header 'X:' 1 close", "3:14", "is not the name of a header", "NAME VALUE"},
    {"route client 10.0.0.0/99 close", "3:14", "not a number from 0 to 32", "10.0.0.0/8"},
    {"route protocol h3 close", "3:16", "unknown protocol \"h3\"", "h2"},
    {"route client_cert issuer x close", "3:19", "unknown part of a certificate \"issuer\"",
     "subject"},
    {"route close { timeout idle 1s }", "3:23", "timeout \"idle\" is not allowed here", "listener"},
    {"route close { balance p2c }", "3:15", "\"balance\" is not allowed in a route", "backend"},
    {"route x close\nroute x path /b close", "4:1", "route \"x\" is defined twice", "3:1"},
};

TEST(ConfigErrors, Route) {
  for (const Case& each : route_cases) expect_error(load_route(each.text), each);
}

TEST(ConfigErrors, RegularExpressions) {
  const Loaded loaded = load_text(
      "listener web { bind 127.0.0.1:1\n"
      "route path_regex '(' respond 200\n"
      "route path /x close\n"
      "route nonsense }\n"
      "backend b { server s 127.0.0.1:2\n"
      "check http GET / { body regex 'a**)' } }");
  const Case cases[] = {
      {"path_regex", "2:18", "regular expression, at offset 1: missing closing", "pcre2pattern"},
      {"nonsense", "4:1", "the route has no action", ""},
      {"body regex", "6:31", "regular expression, at offset", "pcre2pattern"}};
  for (const Case& each : cases) expect_error(loaded, each);
}

TEST(ConfigErrors, AllAtOnceInOrder) {
  const Loaded loaded = load_text(
      "workers 0\nlistener a {\n  bind x:1\n  route forward c\n}\nbackend b { balance x; server s "
      "1.1.1.1:1 }\n");
  EXPECT_EQ(loaded.messages(),
            "1:9: error: \"0\" is not a number of workers\n"
            "3:8: error: \"x\" is not an IP address\n"
            "4:17: error: unknown backend \"c\"\n"
            "6:21: error: unknown balance method \"x\"\n");
}

TEST(ConfigErrors, LookLikeThis) {
  const Loaded loaded = load_in_backend("\tbalance leastconn; server s 1.1.1.1:1");
  EXPECT_EQ(loaded.diagnostics.text(),
            "weir.conf:3:10: error: unknown balance method \"leastconn\"\n"
            "\tbalance leastconn; server s 1.1.1.1:1\n"
            "\t        ^\n"
            "hint: did you mean \"least_request\"?\n");
}

TEST(ConfigErrors, LongLinesAreCutAndManyErrorsCounted) {
  std::string text = "user ";
  for (int i = 0; i < 2000; ++i) text += "\x01";
  const Loaded loaded = load_text(text);
  EXPECT_EQ(loaded.diagnostics.all().size(), Diagnostics::most_kept);
  EXPECT_GT(loaded.diagnostics.count(Severity::Error), 2000U);
  for (const Diagnostic& diagnostic : loaded.diagnostics.all())
    EXPECT_LE(diagnostic.line.size(), 160U);
  EXPECT_NE(loaded.diagnostics.text().find("more errors"), std::string::npos);
}

TEST(ConfigErrors, CaretCountsCharactersNotBytes) {
  const Loaded loaded = load_text("user \"\xc3\xa4\" x");
  EXPECT_NE(loaded.diagnostics.text().find("\n         ^\n"), std::string::npos)
      << loaded.diagnostics.text();
}

}  // namespace
}  // namespace weir::config
