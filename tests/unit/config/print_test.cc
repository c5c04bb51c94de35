// SPDX-License-Identifier: Apache-2.0
//
// What is printed loads again to the same, and tells where each value is from.
#include "config/print.h"

#include "config/loading.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace weir::config {
namespace {

std::string without_comments(const std::string& text) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    if (const std::size_t comment = line.rfind(" # "); comment != std::string::npos)
      line.erase(line.find_last_not_of(' ', comment) + 1);
    out += line + "\n";
    begin = end + 1;
  }
  return out;
}

// What is printed loads again, to something that prints the same but for the places.
void expect_round_trip(const Config& config) {
  const std::string printed = print_effective(config);
  const Loaded again = load_text(printed);
  ASSERT_TRUE(again.config) << again.diagnostics.text() << printed;
  EXPECT_EQ(without_comments(print_effective(*again.config)), without_comments(printed));
}

TEST(Print, TellsWhereEachValueIsFrom) {
  const Loaded loaded = load_text(
      "listener web { bind 127.0.0.1:8080\n max_header 16k\n route path /a redirect 301 /b }\n");
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  const std::string printed = print_effective(*loaded.config);
  for (const char* line :
       {"workers 4                                               # default\n",
        "listener web {                                          # weir.conf:1\n",
        "    max_header 16k                                      # weir.conf:2\n",
        "    max_fields 100                                      # default\n",
        "    timeout header 10s                                  # default\n",
        "    route path /a {                                     # weir.conf:3\n",
        "        redirect 301 \"/b\"                               # weir.conf:3\n"})
    EXPECT_NE(printed.find(line), std::string::npos) << line << printed;
  expect_round_trip(*loaded.config);
}

