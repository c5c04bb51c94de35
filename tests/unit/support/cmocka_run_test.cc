// SPDX-License-Identifier: Apache-2.0
// A cmocka assert that fails must fail the GoogleTest test around it, end the cmocka test there, and say why. Each case
// runs one cmocka test that is wrong on purpose, and looks at what GoogleTest heard.

#include "cmocka_run.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weir::cmocka {
namespace {

/// Runs a cmocka test aside; the messages of its failures, and "skipped" if it was.
std::vector<std::string> run_aside(CMUnitTestFunction body, CMFixtureFunction setup = nullptr,
                                   CMFixtureFunction teardown = nullptr) {
  testing::TestPartResultArray results;
  {
    testing::ScopedFakeTestPartResultReporter aside(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    run_test(CMUnitTest{"aside", body, setup, teardown, nullptr}, nullptr);
  }
  std::vector<std::string> messages;
  for (int i = 0; i < results.size(); ++i) {
    const auto& result = results.GetTestPartResult(i);
    const std::string text = result.message();  // "Failed", and what was said in the next line
    messages.push_back(result.skipped() ? "skipped" : text.substr(text.find('\n') + 1));
  }
  return messages;
}

/// The one failure of the test; anything else is shown as it is.
std::string failure_of(CMUnitTestFunction body) {
  const auto messages = run_aside(body);
  return messages.size() == 1 ? messages[0] : testing::PrintToString(messages);
}

bool is_reached = false;  ///< set by what must not run

int call_mock() { return mock_type(int); }

void call_checked(int number) { check_expected(number); }

void call_noted() { function_called(); }

struct Case {
  const char* name;
  CMUnitTestFunction body;
  const char* message;
};

class FailingAssert : public testing::TestWithParam<Case> {};

TEST_P(FailingAssert, FailsTheTestAndEndsIt) {
  is_reached = false;
  EXPECT_NE(failure_of(GetParam().body).find(GetParam().message), std::string::npos)
      << failure_of(GetParam().body);
  EXPECT_FALSE(is_reached);
}

const LargestIntegralType small[] = {1, 2, 3};

// A macro, because each body is a function without captures that must stop at its assert.
#define CASE(name, statement, message) \
  Case {                               \
#name, [](void**) {                \
      statement;                       \
      is_reached = true;               \
    }, message   \
  }

INSTANTIATE_TEST_SUITE_P(
    Every, FailingAssert,
    testing::Values(CASE(True, assert_true(1 > 2), "assert_true(1 > 2)"),
                    CASE(False, assert_false(2 > 1), "assert_false(2 > 1)"),
                    CASE(Null, assert_null(small), "assert_null(small)"),
                    CASE(NonNull, assert_non_null(nullptr), "assert_non_null(nullptr)"),
                    CASE(Pointer, assert_ptr_equal(small, small + 1), "assert_ptr_equal"),
                    CASE(Pointers, assert_ptr_not_equal(small, small), "assert_ptr_not_equal"),
                    CASE(Int, assert_int_equal(-1, 2), "-1 != 2"),
                    CASE(Ints, assert_int_not_equal(2, 2), "2 == 2"),
                    CASE(Float, assert_float_equal(1.0, 1.5, 0.1), "not within"),
                    CASE(Double, assert_double_not_equal(1.0, 1.05, 0.1), "within"),
                    CASE(ReturnCode, assert_return_code(-1, 2), "No such file"),
                    CASE(String, assert_string_equal("a", "b"), "\"a\" != \"b\""),
                    CASE(NullString, assert_string_equal("a", nullptr), "NULL"),
                    CASE(Strings, assert_string_not_equal("a", "a"), "\"a\" == \"a\""),
                    CASE(Memory, assert_memory_equal("abc", "abd", 3), "byte 2 differs"),
                    CASE(Memories, assert_memory_not_equal("abc", "abd", 2), "all 2 bytes"),
                    CASE(Range, assert_in_range(4, 1, 3), "4 is not within 1-3"),
                    CASE(OutOfRange, assert_not_in_range(3, 1, 3), "3 is within 1-3"),
                    CASE(Set, assert_in_set(4, small, 3), "4 is not in the set"),
                    CASE(OutOfSet, assert_not_in_set(3, small, 3), "3 is in the set"),
                    CASE(Fail, weir_cmocka_fail("fail()", __FILE__, __LINE__), "fail()"),
                    CASE(Mock, call_mock(), "mock() in call_mock"),
                    CASE(Check, call_checked(1), "nothing is expected"),
                    CASE(Checked, expect_value(call_checked, number, 2);
                         call_checked(1), "call_checked(number) got 1"),
                    CASE(Call, call_noted(), "no call is expected"),
                    CASE(Order, expect_function_call(call_mock);
                         call_noted(), "call_mock() is due"),
                    CASE(Assert, mock_assert(0, "pointer", "code.c", 1), "assert(pointer) failed"),
                    CASE(NoAssert, expect_assert_failure(static_cast<void>(0)), "no assert failed"),
                    CASE(Overrun, char* block = static_cast<char*>(test_malloc(4)); block[4] = 0;
                         test_free(block), "written outside"),
                    CASE(DoubleFree, void* block = test_malloc(4); test_free(block);
                         test_free(block), "freed already")),
    [](const auto& param) { return param.param.name; });

TEST(CmockaRun, PassesWhatIsRight) {
  EXPECT_EQ(failure_of([](void**) {
              will_return(call_mock, 7);
              will_return_maybe(call_checked, 1);
              expect_value(call_checked, number, 7);
              expect_function_call(call_noted);
              call_checked(call_mock());
              call_noted();
              expect_assert_failure(mock_assert(0, "pointer", "code.c", 1));
              test_free(test_calloc(2, 2));
            }),
            "{}");
}

TEST(CmockaRun, FailsForWhatIsLeftOver) {
  EXPECT_EQ(run_aside([](void**) {
              will_return_always(call_mock, 1);
              expect_any(call_checked, number);
              expect_function_call_any(call_noted);
              static_cast<void>(test_malloc(3));
            }),
            (std::vector<std::string>{"will_return: call_mock() never asked for this value",
                                      "expected: call_checked() never checked its parameter number",
                                      "expect_function_call: call_noted() was not called",
                                      "these 3 bytes were not freed"}));
}

TEST(CmockaRun, StartsEachTestWithoutExpectations) {
  run_aside([](void**) { will_return(call_mock, 1); });
  EXPECT_NE(failure_of([](void**) { call_mock(); }).find("nothing is expected"), std::string::npos);
}

TEST(CmockaRun, RunsNoTestAfterAFailedSetup) {
  is_reached = false;
  const auto messages = run_aside([](void**) { is_reached = true; }, [](void**) { return 3; });
  EXPECT_EQ(messages, std::vector<std::string>{"test setup failed: it returned 3"});
  EXPECT_FALSE(is_reached);
}

TEST(CmockaRun, TearsDownAfterAFailedTest) {
  is_reached = false;
  const auto teardown = [](void**) {
    is_reached = true;
    return 0;
  };
  EXPECT_EQ(run_aside([](void**) { assert_true(false); }, nullptr, teardown).size(), 1U);
  EXPECT_TRUE(is_reached);
}

TEST(CmockaRun, SkipIsNoFailure) {
  EXPECT_EQ(run_aside([](void**) { weir_cmocka_skip(__FILE__, __LINE__); }),
            std::vector<std::string>{"skipped"});
}

/// How often the runner knows a test of the C example.
int count_tests(const std::string& suite, const std::string& name) {
  const auto& runner = *testing::UnitTest::GetInstance();
  int count = 0;
  for (int s = 0; s < runner.total_test_suite_count(); ++s) {
    const auto& tests = *runner.GetTestSuite(s);
    for (int t = 0; t < tests.total_test_count(); ++t) {
      count += suite == tests.name() && name == tests.GetTestInfo(t)->name();
    }
  }
  return count;
}

TEST(CmockaRun, RegistersTheTestsOfACFile) {
  EXPECT_EQ(count_tests("cmocka_example_test", "heats_by_the_difference"), 1);
  EXPECT_EQ(count_tests("cmocka_example_test/without a group state", "sees_its_prestate"), 1);
}

}  // namespace
}  // namespace weir::cmocka
