// SPDX-License-Identifier: Apache-2.0
//
// `explain request`: what the policies of the chosen route would do, and what follows from that.
#include "admin/explain.h"
#include "config/loading.h"
#include "fakes/fake_fleet.h"
#include "fakes/manual_clock.h"
#include "filter/table.h"
#include "upstream/balancers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::admin {
namespace {

config::Config loaded(const std::string& text) {
  config::World world;
  world.files["weir.conf"] = text;
  config::Diagnostics diagnostics;
  auto config = config::load("weir.conf", world.reader(),
                             {filter::kinds(), upstream::balancer_kinds()}, diagnostics);
  EXPECT_TRUE(config) << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
  return config ? std::move(*config) : config::Config();
}

struct ExplainRequestTest : testing::Test {
  /// A listener with these lines, the first of which is the third of the file.
  void configure(const std::string& lines) {
    const std::string text = "listener web {\nbind 127.0.0.1:8080\n" + lines +
                             "\n}\nbackend api { server a 127.0.0.1:9000 }\n";
    around.config = loaded(text);
    around.registry.load();
    auto next = std::make_shared<View>();
    auto its = std::make_unique<config::Config>(loaded(text));
    route = &its->listeners[0].routes[0];
    next->config = std::move(its);
    next->routes.push_back(*proxy::RouteTable::build(next->config->listeners[0]));
    view = next;
    around.fleet.view = next;
  }
  /// The rows of such a step, "what > outcome @ place", with ' for quotes; the first line is in `reply`.
  std::vector<std::string> rows(std::vector<std::string> words, std::string_view step) {
    reply = Reply();
    explain_request({around.fleet, caller, words, true}, reply);
    EXPECT_TRUE(reply.is_ok()) << reply.text;
    std::string all, begin = "\"step\":\"" + std::string(step) + "\"";
    while (reply.body && reply.body->next(all)) {
    }
    for (std::size_t at; (at = all.find("\\\"")) != std::string::npos;) all.replace(at, 2, "'");
    std::vector<std::string> found;
    for (std::size_t at = all.find(begin); at != std::string::npos; at = all.find(begin, at + 1))
      found.push_back(member(all, "what", at) + " > " + member(all, "outcome", at) + " @ " +
                      member(all, "place", at));
    return found;
  }
  std::vector<std::string> policies(const std::string& path) {
    return rows({"GET", path}, "policy");
  }
  static std::string member(const std::string& json, const std::string& name, std::size_t at) {
    const std::string begin = "\"" + name + "\":\"";
    const std::size_t from = json.find(begin, at) + begin.size();
    return json.substr(from, json.find('"', from) - from);
  }

