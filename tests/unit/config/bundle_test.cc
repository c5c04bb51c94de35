// SPDX-License-Identifier: Apache-2.0
//
// Bundles: bytes and back, damage, and that loading one needs neither disk nor environment.
#include "config/bundle.h"

#include "config/loading.h"
#include "config/print.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace weir::config {
namespace {

Bundle example() {
  Bundle bundle;
  bundle.generation = 7;
  bundle.cores = 3;
  bundle.files = {{"weir.conf", "workers 1\n"}, {"a:b", std::string("\0\n", 2)}};
  bundle.listings["*.conf"] = {"x", "y"};
  bundle.listings["none*"] = {};
  bundle.environment["NAME"] = "value";
  return bundle;
}

TEST(Bundle, SurvivesBeingBytes) {
  const Bundle bundle = example();
  const auto copy = parse_bundle(serialise(bundle));
  ASSERT_TRUE(copy) << copy.error().text();
  EXPECT_EQ(copy->generation, 7U);
  EXPECT_EQ(copy->cores, 3U);
  ASSERT_EQ(copy->files.size(), 2U);
  EXPECT_EQ(copy->files[1].name, "a:b");
  EXPECT_EQ(copy->files[1].text, std::string("\0\n", 2));
  EXPECT_EQ(copy->listings, bundle.listings);
  EXPECT_EQ(copy->environment, bundle.environment);
  EXPECT_EQ(serialise(*copy), serialise(bundle));
}

TEST(Bundle, AnyDamageIsSeen) {
  const std::string bytes = serialise(example());
  const std::size_t contents = bytes.find('\n') + 1;
  for (std::size_t i = contents; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(parse_bundle(damaged)) << i;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(parse_bundle(bytes.substr(0, size))) << size;
  EXPECT_FALSE(parse_bundle(bytes + "x"));
}

TEST(Bundle, HashNamesTheContentsOnly) {
  Bundle bundle = example();
  const std::string first = hash(bundle);
  EXPECT_EQ(first.size(), 64U);
  bundle.generation = 8;
  bundle.cores = 9;
  EXPECT_EQ(hash(bundle), first);
  bundle.environment["NAME"] = "other";
  EXPECT_NE(hash(bundle), first);
}

// A directory that is gone at the end.
class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-config-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file.string();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Bundle, LoadsTheSameWithoutADisk) {
  const Directory directory;
  ::setenv("WEIR_TEST_USER", "some$one", 1);
  const std::string main =
      directory.write("weir.conf",
                      "include conf.d/*.conf\ninclude tenants/*.conf isolated\n"
                      "backend b { server s 127.0.0.1:1 }\n");
  directory.write("conf.d/b.conf", "listener two { bind 127.0.0.1:2; route forward b }\n");
  directory.write("conf.d/a.conf",
                  "listener one { bind 127.0.0.1:1; route respond 200 \"${WEIR_TEST_USER} "
                  "${WEIR_NONE:-x}\" }\n");
  directory.write("tenants/bad.conf", "listener { }\n");
  directory.write("tenants/good.conf", "listener three { bind 127.0.0.1:3; route forward b }\n");
  Bundle bundle;
  bundle.generation = 5;
  Diagnostics from_disk;
  const auto config = load_file(main, test_kinds, from_disk, &bundle);
  ASSERT_TRUE(config) << from_disk.text();
  EXPECT_EQ(bundle.generation, 5U);
  EXPECT_EQ(bundle.files.size(), 5U);
  EXPECT_EQ(bundle.environment.size(), 1U);
  ASSERT_EQ(config->listeners.size(), 3U);
  EXPECT_EQ(config->listeners[0].name, "one");
  EXPECT_EQ(config->listeners[0].routes[0].action.text, "some$$one x");
  EXPECT_EQ(config->listeners[2].name, "three");

  std::filesystem::remove_all(directory.path());
  ::unsetenv("WEIR_TEST_USER");
  const auto copy = parse_bundle(serialise(bundle));
  ASSERT_TRUE(copy);
  Diagnostics from_bundle;
  const auto again = load_bundle(*copy, test_kinds, from_bundle);
  ASSERT_TRUE(again);
  EXPECT_EQ(print_effective(*again), print_effective(*config));
  EXPECT_EQ(from_bundle.text(), from_disk.text());
  EXPECT_NE(from_bundle.text().find("is left out: it has errors"), std::string::npos);
}

TEST(Bundle, OnlyRegularFilesAreRead) {
  const Directory directory;
  Diagnostics diagnostics;
  EXPECT_FALSE(load_file(directory.path(), test_kinds, diagnostics));
  EXPECT_NE(diagnostics.text().find("is not a regular file"), std::string::npos);
  Diagnostics missing;
  EXPECT_FALSE(load_file(directory.path() + "/none", test_kinds, missing));
  EXPECT_NE(missing.text().find("cannot be opened: No such file"), std::string::npos);
}

}  // namespace
}  // namespace weir::config
