// SPDX-License-Identifier: Apache-2.0
//
// The table of failures: every row is whole, and only what a server did is tried again.
#include "http/failure.h"

#include "http/h1_writer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <string_view>

namespace weir::http {
namespace {

TEST(Failures, EachRowIsWhole) {
  std::set<std::string_view> names;
  for (int i = 1; i < static_cast<int>(Failure::Count); ++i) {
    const FailureTraits& row = traits(static_cast<Failure>(i));
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos);
    EXPECT_EQ(row.error.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos);
    EXPECT_FALSE(row.error.empty()) << row.name;
    EXPECT_TRUE(row.words.ends_with('.')) << row.name;
    EXPECT_TRUE(row.status == 0 || row.status == 499 || !reason_phrase(row.status).empty())
        << row.name;
    EXPECT_EQ(row.name.starts_with("request_") && row.name != "request_timeout",
              row.blame == Blame::Client && !row.name.starts_with("client_") &&
                  row.name != "method_not_allowed" && row.name != "ambiguous_path")
        << row.name;
  }
}

// What no server has looked at may have been given up by weir itself.
TEST(Failures, OnlyServersAreAskedAgain) {
  for (int i = 0; i < static_cast<int>(Failure::Count); ++i) {
    const FailureTraits& row = traits(static_cast<Failure>(i));
    EXPECT_TRUE(row.again == Again::No || row.again == Again::Elsewhere ||
                row.blame == Blame::Server)
        << row.name;
  }
  EXPECT_EQ(traits(Failure::ConnectRefused).again, Again::Safe);
  EXPECT_EQ(traits(Failure::ServerClosed).again, Again::IfIdempotent);
  EXPECT_EQ(traits(Failure::ResponseSyntax).again, Again::No);
  EXPECT_EQ(traits(Failure::None).again, Again::No);
}

// RFC 9209 §2.3: the status that each error type recommends; 0 = whatever fits.
TEST(Failures, ErrorTypesHaveTheirStatus) {
  const std::map<std::string_view, std::uint16_t> recommended = {
      {"connection_limit_reached", 503},
      {"connection_read_timeout", 504},
      {"connection_refused", 502},
      {"connection_terminated", 502},
      {"connection_timeout", 504},
      {"connection_write_timeout", 504},
      {"destination_ip_unroutable", 502},
      {"destination_not_found", 500},
      {"destination_unavailable", 503},
      {"dns_error", 502},
      {"dns_timeout", 504},
      {"http_protocol_error", 502},
      {"http_request_denied", 403},
      {"http_request_error", 0},
      {"http_response_body_size", 502},
      {"http_response_header_section_size", 502},
      {"http_response_header_size", 502},
      {"http_response_incomplete", 502},
      {"http_response_timeout", 504},
      {"http_response_transfer_coding", 502},
      {"http_upgrade_failed", 502},
      {"proxy_configuration_error", 500},
      {"proxy_internal_error", 500},
      {"proxy_internal_response", 0},
      {"proxy_loop_detected", 502},
      {"tls_alert_received", 502},
      {"tls_certificate_error", 502},
      {"tls_protocol_error", 502},
  };
  for (int i = 1; i < static_cast<int>(Failure::Count); ++i) {
    const FailureTraits& row = traits(static_cast<Failure>(i));
    const auto found = recommended.find(row.error);
    ASSERT_NE(found, recommended.end()) << row.error << " is no error type of RFC 9209";
    // A failure without a status closes the connection; 499 is for the log.
    if (row.status == 0 || row.status == 499) continue;
    // These say more than what is recommended: no route is no such resource; RFC 8470 has 425.
    if (row.name == "no_route" || row.name == "early_data") continue;
    EXPECT_TRUE(found->second == 0 || found->second == row.status) << row.name;
    EXPECT_TRUE(row.error != "http_request_error" || row.status / 100 == 4 || row.status == 501 ||
                row.status == 505)
        << row.name;
  }
}

}  // namespace
}  // namespace weir::http