  test::ManualClock clock;
  event::Loop loop{clock};
  test::FakeFleet around{loop};
  Caller caller;
  std::shared_ptr<const View> view;
  config::Route* route = nullptr;  ///< the first one
  Reply reply;
};

using Rows = std::vector<std::string>;

TEST_F(ExplainRequestTest, EachPolicyHasItsLineAndItsPlace) {
  configure(
      "header set X-From $client_addr\n"
      "route path /a/* {\n"
      "rewrite path ^/a(/.*) $1\n"
      "header add X-Path $forward_path\n"
      "response_header set X-By $server\n"
      "forward api }\n"
      "route forward api");
  EXPECT_EQ(policies("/a/b"),
            (Rows{"header set X-From '$client_addr' > sets X-From: 127.0.0.1 @ weir.conf:3",
                  "rewrite path ^/a(/.*) '$1' > the path becomes /b @ weir.conf:5",
                  "header add X-Path '$forward_path' > adds X-Path: /b @ weir.conf:6",
                  "response_header set X-By '$server' > on the answer: sets X-By: $server @ "
                  "weir.conf:7"}));
  EXPECT_EQ(reply.text.substr(0, 6), "route ");
  EXPECT_EQ(policies("/c"),
            Rows{"header set X-From '$client_addr' > sets X-From: 127.0.0.1 @ weir.conf:3"});
}

// They stand before it, but happen behind it.
TEST_F(ExplainRequestTest, WhatIsSetOnTheAnswerIsOfTheRequestThatServersGet) {
  configure(
      "response_header set X-Path $forward_path\n"
      "route { rewrite path ^/a /b; forward api }");
  EXPECT_EQ(
      policies("/a")[0],
      "response_header set X-Path '$forward_path' > on the answer: sets X-Path: /b @ weir.conf:3");
}

TEST_F(ExplainRequestTest, NoPolicyNoLine) {
  configure("route forward api");
  EXPECT_EQ(policies("/"), Rows{});
  EXPECT_EQ(rows({"GET", "/"}, "backend").size(), 1U);
}

TEST_F(ExplainRequestTest, WhoAnswersEndsTheWay) {
  configure(
      "route {\nheader set X-A 1\nrewrite path ^(/.*) $2\nheader set X-B 2\n"
      "response_header set X-C 3\nforward api }");
  EXPECT_EQ(policies("/"),
            (Rows{"header set X-A '1' > sets X-A: 1 @ weir.conf:4",
                  "rewrite path ^(/.*) '$2' > answers 400: request_target: The request target is "
                  "malformed. @ weir.conf:5",
                  "header set X-B '2' > the request does not come here @ weir.conf:6",
                  "response_header set X-C '3' > on the answer: sets X-C: 3 @ weir.conf:7"}));
  EXPECT_EQ(reply.text, "answered 400 by rewrite");
  EXPECT_EQ(rows({"GET", "/"}, "answer"),
            Rows{"400 > request_target: The request target is malformed. @ weir.conf:5"});
  EXPECT_EQ(rows({"GET", "/"}, "backend"), Rows{});
}

TEST_F(ExplainRequestTest, APathThatMayNotGoOutIsRefused) {
  configure(
      "route path /off { path_check off; rewrite path .* /a/..%2fb; forward api }\n"
      "route path /bad { rewrite path .* /a%zz; forward api }\n"
      "route { rewrite path .* /a/..%2fb; forward api }");
  EXPECT_EQ(rows({"GET", "/"}, "backend"), Rows{});
  EXPECT_EQ(reply.text, "refused ambiguous_path");
  EXPECT_EQ(rows({"GET", "/bad"}, "backend"), Rows{});
  EXPECT_EQ(reply.text, "refused request_target");
  EXPECT_EQ(rows({"GET", "/off"}, "backend").size(), 1U);
}

TEST_F(ExplainRequestTest, AnAnswerOfTheRouteIsToldAsItWillBe) {
  configure(
      "route path /moved/* { rewrite path ^/moved(/.*) $1\n"
      "redirect 301 https://$host$forward_path }\n"
      "route path /hello respond 200 \"hello $header_x_user\"\n"
      "route respond 200 hello");
  EXPECT_EQ(rows({"GET", "http://a.test/moved/x"}, "answer"),
            Rows{"301 > https://a.test/x @ weir.conf:4"});
  EXPECT_EQ(rows({"GET", "/hello", "X-User=alice"}, "answer"),
            Rows{"200 > hello alice @ weir.conf:5"});
  EXPECT_EQ(rows({"GET", "/"}, "answer"), Rows{}) << "the row of the route has it";
}

TEST_F(ExplainRequestTest, FactoriesAreBuiltForTheChosenRouteAndKept) {
  configure("header set X-A 1\nroute path /a forward api\nroute forward api");
  EXPECT_EQ(view->filters->size(), 0U);
  EXPECT_EQ(policies("/a").size(), 1U);
  EXPECT_EQ(view->filters->size(), 1U);
  const FilterFactory* const built = view->filters->of(*view->config, *route)[0]->get();
  EXPECT_EQ(policies("/a").size(), 1U);
  EXPECT_EQ(view->filters->of(*view->config, *route)[0]->get(), built);
  EXPECT_EQ(view->filters->size(), 1U);
}

// Such as one that reads a file: this process has a right to none.
TEST_F(ExplainRequestTest, APolicyThatCannotBeBuiltHereSaysSo) {
  configure("route { header set X-A 1; header set X-B 2; forward api }");
  route->policies[0].values = {"set", "bad name", "1"};
  const Rows told = policies("/");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_NE(told[0].find("cannot be told: weir.conf:3"), std::string::npos) << told[0];
  EXPECT_NE(told[1].find("sets X-B: 2"), std::string::npos) << told[1];
  EXPECT_EQ(rows({"GET", "/"}, "backend").size(), 1U);
}

TEST_F(ExplainRequestTest, ARequestThatIsRefusedMeetsNone) {
  configure("max_body 1k\nroute { header set X-A 1; forward api }");
  EXPECT_EQ(rows({"POST", "/", "Content-Length=2000"}, "policy"), Rows{});
  EXPECT_EQ(reply.text, "refused request_body_too_large");
}

TEST_F(ExplainRequestTest, PoliciesSeeWhatIsSaidOfTls) {
  configure(
      "header set X-Tls \"$scheme,$tls_server_name,$client_cert_subject\"\n"
      "route forward api");
  const auto told = [this](std::vector<std::string> words) {
    const Rows all = rows(std::move(words), "policy");
    return all.empty()
               ? ""
               : all[0].substr(all[0].find("> ") + 2, all[0].find(" @") - all[0].find("> ") - 2);
  };
  EXPECT_EQ(told({"GET", "/"}), "sets X-Tls: http,,");
  EXPECT_EQ(told({"GET", "https://a.test/"}), "sets X-Tls: https,a.test,");
  EXPECT_EQ(told({"GET", "/", "sni=b.test", "client_cert_subject=CN=alice"}),
            "sets X-Tls: https,b.test,CN=alice");
}

TEST_F(ExplainRequestTest, PoliciesOfAFallbackHoldOnlyThere) {
  configure(
      "route { header set X-Route 1; forward first } }\n"
      "backend first { server f 127.0.0.1:9001; fallback spare; header set X-First 1 }\n"
      "backend spare { server s 127.0.0.1:9002; header set X-Spare 1; response_header set X-S 1");
  EXPECT_EQ(policies("/"), (Rows{"header set X-First '1' > sets X-First: 1 @ weir.conf:4",
                                 "header set X-Spare '1' > only at a fallback @ weir.conf:5",
                                 "response_header set X-S '1' > only at a fallback @ weir.conf:5",
                                 "header set X-Route '1' > sets X-Route: 1 @ weir.conf:3"}));
}

TEST_F(ExplainRequestTest, AFallbackThatIsUsedTellsOfItsOwnPolicies) {
  configure(
      "route { header set X-Route 1; forward first } }\n"
      "backend first { server f 127.0.0.1:9001 weight 0; fallback spare; header set X-First 1 }\n"
      "backend spare { server s 127.0.0.1:9002; header set X-Spare 1; response_header set X-S 1");
  const Rows all = policies("/");
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[4], "header set X-Spare '1' > sets X-Spare: 1 @ weir.conf:5");
  EXPECT_EQ(all[5], "response_header set X-S '1' > on the answer: sets X-S: 1 @ weir.conf:5");
}

}  // namespace
}  // namespace weir::admin
