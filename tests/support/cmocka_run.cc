// SPDX-License-Identifier: Apache-2.0
// Takes the tests of a cmocka file down as GoogleTest tests, and runs them: fixtures, tests, skips, failures.
// Order and meaning follow cmocka 1.1: no test after a failed setup, a teardown after every other test.

#include "cmocka_run.h"

#include <gtest/gtest.h>

#include <fnmatch.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::cmocka {
namespace {

struct Group {
  std::string suite;  ///< the name GoogleTest knows it by
  CMFixtureFunction setup;
  CMFixtureFunction teardown;
  void* state = nullptr;
  std::uint64_t memory_mark = 0;
};

/// What main() of the file being read has asked for so far; nothing while tests run.
struct Collection {
  std::string file;
  std::string test_filter;
  std::string skip_filter;
};

std::optional<Collection> collection;
std::jmp_buf way_out;
bool is_running = false;  ///< way_out is valid

// Functions, not objects: files join from constructors, before the objects of this file may exist.
std::vector<std::unique_ptr<Group>>& groups() {
  static std::vector<std::unique_ptr<Group>> all;
  return all;
}

/// Calls step(argument); false if it was left by abandon().
template <typename Step>
bool guarded(Step step, void** state) {
  is_running = true;
  const bool is_finished = setjmp(way_out) == 0 && (step(state), true);
  is_running = false;
  return is_finished;
}

bool run_fixture(CMFixtureFunction fixture, void** state, const char* what) {
  if (fixture == nullptr) return true;
  static int result;  // static: it has to survive the longjmp
  result = 0;
  static CMFixtureFunction function;
  function = fixture;
  if (!guarded([](void** s) { result = function(s); }, state)) return false;
  if (result != 0) ADD_FAILURE() << what << " failed: it returned " << result;
  return result == 0;
}

class Test : public testing::Test {
 public:
  Test(CMUnitTest test, const Group& group) : test_(test), group_(group) {}

  void TestBody() override { run_test(test_, group_.state); }

 private:
  CMUnitTest test_;
  const Group& group_;
};

/// Runs the fixtures of a group where GoogleTest begins and ends its suite. After a failed setup GoogleTest
/// counts the suite as failed and skips its tests.
class GroupFixtures : public testing::EmptyTestEventListener {
  void OnTestSuiteStart(const testing::TestSuite& suite) override {
    Group* group = find(suite);
    if (group == nullptr) return;
    group->state = nullptr;
    group->memory_mark = memory_mark();
    run_fixture(group->setup, &group->state, "group setup");
  }

  void OnTestSuiteEnd(const testing::TestSuite& suite) override {
    Group* group = find(suite);
    if (group == nullptr) return;
    run_fixture(group->teardown, &group->state, "group teardown");
    report_leaks(group->memory_mark);
  }

  static Group* find(const testing::TestSuite& suite) {
    for (const auto& group : groups()) {
      if (group->suite == suite.name()) return group.get();
    }
    return nullptr;
  }
};

/// FILE, or FILE/GROUP; a second group of that name gets a number.
std::string suite_name(const std::string& group) {
  const std::string file = std::filesystem::path(collection->file).stem();
  const std::string wanted = group == "tests" ? file : file + "/" + group;
  std::string name = wanted;
  auto is_taken = [&name](const auto& other) { return other->suite == name; };
  for (int number = 2; std::any_of(groups().begin(), groups().end(), is_taken); ++number) {
    name = wanted + "_" + std::to_string(number);
  }
  return name;
}

bool is_wanted(const char* test) {
  const std::string& only = collection->test_filter;
  const std::string& never = collection->skip_filter;
  return (only.empty() || fnmatch(only.c_str(), test, 0) == 0) &&
         (never.empty() || fnmatch(never.c_str(), test, 0) != 0);
}

}  // namespace

void run_test(const CMUnitTest& test, void* group_state) {
  const std::uint64_t mark = memory_mark();
  forget_expectations();
  void* state = group_state != nullptr ? group_state : test.initial_state;
  if (run_fixture(test.setup_func, &state, "test setup")) {
    if (guarded(test.test_func, &state)) report_unused_expectations();
    run_fixture(test.teardown_func, &state, "test teardown");
  }
  forget_expectations();
  report_leaks(mark);
}

void report(const char* file, int line, const std::string& text) {
  ADD_FAILURE_AT(file, line) << text;
}

void abandon() {
  if (!is_running) {
    std::fputs("cmocka: an assert failed outside of a test\n", stderr);
    std::abort();
  }
  std::longjmp(way_out, 1);
}

}  // namespace weir::cmocka

using namespace weir::cmocka;

extern "C" {

void weir_cmocka_call_main(const char* file, int (*main_function)(int, char**)) {
  static const bool is_listening = [] {
    testing::UnitTest::GetInstance()->listeners().Append(new GroupFixtures);  // GoogleTest owns it
    return true;
  }();
  static_cast<void>(is_listening);
  collection = Collection{.file = file, .test_filter = {}, .skip_filter = {}};
  char* arguments[] = {collection->file.data(), nullptr};
  main_function(1, arguments);
  collection.reset();
}

int weir_cmocka_take_group(const char* name, const CMUnitTest* tests, size_t count,
                           CMFixtureFunction setup, CMFixtureFunction teardown) {
  if (!collection) {
    std::fputs("cmocka: cmocka_run_group_tests() is for main()\n", stderr);
    std::abort();
  }
  groups().push_back(std::make_unique<Group>(
      Group{.suite = suite_name(name), .setup = setup, .teardown = teardown}));
  const Group& group = *groups().back();
  for (const CMUnitTest* test = tests; test != tests + count; ++test) {
    if (test->test_func == nullptr || !is_wanted(test->name)) continue;
    testing::RegisterTest(
        group.suite.c_str(), test->name, nullptr, nullptr, collection->file.c_str(), 0,
        [copy = *test, &group]() -> testing::Test* { return new Test(copy, group); });
  }
  return 0;
}

void cmocka_set_test_filter(const char* pattern) {
  if (collection) collection->test_filter = pattern != nullptr ? pattern : "";
}

void cmocka_set_skip_filter(const char* pattern) {
  if (collection) collection->skip_filter = pattern != nullptr ? pattern : "";
}

void cmocka_set_message_output(enum cm_message_output) {}

void weir_cmocka_fail(const char* what, const char* file, int line) {
  report(file, line, what);
  abandon();
}

void weir_cmocka_skip(const char* file, int line) {
  [&] { GTEST_SKIP() << file << ":" << line << ": skip()"; }();
  abandon();
}

void vprint_message(const char* format, va_list args) { std::vprintf(format, args); }
void vprint_error(const char* format, va_list args) { std::vfprintf(stderr, format, args); }

void print_message(const char* format, ...) {
  va_list args;
  va_start(args, format);
  vprint_message(format, args);
  va_end(args);
}

void print_error(const char* format, ...) {
  va_list args;
  va_start(args, format);
  vprint_error(format, args);
  va_end(args);
}

}  // extern "C"
