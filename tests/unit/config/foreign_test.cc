// SPDX-License-Identifier: Apache-2.0
//
// Hints for words of other proxies: that each can appear, names words that weir has, and reaches whoever
// writes such a configuration.
#include "config/foreign.h"

#include "base/text.h"
#include "config/loading.h"
#include "config/matchers.h"
#include "config/variables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace weir::config {
namespace {

TEST(Foreign, WordsAreLowerCaseAndDifferent) {
  for (const ForeignTable& table : foreign_tables()) {
    std::set<std::pair<std::string_view, std::uint16_t>> seen;
    for (const ForeignWord& each : table.words) {
      EXPECT_EQ(to_lower(each.word), each.word);
      EXPECT_FALSE(each.hint.empty()) << each.word;
      EXPECT_FALSE(each.hint.ends_with('.')) << each.word;
      EXPECT_TRUE(seen.insert({each.word, each.contexts}).second) << each.word << " twice";
    }
  }
}

// A word that weir comes to understand must lose its hint.
TEST(Foreign, NoWordIsUnderstoodWhereItHasAHint) {
  for (const ForeignTable& table : foreign_tables())
    for (const ForeignWord& each : table.words) {
      if (table.what == "directive" && each.contexts != any_context) {
        EXPECT_EQ(find_directive(each.word, each.contexts), nullptr) << each.word;
      } else if (table.what == "directive") {
        EXPECT_EQ(find_directive(each.word, any_context), nullptr) << each.word;
      } else if (table.what == "matcher or action") {
        EXPECT_FALSE(is_route_word(each.word)) << each.word;
      } else if (table.what == "timeout") {
        for (const TimeoutKind& kind : timeout_kinds()) EXPECT_NE(kind.name(), each.word);
      } else if (table.what == "variable") {
        EXPECT_FALSE(parse_template(concat("$", each.word))) << each.word;
      }
    }
}

// "write bind ADDRESS ..." is of use only as long as there is a `bind`.
TEST(Foreign, HintsNameWordsThatExist) {
  const std::set<std::string_view> ours = {"a", "an", "as", "in", "the", "routes", "not"};
  const std::set<std::string_view> options = {"weight", "max_in_flight", "h2", "http/1.1"};
  for (const ForeignTable& table : foreign_tables())
    for (const ForeignWord& each : table.words) {
      if (!each.hint.starts_with("write ")) continue;
      std::string_view word = each.hint.substr(6);
      word = word.substr(0, word.find_first_of(" ,;:"));
      const bool method =
          table.what == "balance method" &&
          find_directive("balance", InBackend)->arguments.find(word) != std::string_view::npos;
      const bool variable = word.starts_with('$') && parse_template(word);
      EXPECT_TRUE(find_directive(word, any_context) || is_route_word(word) || ours.contains(word) ||
                  options.contains(word) || method || variable ||
                  std::any_of(std::begin(test_filters), std::end(test_filters),
                              [word](const FilterKind& kind) { return kind.word == word; }))
          << each.word << ": " << each.hint;
    }
}

struct Case {
  std::string_view text, message, hint;
};

// What a newcomer writes, in every place where words are read.
const Case cases[] = {
    {"worker_processes 4", "unknown directive \"worker_processes\"", "write workers N"},
    {"http { server { listen 80 } }", "unknown directive \"http\"", "top level of the file"},
    {"server { listen 80 }", "\"server\" is not allowed at the top level", "is a listener here"},
    {"upstream api { server 10.0.0.1:80 }", "unknown directive \"upstream\"", "backend NAME"},
    {"frontend web { bind 127.0.0.1:1 }", "unknown directive \"frontend\"", "listener NAME"},
    {"listener web { listen 80 }", "unknown directive \"listen\"", "bind ADDRESS"},
    {"listener web { server_name a.example }", "\"server_name\" is not allowed in a listener",
     "matcher host"},
    {"listener web { location /a { proxy_pass http://b } }", "unknown directive \"location\"",
     "route path"},
    {"listener web { http2 on }", "unknown directive \"http2\"", "on by default"},
    {"listener web { bind 127.0.0.1:1 proxy_protocol }",
     "unknown option of an address \"proxy_protocol\"", "PROXY protocol"},
    {"listener web { bind 127.0.0.1:1 ssl }", "unknown option of an address \"ssl\"", "tls"},
    {"listener web { bind 8080 }", "\"8080\" has no address", "0.0.0.0:8080"},
    {"listener web { bind :8080 }", "\":8080\" has no address", "0.0.0.0:8080"},
    {"listener web { bind *:8080 }", "\"*:8080\" has no address", "0.0.0.0:8080"},
    {"listener web { timeout idle 0 }", "a time of 0 is not allowed", "write none"},
    {"listener web { timeout idle 0s }", "a time of 0s is not allowed", "write none"},
    {"listener web { timeout client 30s }", "unknown timeout \"client\"", "timeout body"},
    {"listener web { default_backend b }", "unknown directive \"default_backend\"",
     "route forward"},
    {"listener web { route path /a return 403 }", "unknown matcher or action \"return\"",
     "respond STATUS"},
    {"listener web { route path /a { return 403 } }", "unknown directive \"return\"", "respond"},
    {"listener web { route path /a proxy_pass http://10.0.0.1 }",
     "unknown matcher or action \"proxy_pass\"", "forward BACKEND"},
    {"listener web { route PathPrefix /a forward b }", "unknown matcher or action", "path /a/*"},
    {"listener web { route deny }", "the route has no action", "respond 403"},
    {"listener web { route /a forward b }", "\"/a\" without a matcher", "write path /a"},
    {"listener web { route forward 10.0.0.1:80 }", "there is no backend \"10.0.0.1:80\"",
     "backend b { server"},
    {"listener web { route respond 200 '$remote_addr' }", "unknown variable \"$remote_addr\"",
     "$client_addr"},
    {"listener web { route respond 200 '$http_x_id' }", "unknown variable \"$http_x_id\"",
     "$header_x_id"},
    {"backend b { server a http://10.0.0.1:8080 }", "\"http://10.0.0.1:8080\" is a URL",
     "write 10.0.0.1:8080"},
    {"backend b { server a https://app.internal/x }", "is a URL", "app.internal:443, and tls"},
    {"backend b { 10.0.0.1:8080 }", "unknown directive \"10.0.0.1:8080\"", "write server NAME"},
    {"backend b { balance leastconn }", "unknown balance method \"leastconn\"",
     "did you mean \"least_request\"?"},
    {"backend b { server a 10.0.0.1:80 check inter 2s }", "unknown option of a server \"check\"",
     "check http"},
    {"backend b { option httpchk }", "unknown directive \"option\"", "check http is httpchk"},
    {"backend b { check httpchk /a }", "unknown kind of check \"httpchk\"", "check http GET"},
    {"listener web { bind 127.0.0.1:1 tls http2 }", "unknown option of an address \"http2\"",
     "on by default"},
    {"listener web { forward b }", "\"forward\" is not allowed in a listener",
     "write route forward b"},
    {"listener web { route / forward b }", "\"/\" without a matcher", "takes everything"},
    {"listener web { route path /a rewrite x y forward b }", "is no matcher and no action",
     "in the block of the route"},
    {"listener web { max_body 0 }", "a max_body of 0 is not allowed", "write none"},
    {"backend b { server a 10.0.0.1:80 weight=3 }", "\"weight=3\" is not an option",
     "write weight 3"},
    {"backend b { server a /run/a.sock }", "\"/run/a.sock\" is a path", "unix:/run/a.sock"},
    {"backend b { protocol http2 }", "unknown protocol \"http2\"", "write h2"},
    {":8080 { reverse_proxy 127.0.0.1:9000 }", "unknown directive \":8080\"", "listener NAME"},
    {"a.example { respond hi }", "unknown directive \"a.example\"", "route host a.example"},
    {"access_log /var/log/a combined", "\"combined\" is not allowed here", "format combined"},
};

TEST(Foreign, WhoeverWritesOneGetsTheHint) {
  for (const Case& each : cases) {
    const Loaded loaded = load_text(std::string(each.text));
    const auto& all = loaded.diagnostics.all();
    const auto fits = [&](const Diagnostic& diagnostic) {
      return diagnostic.message.find(each.message) != std::string::npos &&
             diagnostic.hint.find(each.hint) != std::string::npos;
    };
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), fits)) << each.text << "\n"
                                                           << loaded.diagnostics.text();
  }
}

