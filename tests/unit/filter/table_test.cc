// SPDX-License-Identifier: Apache-2.0
//
// The list of filters: each word once, found by its exact spelling, and complete.
#include "filter/table.h"

#include <weir/module.h>
#include <weir/version.h>

#include "fakes/fake_context.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

namespace weir::filter {
namespace {

TEST(FilterTable, HasEachWordOnce) {
  std::set<std::string_view> words;
  for (const FilterKind& kind : kinds()) {
    EXPECT_TRUE(words.insert(kind.word).second) << kind.word;
    EXPECT_EQ(find(kind.word), &kind);
    EXPECT_NE(kind.build, nullptr) << kind.word;
    EXPECT_FALSE(std::string_view(kind.help).empty()) << kind.word;
  }
  for (const char* own : {"header", "response_header", "rewrite"})
    EXPECT_TRUE(words.contains(own)) << own;
}

TEST(FilterTable, FindsExactWordsOnly) {
  for (const char* unknown : {"", "Header", "head", "headers", "rewrite "})
    EXPECT_EQ(find(unknown), nullptr) << unknown;
}

TEST(FilterTable, HoldsThoseOfModules) {
  for (std::size_t i = 0; i < module_count; ++i) {
    EXPECT_EQ(modules[i]->abi, module_abi) << modules[i]->name;
    for (const FilterKind& kind : modules[i]->filters) EXPECT_NE(find(kind.word), nullptr);
  }
}

TEST(FilterTable, FindsAModuleThatDoesNotFit) {
  const Module fits{"fits", module_abi, {}}, older{"older", module_abi - 1, {}};
  const Module* const all[] = {&fits, &older};
  EXPECT_EQ(misfit(std::span(all).first(1)), nullptr);
  EXPECT_EQ(misfit(all), &older);
}

TEST(FilterTable, MakersTellMistakes) {
  for (const char* own : {"header", "response_header", "rewrite"}) {
    auto factory = find(own)->build({own, {}, ""}, test::FakeContext());
    ASSERT_FALSE(factory) << own;
    EXPECT_EQ(factory.error().code(), Errc::Invalid);
    EXPECT_TRUE(factory.error().text().starts_with(std::string(own) + " wants"));
  }
}

}  // namespace
}  // namespace weir::filter
