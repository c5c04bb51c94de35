// SPDX-License-Identifier: Apache-2.0
//
// The table of failures: every row is whole, and only what a server did is tried again.
#include "http/failure.h"

#include "http/h1_writer.h"

#include <gtest/gtest.h>

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
              row.blame == Blame::Client && !row.name.starts_with("client_"))
        << row.name;
  }
}

TEST(Failures, OnlyServersAreAskedAgain) {
  for (int i = 0; i < static_cast<int>(Failure::Count); ++i) {
    const FailureTraits& row = traits(static_cast<Failure>(i));
    EXPECT_TRUE(row.again == Again::No || row.blame == Blame::Server) << row.name;
  }
  EXPECT_EQ(traits(Failure::ConnectRefused).again, Again::Safe);
  EXPECT_EQ(traits(Failure::ServerClosed).again, Again::IfIdempotent);
  EXPECT_EQ(traits(Failure::ResponseSyntax).again, Again::No);
  EXPECT_EQ(traits(Failure::None).again, Again::No);
}

}  // namespace
}  // namespace weir::http