TEST(Print, EveryDirectiveSurvives) {
  const Loaded loaded = load_text(R"weir(
workers 3; user weir; group web; chroot /srv; pid_file "/run/a b.pid"; jit off
error_log syslog level debug; access_log '/var/log/${x}.log' flush 250ms format own buffer 128k
log_format own "\"$status\" \$5 \\ $header_x_y\n"
max_connections 5; body_memory 64m; shutdown_timeout 90s; drain_delay 7s; stall_timeout none; upgrade_timeout 40s; trusted_proxies 10.0.0.0/8 ::1; trusted_proxies unix: 10.1.0.0/16 { fields x-forwarded-port forwarded }; nameserver 1.1.1.1; nameserver ::1
listener a { bind [::1]:80; bind unix:/run/a.sock { mode 0640; group g }; bind unix:/run/b.sock; bind 127.0.0.1:0; protocol http; protocols http/1.1
  max_header 64k; max_fields 7; max_line 1k; max_requests 3; max_streams 7; stream_buffer 16k; stream_window 2m; max_lifetime 1h; max_body 1m; retry 3 on 503,500; client_close abort; tcp_keepalive none; path_check strict
  timeout header 1s body 2s send 3s idle 4s request 5s tunnel none connect 6s first_byte 7s read 8s queue 9s
  header set X "a $host \$"; shine a 'b c' '$d' "" '#'
  route host *.x path /a/* path_regex '^/(a|b)$' method GET not header Accept 'a "b" \' query 'q q' v cookie c d \
        close
  route host *.x path "/\"\"" not client 10.0.0.0/8 respond 200 "x\t\"$path\" \${HOME} $$"
  route path /ready ready; route path /ready/b ready a
  route r path /r { timeout read none; max_body none; retry none; client_close finish; header none; rewrite path '^/(\d+)$' '/$1'; path_check off; forward b }
}
backend b { balance random; keepalive none; max_queue 0; max_header 128k; max_fields 300; max_line 16k; timeout idle 3s connect 1s send 4s; retry 1 on connect_error; tcp_keepalive 1m
  server s1 unix:/run/b.sock weight 0; server s2 name:1 weight 5 max_in_flight 6 backup }
)weir");
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  EXPECT_EQ(loaded.messages(), "");
  const Config& first = *loaded.config;
  EXPECT_EQ(first.listeners[0].routes[1].action.text, "x\t\"$path\" $${HOME} $$");
  EXPECT_EQ(first.access_log.path, "/var/log/${x}.log");
  expect_round_trip(first);
  const Loaded again = load_text(print_effective(first));
  ASSERT_TRUE(again.config);
  const Config& second = *again.config;
  EXPECT_EQ(second.access_log.format, first.access_log.format);
  EXPECT_EQ(second.access_log.path, first.access_log.path);
  ASSERT_TRUE(first.access_log.buffer && second.access_log.buffer);
  EXPECT_EQ(second.access_log.buffer->size, 128U << 10);
  EXPECT_EQ(second.access_log.buffer->flush, Milliseconds(250));
  EXPECT_EQ(second.pid_file, first.pid_file);
  EXPECT_EQ(second.listeners[0].routes[1].action.text, first.listeners[0].routes[1].action.text);
  const auto& policies = first.listeners[0].routes[0].policies;
  ASSERT_EQ(policies.size(), 2U);
  for (std::size_t i = 0; i < policies.size(); ++i)
    EXPECT_EQ(second.listeners[0].routes[0].policies[i].values, policies[i].values);
}

TEST(Print, HowLongLogLinesWait) {
  const auto printed = [](const std::string& statement) {
    const Loaded loaded = load_text(statement + "\nlistener a { bind 127.0.0.1:1; route close }");
    EXPECT_TRUE(loaded.config) << loaded.diagnostics.text();
    return without_comments(print_effective(*loaded.config));
  };
  EXPECT_NE(
      printed("access_log /a buffer 4k").find("\naccess_log /a format json buffer 4k flush 1s\n"),
      std::string::npos);
  EXPECT_NE(printed("access_log /a format combined buffer 4m flush 1h")
                .find("\naccess_log /a format combined buffer 4m flush 1h\n"),
            std::string::npos);
  EXPECT_NE(printed("access_log /a").find("\naccess_log /a format json\n"), std::string::npos);
}

// What the listener says holds for answers that no route gives, too, and what a backend says for requests that come there
// as to a fallback: neither is said twice.
TEST(Print, PoliciesStandWhereTheyHold) {
  const Loaded loaded = load_text(
      "listener web { bind 127.0.0.1:80; header set A 1; response_header set B 2; response_header "
      "set C 3\n"
      "  route r1 path /a { response_header none; response_header set D 4; close }\n"
      "  route r2 path /b { header set A 5; forward b }\n"
      "  route r3 close }\n"
      "backend b { server s 127.0.0.1:1; response_header set E 6; header none }\n");
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  const std::string printed = without_comments(print_effective(*loaded.config));
  EXPECT_NE(printed.find("    header set A \"1\"\n"
                         "    response_header set B \"2\"\n"
                         "    response_header set C \"3\"\n"
                         "    route r1 path /a {\n"
                         "        response_header none\n"
                         "        response_header set D \"4\"\n"
                         "        close\n"
                         "    }\n"
                         "    route r2 path /b {\n"
                         "        header set A \"5\"\n"
                         "        forward b\n"
                         "    }\n"
                         "    route r3 {\n"
                         "        close\n"
                         "    }\n"),
            std::string::npos)
      << printed;
  EXPECT_NE(printed.find("    header none\n    response_header set E \"6\"\n"), std::string::npos)
      << printed;
  expect_round_trip(*loaded.config);
  const Loaded again = load_text(printed);
  ASSERT_TRUE(again.config);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& before = loaded.config->listeners[0].routes[i].policies;
    const auto& after = again.config->listeners[0].routes[i].policies;
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t k = 0; k < before.size(); ++k) EXPECT_EQ(before[k].values, after[k].values);
  }
}

TEST(Print, Examples) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("conf/examples")) {
    const auto [config, diagnostics] = load_example(entry.path());
    ASSERT_TRUE(config) << diagnostics.text();
    EXPECT_EQ(diagnostics.text(), "");
    expect_round_trip(*config);
    ++count;
  }
  EXPECT_GE(count, 8);
}

}  // namespace
}  // namespace weir::config
