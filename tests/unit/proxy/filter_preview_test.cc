// SPDX-License-Identifier: Apache-2.0
//
// What texts come to for a request that nobody has sent: what is known of it, and what stays as it is written.
#include "proxy/filter_preview.h"

#include "config/parsed_text.h"
#include "proxy/exchange.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace weir::proxy {
namespace {

struct FilterPreviewTest : testing::Test {
  FilterPreviewTest() {
    record.listener = &exchange.listener;
    record.route = &exchange.route;
    record.request = &exchange.request;
    record.client_addr = "192.0.2.1";
    certificate.subject = "CN=alice";
    certificate.names = "alice.test";
    certificate.fingerprint = "12ab";
  }
  FilterPreview preview(bool is_tls = false) {
    return {exchange.request, arena, record, {is_tls ? over_tls : plain, is_tls, 77}};
  }
  static std::string expanded(FilterPreview& preview, std::string_view text) {
    const auto parsed = config::ParsedText::parse(text);
    EXPECT_TRUE(parsed) << text;
    return std::string(preview.expand(**parsed));
  }
  static bool knows(const FilterPreview& preview, std::string_view text) {
    return preview.knows(*config::parse_template(text));
  }

  Exchange exchange;
  Arena arena;
  Record record;
  tls::ClientCertificate certificate;
  net::Address client;
  Peer plain{client}, over_tls{client, "a.test", &certificate};
};

TEST_F(FilterPreviewTest, FillsInWhatIsKnown) {
  FilterPreview request = preview();
  EXPECT_EQ(expanded(request, "a $host b"), "a shop.example b");
  EXPECT_EQ(expanded(request, "$client_addr"), "192.0.2.1");
  EXPECT_EQ(expanded(request, "$listener/$route"), "web/route_12");
  EXPECT_EQ(expanded(request, "only text"), "only text");
  EXPECT_EQ(expanded(request, ""), "");
  EXPECT_EQ(request.now(), 77U);
}

// As for a filter of a real request, which has neither a server nor an answer yet.
TEST_F(FilterPreviewTest, NothingOfTheAnswerIsThereForTheRequest) {
  FilterPreview request = preview();
  EXPECT_EQ(expanded(request, "$server|$status|$backend|$t_queue|$response_header_x_cache"),
            "|0||0.000|");
  EXPECT_TRUE(knows(request, "$server"));
}

TEST_F(FilterPreviewTest, WhatDependsOnTheAnswerStaysAsWritten) {
  FilterPreview answer = preview();
  answer.look_at(Direction::Response);
  EXPECT_EQ(expanded(answer, "$host: $server, $status $response_header_x_cache"),
            "shop.example: $server, $status $response_header_x_cache");
  EXPECT_FALSE(knows(answer, "$host $server"));
  answer.look_at(Direction::Request);
  EXPECT_EQ(expanded(answer, "$status"), "0");
}

TEST_F(FilterPreviewTest, WhatOnlyARealRequestHasStaysAsWritten) {
  FilterPreview request = preview();
  for (const char* text : {"$request_id", "$client_port", "$time", "$note_a", "$bytes_in"}) {
    EXPECT_EQ(expanded(request, text), text);
    EXPECT_FALSE(knows(request, text)) << text;
  }
}

TEST_F(FilterPreviewTest, ItIsWhatIsSaidOfTls) {
  FilterPreview clear = preview(), secure = preview(true);
  const std::string shown = "$tls_server_name $client_cert_subject $client_cert_names ";
  EXPECT_EQ(expanded(clear, shown + "$client_cert_fingerprint"), "   ");
  EXPECT_EQ(expanded(secure, shown + "$client_cert_fingerprint"),
            "a.test CN=alice alice.test 12ab");
  EXPECT_EQ(expanded(clear, "<$tls_version$tls_cipher$tls_alpn$tls_resumed>"), "<>");
  EXPECT_EQ(expanded(secure, "<$tls_version>"), "<$tls_version>");
}

TEST_F(FilterPreviewTest, AStreamOfHttp2HasANumber) {
  FilterPreview request = preview();
  EXPECT_EQ(expanded(request, "<$h2_stream>"), "<>");
  exchange.request.protocol = Protocol::Http2;
  EXPECT_EQ(expanded(request, "<$h2_stream>"), "<$h2_stream>");
}

TEST_F(FilterPreviewTest, ItsTextsAreAsSafeAsThoseOfStreams) {
  exchange.request.query = "next=%0d%0aX:1";
  FilterPreview request = preview();
  EXPECT_EQ(expanded(request, "$query_next"), "X:1");
  exchange.request.forward_path = "//evil.test";
  EXPECT_EQ(request.expand(*config::parse_template("$forward_path"), Safety::Url), "/evil.test");
  EXPECT_EQ(request.expand(*config::parse_template("//there.test"), Safety::Url), "//there.test");
}

TEST_F(FilterPreviewTest, ItDoesNothing) {
  FilterPreview request = preview();
  StreamView& view = request;
  view.respond(200, "text");
  view.refuse(Refusal::Failed);
  view.ask({});
  view.sleep(1);
  view.signal().fire();
  view.want_whole(1, Over::Reject);
  view.skip_body();
  view.set_length(1);
  view.note("a", "b");
  EXPECT_EQ(expanded(request, "$note_a"), "$note_a");
  EXPECT_EQ(view.response().status, 0);
}

}  // namespace
}  // namespace weir::proxy
