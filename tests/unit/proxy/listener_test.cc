// SPDX-License-Identifier: Apache-2.0
//
// A listener with real clients in one loop: answers that need no server, who the log says they were for,
// and draining.
#include "proxy/listener.h"

#include "proxy/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

struct ListenerTest : Serving {
  ListenerTest()
      : Serving(one_answer("$client_addr:$client_port $path $status", "$path for $client_addr")) {}
};

TEST_F(ListenerTest, AnswersPipelinedRequestsInOrder) {
  Fd client = connect();
  for (const char* path : {"/1", "/2"}) ask(client, path);
  ask(client, "/3", true);
  std::string heard;
  steps.when([&] { return hear(client, heard); }).run();
  const std::size_t first = heard.find("/1 for unix:"), second = heard.find("/2 for unix:");
  EXPECT_LT(first, second);
  EXPECT_LT(second, heard.find("/3 for unix:"));
  EXPECT_THAT(heard, EndsWith("/3 for unix:"));
  EXPECT_EQ(journal.lines,
            (std::vector<std::string>{"unix::0 /1 200", "unix::0 /2 200", "unix::0 /3 200"}));
  EXPECT_EQ(journal.requests, 3);
}

// A name that a client gave its own socket would otherwise stand in logs and X-Forwarded-For.
TEST_F(ListenerTest, AUnixClientIsNotWhoItSaysItIs) {
  std::string heard;
  Fd client = connect("x\r\nX-Real-IP: 10.0.0.1");
  ask(client, "/", true);
  steps.when([&] { return hear(client, heard); }).run();
  EXPECT_THAT(heard, EndsWith("/ for unix:"));
  EXPECT_EQ(journal.lines, std::vector<std::string>{"unix::0 / 200"});
}

TEST_F(ListenerTest, RefusesWhatItCannotUnderstand) {
  std::string heard;
  Fd client = connect();
  say(client, "GET\r\n\r\n");
  steps.when([&] { return hear(client, heard); }).run();
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(journal.lines, std::vector<std::string>{"unix::0 - 400"});
}

// A filter that a module might bring, with a verdict that its request handler always gives.
class AnyFilter final : public Filter, public FilterFactory {
 public:
  AnyFilter(Verdict verdict, bool answers) : verdict_(verdict), answers_(answers) {}
  Needs needs() const override { return {.request = true, .response = true}; }
  Filter& make(Arena&) const override { return const_cast<AnyFilter&>(*this); }
  Verdict on_request(StreamView& stream) override {
    if (answers_) stream.respond(418, "short");
    return verdict_;
  }
  Verdict on_response(StreamView& stream) override {
    std::string_view host = stream.request().host;
    stream.response().headers.add(stream.arena(), "X-Host", host.empty() ? "none" : host);
    return Verdict::Continue;
  }

 private:
  Verdict verdict_;
  bool answers_;
};

struct FilterTest : ListenerTest {
  /// The answer to these bytes, with such a filter in the only route.
  std::string answer(std::string_view bytes, Verdict verdict, bool answers) {
    add_filter(std::make_shared<AnyFilter>(verdict, answers));
    Fd client = connect();
    say(client, bytes);
    std::string heard;
    steps.when([&] { return hear(client, heard); }).run();
    return heard;
  }
};

constexpr std::string_view last_request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

TEST_F(FilterTest, RespondWithoutAnAnswerIsAnErrorWithAReason) {
  const std::string heard = answer(last_request, Verdict::Respond, false);
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 500 Internal Server Error\r\n"));
  EXPECT_THAT(heard, HasSubstr("Proxy-Status: weir; error=proxy_internal_error\r\n"));
  EXPECT_THAT(heard, HasSubstr(std::string(http::traits(http::Failure::FilterBreach).words)));
  EXPECT_EQ(journal.lines, std::vector<std::string>{"unix::0 / 500"});
}

TEST_F(FilterTest, RespondsWithItsAnswer) {
  const std::string heard = answer(last_request, Verdict::Respond, true);
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 418 "));
  EXPECT_THAT(heard, HasSubstr("X-Host: a\r\n"));
  EXPECT_THAT(heard, EndsWith("\r\n\r\nshort"));
}

