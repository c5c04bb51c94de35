// SPDX-License-Identifier: Apache-2.0
//
// What one look at a server on a real socket sees, and how it is judged.
#include "upstream/probe.h"

#include <weir/version.h>

#include "upstream/scripted_origin.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;
using enum CheckOutcome;

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string busy = "HTTP/1.1 503 Busy\r\nContent-Length: 8\r\n\r\nstarting";

struct ProbeTest : testing::Test, ProbeEvents {
  void on_probed(CheckOutcome how, std::string what) noexcept override {
    outcome = how;
    seen = std::move(what);
  }

  static config::Check http() {
    config::Check check;
    check.kind = config::Check::Kind::Http;
    check.timeout = 5s;
    return check;
  }

  /// Probes a server that gives this answer; returns what was seen.
  std::string look(const config::Check& check, ScriptedOrigin::Answer answer,
                   bool stays_open = false) {
    ScriptedOrigin origin(loop, {std::move(answer)});
    if (stays_open) {
      origin.stay_open();
      time.pass_while([&] { return !origin.requests().empty() && origin.has_delivered(); });
    }
    Question question{check, nullptr, origin.address(), request_text(check, origin.address())};
    if (!check.body_regex.empty())
      question.body_regex = std::make_shared<const Regex>(*Regex::compile(check.body_regex));
    (new Probe(tools, question, *this))->start();
    play.when([this] { return outcome.has_value(); }).run();
    return seen;
  }

  test::ManualClock clock;
  event::Loop loop{clock};
  test::TimeKeeper time{loop, clock};
  Play play{loop, &time};
  Gather gather;
  std::vector<char> buffer = std::vector<char>(16 * 1024);
  ProbeTools tools{loop, gather, buffer};
  std::optional<CheckOutcome> outcome;
  std::string seen;
};

struct StatusCase {
  std::string answer;
  std::vector<config::StatusRange> expect;
  CheckOutcome outcome;
  std::string seen;
};

class StatusTest : public ProbeTest, public testing::WithParamInterface<StatusCase> {};

TEST_P(StatusTest, DecidesByTheStatus) {
  config::Check check = http();
  check.expect = GetParam().expect;
  EXPECT_EQ(look(check, {GetParam().answer}), GetParam().seen);
  EXPECT_EQ(outcome, GetParam().outcome);
}

const std::vector<config::StatusRange> usual{{200, 399}};
INSTANTIATE_TEST_SUITE_P(
    Probe, StatusTest,
    testing::Values(
        StatusCase{ok, usual, Passed, "200"},
        StatusCase{ok, {{201, 599}, {100, 199}}, Failed, "200, body \"ok\""},
        StatusCase{ok, {{404, 404}, {200, 200}}, Passed, "200"},
        StatusCase{busy, usual, Failed, "503, body \"starting\""},
        StatusCase{busy, {{503, 503}}, Passed, "503"},
        StatusCase{"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", usual, Failed, "404"},
        StatusCase{"HTTP/1.0 500 x\r\n\r\n" + std::string(61, 'x'), usual, Failed,
                   "500, body \"" + std::string(60, 'x') + "...\""},
        StatusCase{"HTTP/1.1 100 Continue\r\n\r\n" + ok, usual, Passed, "200"},
        StatusCase{"HTTP/1.1 500 x\r\nContent-Length: 3\r\n\r\n\"\n\x01", usual, Failed,
                   "500, body \"\\x22\\x0a\\x01\""},
        StatusCase{"", usual, Failed, "connected, closed without an answer"},
        StatusCase{"HTTP/1.1 200 OK\r\nCont", usual, Failed, "connected, answer cut short"},
        StatusCase{"SSH-2.0-OpenSSH_9.2\r\n\r\n", usual, Failed,
                   "connected, bad answer: response_syntax"}));

struct BodyCase {
  std::string contains, regex;
  ScriptedOrigin::Answer answer;
  CheckOutcome outcome;
  std::string seen;
};

class BodyTest : public ProbeTest, public testing::WithParamInterface<BodyCase> {};

