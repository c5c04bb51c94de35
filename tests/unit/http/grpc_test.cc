// SPDX-License-Identifier: Apache-2.0
//
// What a proxy knows of gRPC, and of what comes before WebSocket.
#include "http/grpc.h"

#include "http/messages.h"
#include "http/websocket.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

TEST(Grpc, Calls) {
  const auto calls = [](std::string_view type) {
    const auto parsed = test::request_with("Content-Type: " + std::string(type) + "\r\n");
    return is_grpc(parsed.head);
  };
  EXPECT_TRUE(calls("application/grpc"));
  EXPECT_TRUE(calls("application/grpc+proto"));
  EXPECT_TRUE(calls("Application/GRPC;x=y"));
  EXPECT_FALSE(calls("application/grpc-web"));
  EXPECT_FALSE(calls("application/json"));
}

TEST(Grpc, Timeouts) {
  const auto timeout = [](std::string_view value) {
    const auto parsed = test::request_with("grpc-timeout: " + std::string(value) + "\r\n");
    return grpc_timeout(parsed.head);
  };
  EXPECT_EQ(timeout("1S"), 1'000'000U);
  EXPECT_EQ(timeout("2M"), 120'000'000U);
  EXPECT_EQ(timeout("99999999H"), 99'999'999ULL * 3'600'000'000);
  EXPECT_EQ(timeout("5m"), 5'000U);
  EXPECT_EQ(timeout("7u"), 7U);
  EXPECT_EQ(timeout("1n"), 1U) << "not for ever";
  for (const char* bad : {"", "S", "1", "1s", "-1S", "123456789S", "1 S"})
    EXPECT_FALSE(timeout(bad)) << bad;
}

TEST(Grpc, Statuses) {
  EXPECT_EQ(grpc_status(Failure::NoRoute), 12);
  EXPECT_EQ(grpc_status(Failure::ConnectRefused), 14);
  EXPECT_EQ(grpc_status(Failure::RequestTimeout), 4);
  EXPECT_EQ(grpc_status(Failure::FilterFailed), 2);
  EXPECT_EQ(grpc_status(Failure::ResponseTruncated), 14);
  EXPECT_EQ(grpc_status(Failure::ReadTimeout), 4);
}

// What a server's RST_STREAM says to a client that cannot see it (PROTOCOL-HTTP2.md, "Errors").
TEST(Grpc, StatusesOfResets) {
  EXPECT_EQ(grpc_status(Failure::StreamReset), 13);
  EXPECT_EQ(grpc_status(Failure::StreamRefused), 14);
  EXPECT_EQ(grpc_status(Failure::StreamCancelled), 1);
  EXPECT_EQ(grpc_status(Failure::StreamThrottled), 8);
  EXPECT_EQ(grpc_status(Failure::StreamInsecure), 7);
}

// The example of RFC 6455 §1.3.
TEST(WebSocket, Accept) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(websocket_key(0, 0), "AAAAAAAAAAAAAAAAAAAAAA==");
}

}  // namespace
}  // namespace weir::http