TEST_F(FilterTest, AnAnswerWithoutTheVerdictIsNotUsed) {
  EXPECT_THAT(answer(last_request, Verdict::Continue, true), EndsWith("/ for unix:"));
}

TEST_F(FilterTest, WhoSendsARequestToAnotherRouteIsNotAskedAgainThere) {
  EXPECT_THAT(answer(last_request, Verdict::Reroute, false), EndsWith("/ for unix:"));
}

// Filters of the listener see answers to requests that nobody could understand.
TEST_F(ListenerTest, ListenersFiltersSeeAnswersWithoutARequest) {
  config.listeners[0].policies.push_back({"response_header", {"set", "X-Host", "<$host>"}, {}});
  context.snapshot = *Snapshot::build(config, 2, nullptr);
  listener->adopt(context.snapshot->listeners[0]);
  std::string heard;
  Fd client = connect();
  say(client, "GET\r\n\r\n");
  steps.when([&] { return hear(client, heard); }).run();
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(heard, HasSubstr("\r\nX-Host: <>\r\n"));
}

// Who has just had an answer may be about to ask again; who is silent for longer is not.
TEST_F(ListenerTest, DrainsByClosingWhoIsIdle) {
  Fd idle = connect(), busy = connect();
  std::string heard, late;
  std::uint64_t answered = 0;
  ask(idle, "/");
  say(busy, "GET /late HTTP/1.1\r\nHo");
  steps
      .when(
          [&] {
            const shm::ClientsLeft left = listener->go_on();
            return left.idle == 1 && left.busy == 1 && journal.requests == 1;
          },
          [&] {
            listener->set_draining(true);
            listener->stop_accepting(listening.get());
            answered = loop.read_clock();
            time.pass_while([&] { return listener->go_on().idle == 1; });
            const shm::ClientsLeft left = listener->go_on();
            EXPECT_EQ(left.idle, 1U);
            EXPECT_EQ(left.busy, 1U);
          })
      .when([&] { return listener->go_on().idle == 0 && hear(idle, heard); },
            [&] {
              EXPECT_GE(loop.read_clock() - answered, 900'000U);
              say(busy, "st: a\r\n\r\n");
            })
      .when([&] { return listener->go_on().busy == 0 && hear(busy, late); }, [&] { busy.reset(); })
      .when([&] { return listener->sessions() == 0; })
      .run();
  EXPECT_THAT(late, EndsWith("/late for unix:"));
  EXPECT_THAT(late, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(heard, EndsWith("/ for unix:"));
  EXPECT_EQ(listener->sessions(), 0U);
  EXPECT_EQ(journal.connections, 0);
}

TEST_F(ListenerTest, DrainedGivesOneMoreAnswerToWhoAsksInTime) {
  Fd client = connect();
  std::string heard;
  ask(client, "/1");
  steps
      .when([&] { return journal.requests == 1; },
            [&] {
              listener->set_draining(true);
              ask(client, "/2");
            })
      .when([&] {
        (void)listener->go_on();
        return hear(client, heard);
      })
      .run();
  EXPECT_THAT(heard, EndsWith("/2 for unix:"));
  EXPECT_EQ(heard.find("Connection: close"), heard.rfind("Connection: close"));
  EXPECT_NE(heard.find("Connection: close"), std::string::npos);
}

TEST_F(ListenerTest, ExpelsWhoHasNotFinished) {
  Fd idle = connect(), half = connect();
  std::string heard, nothing;
  ask(idle, "/");
  say(half, "GET /late HTTP/1.1\r\nHo");
  steps
      .when(
          [&] {
            const shm::ClientsLeft left = listener->go_on();
            return left.idle == 1 && left.busy == 1 && journal.requests == 1;
          },
          [&] { (void)listener->go_on(true); })
      .when([&] { return hear(idle, heard) && hear(half, nothing); })
      .run();
  EXPECT_THAT(heard, EndsWith("/ for unix:"));
  EXPECT_EQ(nothing, "");
  EXPECT_EQ(listener->sessions(), 0U);
}

}  // namespace
}  // namespace weir::proxy