TEST_P(BodyTest, DecidesByTheBody) {
  config::Check check = http();
  check.body_contains = GetParam().contains;
  check.body_regex = GetParam().regex;
  EXPECT_EQ(look(check, GetParam().answer), GetParam().seen);
  EXPECT_EQ(outcome, GetParam().outcome);
}

const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
INSTANTIATE_TEST_SUITE_P(
    Probe, BodyTest,
    testing::Values(
        BodyCase{"ok", "", {ok}, Passed, "200"},
        BodyCase{"fine", "", {ok}, Failed, "200, body \"ok\""},
        // What is looked for lies across chunks and pieces.
        BodyCase{
            "ready", "", {chunked + "4\r\n rea\r", "\n3\r\ndy \r\n0\r\n", "\r\n"}, Passed, "200"},
        BodyCase{
            "", "^ready=[0-9]+$", {chunked + "6\r\nready=\r\n2\r\n42\r\n0\r\n\r\n"}, Passed, "200"},
        BodyCase{"",
                 "^ready=[0-9]+$",
                 {chunked + "6\r\nready=\r\n2\r\n4x\r\n0\r\n\r\n"},
                 Failed,
                 "200, body \"ready=4x\""},
        BodyCase{"4", "^ready", {"HTTP/1.0 200 OK\r\n\r\nready=4"}, Passed, "200"},
        BodyCase{
            "5", "^ready", {"HTTP/1.0 200 OK\r\n\r\nready=4"}, Failed, "200, body \"ready=4\""},
        // An expression that gives up has not matched, and says so.
        BodyCase{"",
                 "^(a+)+$",
                 {"HTTP/1.0 200 OK\r\n\r\n", std::string(5000, 'a') + "!"},
                 Failed,
                 "200, regex_limit of body regex, body \"" + std::string(60, 'a') + "...\""},
        BodyCase{"", "^$", {"HTTP/1.1 204 No Content\r\n\r\n"}, Passed, "204"},
        BodyCase{"ok", "", {busy}, Failed, "503, body \"starting\""},
        BodyCase{"ok",
                 "",
                 {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"},
                 Failed,
                 "200, answer cut short"},
        BodyCase{"ok", "", {chunked + "zz\r\n"}, Failed, "200, bad answer: response_framing"},
        // Only the beginning of a large body is looked at.
        BodyCase{"end",
                 "",
                 {"HTTP/1.0 200 OK\r\n\r\n", std::string(Probe::most_body - 3, 'x') + "end"},
                 Passed,
                 "200"},
        BodyCase{"end",
                 "",
                 {"HTTP/1.0 200 OK\r\n\r\n", std::string(Probe::most_body - 2, 'x') + "end"},
                 Failed,
                 "200, body \"" + std::string(60, 'x') + "...\""}));

TEST_F(ProbeTest, HeadHasNoBody) {
  config::Check check = http();
  check.method = "HEAD";
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  check.body_regex = "^$";
  EXPECT_EQ(look(check, {head}), "200");
  EXPECT_EQ(outcome, Passed);
}

TEST(RequestText, SaysWhatTheCheckSays) {
  config::Check check;
  check.path = "/a?b=c";
  const std::string agent = "User-Agent: weir-check/" + std::string(version) + "\r\n";
  EXPECT_EQ(request_text(check, ip4(81)),
            "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:81\r\n" + agent + "Connection: close\r\n\r\n");
  check.method = "POST";
  check.host = "shop.example";
  check.headers = {{"X-A", "1"}, {"X-A", "2"}, {"user-agent", "me"}};
  EXPECT_EQ(request_text(check, ip4(81)),
            "POST /a?b=c HTTP/1.1\r\nHost: shop.example\r\nX-A: 1\r\nX-A: 2\r\nuser-agent: me\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n");
}

TEST_F(ProbeTest, NoEndOfTheBodyInTime) {
  config::Check check = http();
  check.timeout = 20ms;
  check.body_contains = "never";
  EXPECT_EQ(look(check, {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnev"}, true),
            "200, no end in 20ms");
  EXPECT_EQ(outcome, Failed);
}

}  // namespace
}  // namespace weir::upstream