// Of what follows from an error nothing is said.
TEST(Foreign, OneMistakeIsToldOnce) {
  const char* texts[] = {"listener l { bind 80; route close }",
                         "listener l { bind 127.0.0.1:1 ssl http2; route close }",
                         "listener l { bind 127.0.0.1:1; route respond 200 '$nosuch' }"};
  for (const char* text : texts) {
    const std::string messages = load_text(text).messages();
    EXPECT_EQ(std::count(messages.begin(), messages.end(), '\n'), 1) << messages;
  }
}

TEST(Foreign, AllUnknownVariablesOfATextAreTold) {
  const std::string messages =
      load_text("log_format a '$remote_addr $status $request_time $ $upstream_addr'").messages();
  for (const char* name : {"$remote_addr", "$request_time", "$upstream_addr"})
    EXPECT_NE(messages.find(name), std::string::npos) << messages;
  EXPECT_NE(messages.find("without a variable's name"), std::string::npos) << messages;
}

TEST(Foreign, ARouteNamedLikeAHostIsWarnedOf) {
  const Loaded loaded = load_text("listener l { bind 127.0.0.1:1; route example.com close }");
  EXPECT_NE(loaded.messages().find("has no matcher and takes every host"), std::string::npos)
      << loaded.messages();
}

TEST(Foreign, HelpKnowsThem) {
  const Help help = help_directive("proxy_pass");
  EXPECT_FALSE(help.is_known);
  EXPECT_NE(help.text.find("forward BACKEND"), std::string::npos) << help.text;
}

TEST(Foreign, ManualListsThem) {
  const std::string list = foreign_mdoc();
  for (const ForeignTable& table : foreign_tables())
    for (const ForeignWord& each : table.words)
      EXPECT_NE(list.find(concat(".It Li ", each.word, " Pq ")), std::string::npos) << each.word;
}

}  // namespace
}  // namespace weir::config
