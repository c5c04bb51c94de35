// SPDX-License-Identifier: Apache-2.0
// cmocka's interface on top of GoogleTest: a C test file written for cmocka 1.1 compiles unmodified, and each of its
// tests is a GoogleTest test, named FILE.TEST (FILE/GROUP.TEST where a group is not called `tests`), that can be
// filtered, shuffled and counted like the others.
//
// How a file joins the runner: the Makefile compiles it with -Dmain=NAME -DCMOCKA_MAIN=NAME. The constructor below has
// its main called before the runner starts, and there cmocka_run_group_tests() only takes the tests down. They run
// later, so what main does after that call comes too early to clean up: use a group teardown. Prestates have to outlive
// main; the arrays of tests need not.
//
// Not here: cmocka's own runner output and its signal handlers (a crash ends the run, as in any GoogleTest program) and
// the interface deprecated since cmocka 1.0 (unit_test, run_tests). <https://api.cmocka.org>
#pragma once
#pragma GCC \
    system_header  // the macros cast as C does; the caller's warning flags are for the caller's code

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CMOCKA_NORETURN __attribute__((noreturn))
#define CMOCKA_PRINTF_ATTRIBUTE(format_index, first) \
  __attribute__((format(printf, format_index, first)))

/// Any scalar: integers keep their sign when cast back, pointers fit.
typedef uintmax_t LargestIntegralType;
#define cast_to_largest_integral_type(value) ((LargestIntegralType)(value))
#define cast_to_pointer_integral_type(value) ((uintptr_t)((size_t)(value)))
#define cast_ptr_to_largest_integral_type(value) cast_to_largest_integral_type((uintptr_t)(value))

// ---- tests and groups ---------------------------------------------------------------------------

typedef void (*CMUnitTestFunction)(void** state);
/// Returns 0 for success.
typedef int (*CMFixtureFunction)(void** state);

struct CMUnitTest {
  const char* name;
  CMUnitTestFunction test_func;
  CMFixtureFunction setup_func;
  CMFixtureFunction teardown_func;
  void* initial_state;
};

#define cmocka_unit_test(f) cmocka_unit_test_prestate_setup_teardown(f, NULL, NULL, NULL)
#define cmocka_unit_test_setup(f, setup) \
  cmocka_unit_test_prestate_setup_teardown(f, setup, NULL, NULL)
#define cmocka_unit_test_teardown(f, teardown) \
  cmocka_unit_test_prestate_setup_teardown(f, NULL, teardown, NULL)
#define cmocka_unit_test_setup_teardown(f, setup, teardown) \
  cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, NULL)
#define cmocka_unit_test_prestate(f, state) \
  cmocka_unit_test_prestate_setup_teardown(f, NULL, NULL, state)
#define cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, state) \
  { #f, f, setup, teardown, state }

/// Takes the tests of an array down for the runner; 0.
#define cmocka_run_group_tests(tests, setup, teardown) \
  cmocka_run_group_tests_name(#tests, tests, setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
  weir_cmocka_take_group(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
int weir_cmocka_take_group(const char* name, const struct CMUnitTest* tests, size_t count,
                           CMFixtureFunction setup, CMFixtureFunction teardown);

/// Shell patterns over test names, for the groups that follow; NULL ends the filter.
void cmocka_set_test_filter(const char* pattern);
void cmocka_set_skip_filter(const char* pattern);

/// Accepted and without effect: GoogleTest writes the results (--gtest_output=xml:FILE).
enum cm_message_output { CM_OUTPUT_STDOUT, CM_OUTPUT_SUBUNIT, CM_OUTPUT_TAP, CM_OUTPUT_XML };
void cmocka_set_message_output(enum cm_message_output output);

#define fail() weir_cmocka_fail("fail()", __FILE__, __LINE__)
#define skip() weir_cmocka_skip(__FILE__, __LINE__)
#define fail_msg(...)         \
  do {                        \
    print_error(__VA_ARGS__); \
    print_error("\n");        \
    fail();                   \
  } while (0)
void weir_cmocka_fail(const char* what, const char* file, int line) CMOCKA_NORETURN;
void weir_cmocka_skip(const char* file, int line) CMOCKA_NORETURN;

void print_message(const char* format, ...) __attribute__((format(printf, 1, 2)));
void print_error(const char* format, ...) __attribute__((format(printf, 1, 2)));
void vprint_message(const char* format, va_list args) CMOCKA_PRINTF_ATTRIBUTE(1, 0);
void vprint_error(const char* format, va_list args) CMOCKA_PRINTF_ATTRIBUTE(1, 0);

// ---- asserts: the first that fails ends the test --------------------------------------------------

#define WEIR_CMOCKA_INT(what, a, relation, b)                        \
  weir_cmocka_assert_int(cast_to_largest_integral_type(a), relation, \
                         cast_to_largest_integral_type(b), what, __FILE__, __LINE__)
enum weir_cmocka_relation { WEIR_CMOCKA_EQUAL, WEIR_CMOCKA_NOT_EQUAL };

#define assert_true(c) WEIR_CMOCKA_INT("assert_true(" #c ")", (c) ? 1 : 0, WEIR_CMOCKA_NOT_EQUAL, 0)
#define assert_false(c) WEIR_CMOCKA_INT("assert_false(" #c ")", (c) ? 1 : 0, WEIR_CMOCKA_EQUAL, 0)
#define assert_non_null(c) \
  WEIR_CMOCKA_INT("assert_non_null(" #c ")", (uintptr_t)(c), WEIR_CMOCKA_NOT_EQUAL, 0)
#define assert_null(c) WEIR_CMOCKA_INT("assert_null(" #c ")", (uintptr_t)(c), WEIR_CMOCKA_EQUAL, 0)
#define assert_ptr_equal(a, b)                                                           \
  WEIR_CMOCKA_INT("assert_ptr_equal(" #a ", " #b ")", (uintptr_t)(a), WEIR_CMOCKA_EQUAL, \
                  (uintptr_t)(b))
#define assert_ptr_not_equal(a, b)                                                               \
  WEIR_CMOCKA_INT("assert_ptr_not_equal(" #a ", " #b ")", (uintptr_t)(a), WEIR_CMOCKA_NOT_EQUAL, \
                  (uintptr_t)(b))
#define assert_int_equal(a, b) \
  WEIR_CMOCKA_INT("assert_int_equal(" #a ", " #b ")", a, WEIR_CMOCKA_EQUAL, b)
#define assert_int_not_equal(a, b) \
  WEIR_CMOCKA_INT("assert_int_not_equal(" #a ", " #b ")", a, WEIR_CMOCKA_NOT_EQUAL, b)
#define assert_uint_equal(a, b) \
  WEIR_CMOCKA_INT("assert_uint_equal(" #a ", " #b ")", a, WEIR_CMOCKA_EQUAL, b)
#define assert_uint_not_equal(a, b) \
  WEIR_CMOCKA_INT("assert_uint_not_equal(" #a ", " #b ")", a, WEIR_CMOCKA_NOT_EQUAL, b)
#define assert_float_equal(a, b, epsilon)                              \
  weir_cmocka_assert_near((float)(a), (float)(b), (float)(epsilon), 1, \
                          "assert_float_equal(" #a ", " #b ")", __FILE__, __LINE__)
#define assert_float_not_equal(a, b, epsilon)                          \
  weir_cmocka_assert_near((float)(a), (float)(b), (float)(epsilon), 0, \
                          "assert_float_not_equal(" #a ", " #b ")", __FILE__, __LINE__)
#define assert_double_equal(a, b, epsilon)                                                   \
  weir_cmocka_assert_near(a, b, epsilon, 1, "assert_double_equal(" #a ", " #b ")", __FILE__, \
                          __LINE__)
#define assert_double_not_equal(a, b, epsilon)                                                   \
  weir_cmocka_assert_near(a, b, epsilon, 0, "assert_double_not_equal(" #a ", " #b ")", __FILE__, \
                          __LINE__)
/// rc is not negative; if it is, the text of the error number is shown (0: none).
#define assert_return_code(rc, error)                                                            \
  weir_cmocka_assert_return_code((intmax_t)(rc), error, "assert_return_code(" #rc ")", __FILE__, \
                                 __LINE__)
#define assert_string_equal(a, b) \
  weir_cmocka_assert_string(a, b, 1, "assert_string_equal(" #a ", " #b ")", __FILE__, __LINE__)
#define assert_string_not_equal(a, b) \
  weir_cmocka_assert_string(a, b, 0, "assert_string_not_equal(" #a ", " #b ")", __FILE__, __LINE__)
#define assert_memory_equal(a, b, size)                                                     \
  weir_cmocka_assert_memory(a, b, size, 1, "assert_memory_equal(" #a ", " #b ")", __FILE__, \
                            __LINE__)
#define assert_memory_not_equal(a, b, size)                                                     \
  weir_cmocka_assert_memory(a, b, size, 0, "assert_memory_not_equal(" #a ", " #b ")", __FILE__, \
                            __LINE__)
#define WEIR_CMOCKA_RANGE(value, minimum, maximum, inside, what)                    \
  weir_cmocka_assert_range(                                                         \
      cast_to_largest_integral_type(value), cast_to_largest_integral_type(minimum), \
      cast_to_largest_integral_type(maximum), inside, what "(" #value ")", __FILE__, __LINE__)
#define assert_in_range(value, minimum, maximum) \
  WEIR_CMOCKA_RANGE(value, minimum, maximum, 1, "assert_in_range")
#define assert_uint_in_range(value, minimum, maximum) \
  WEIR_CMOCKA_RANGE(value, minimum, maximum, 1, "assert_uint_in_range")
#define assert_not_in_range(value, minimum, maximum) \
  WEIR_CMOCKA_RANGE(value, minimum, maximum, 0, "assert_not_in_range")
#define assert_in_set(value, values, count)                                      \
  weir_cmocka_assert_set(cast_to_largest_integral_type(value), values, count, 1, \
                         "assert_in_set(" #value ")", __FILE__, __LINE__)
#define assert_not_in_set(value, values, count)                                  \
  weir_cmocka_assert_set(cast_to_largest_integral_type(value), values, count, 0, \
                         "assert_not_in_set(" #value ")", __FILE__, __LINE__)

void weir_cmocka_assert_int(LargestIntegralType a, enum weir_cmocka_relation relation,
                            LargestIntegralType b, const char* what, const char* file, int line);
void weir_cmocka_assert_near(double a, double b, double epsilon, int equal, const char* what,
                             const char* file, int line);
void weir_cmocka_assert_return_code(intmax_t code, int error, const char* what, const char* file,
                                    int line);
void weir_cmocka_assert_string(const char* a, const char* b, int equal, const char* what,
                               const char* file, int line);
void weir_cmocka_assert_memory(const void* a, const void* b, size_t size, int equal,
                               const char* what, const char* file, int line);
void weir_cmocka_assert_range(LargestIntegralType value, LargestIntegralType minimum,
                              LargestIntegralType maximum, int inside, const char* what,
                              const char* file, int line);
void weir_cmocka_assert_set(LargestIntegralType value, const LargestIntegralType values[],
                            size_t count, int inside, const char* what, const char* file, int line);

// ---- mocks: what they return -----------------------------------------------------------------------
// A count of -1 means any number of times but at least once; of -2, any number or none.

#define mock() weir_cmocka_mock(__func__, __FILE__, __LINE__)
#define mock_type(type) ((type)mock())
#define mock_ptr_type(type) ((type)(uintptr_t)mock())
#define will_return(function, value) will_return_count(function, value, 1)
#define will_return_always(function, value) will_return_count(function, value, -1)
#define will_return_maybe(function, value) will_return_count(function, value, -2)
#define will_return_count(function, value, count)                                           \
  weir_cmocka_will_return(#function, cast_to_largest_integral_type(value), count, __FILE__, \
                          __LINE__)
LargestIntegralType weir_cmocka_mock(const char* function, const char* file, int line);
void weir_cmocka_will_return(const char* function, LargestIntegralType value, int count,
                             const char* file, int line);

// ---- mocks: which arguments they get -----------------------------------------------------------------

/// Returns nonzero if the value is as expected.
typedef int (*CheckParameterValue)(const LargestIntegralType value,
                                   const LargestIntegralType check_value_data);

#define check_expected(parameter)                                                            \
  weir_cmocka_check_expected(__func__, #parameter, cast_to_largest_integral_type(parameter), \
                             __FILE__, __LINE__)
#define check_expected_ptr(parameter)                                                            \
  weir_cmocka_check_expected(__func__, #parameter, cast_ptr_to_largest_integral_type(parameter), \
                             __FILE__, __LINE__)

#define expect_check(f, p, check, data) expect_check_count(f, p, check, data, 1)
#define expect_check_count(f, p, check, data, count)                                            \
  weir_cmocka_expect_check(#f, #p, check, cast_to_largest_integral_type(data), count, __FILE__, \
                           __LINE__)
#define expect_any(f, p) expect_any_count(f, p, 1)
#define expect_any_always(f, p) expect_any_count(f, p, -1)
#define expect_any_count(f, p, count) weir_cmocka_expect_any(#f, #p, count, __FILE__, __LINE__)

#define expect_value(f, p, value) expect_value_count(f, p, value, 1)
#define expect_not_value(f, p, value) expect_not_value_count(f, p, value, 1)
#define expect_value_count(f, p, value, count) \
  WEIR_CMOCKA_EXPECT_RANGE(f, p, value, value, 1, count)
#define expect_not_value_count(f, p, value, count) \
  WEIR_CMOCKA_EXPECT_RANGE(f, p, value, value, 0, count)
#define expect_in_range(f, p, minimum, maximum) expect_in_range_count(f, p, minimum, maximum, 1)
#define expect_not_in_range(f, p, minimum, maximum) \
  expect_not_in_range_count(f, p, minimum, maximum, 1)
#define expect_in_range_count(f, p, minimum, maximum, count) \
  WEIR_CMOCKA_EXPECT_RANGE(f, p, minimum, maximum, 1, count)
#define expect_not_in_range_count(f, p, minimum, maximum, count) \
  WEIR_CMOCKA_EXPECT_RANGE(f, p, minimum, maximum, 0, count)
#define WEIR_CMOCKA_EXPECT_RANGE(f, p, minimum, maximum, inside, count)                     \
  weir_cmocka_expect_range(#f, #p, cast_to_largest_integral_type(minimum),                  \
                           cast_to_largest_integral_type(maximum), inside, count, __FILE__, \
                           __LINE__)

#define expect_in_set(f, p, values) expect_in_set_count(f, p, values, 1)
#define expect_not_in_set(f, p, values) expect_not_in_set_count(f, p, values, 1)
#define expect_in_set_count(f, p, values, count)                                                   \
  weir_cmocka_expect_set(#f, #p, values, sizeof(values) / sizeof((values)[0]), 1, count, __FILE__, \
                         __LINE__)
#define expect_not_in_set_count(f, p, values, count)                                               \
  weir_cmocka_expect_set(#f, #p, values, sizeof(values) / sizeof((values)[0]), 0, count, __FILE__, \
                         __LINE__)

/// Strings and memory are copied when they are expected.
#define expect_string(f, p, string) expect_string_count(f, p, string, 1)
#define expect_not_string(f, p, string) expect_not_string_count(f, p, string, 1)
#define expect_string_count(f, p, string, count) \
  weir_cmocka_expect_string(#f, #p, string, 1, count, __FILE__, __LINE__)
#define expect_not_string_count(f, p, string, count) \
  weir_cmocka_expect_string(#f, #p, string, 0, count, __FILE__, __LINE__)
#define expect_memory(f, p, memory, size) expect_memory_count(f, p, memory, size, 1)
#define expect_not_memory(f, p, memory, size) expect_not_memory_count(f, p, memory, size, 1)
#define expect_memory_count(f, p, memory, size, count) \
  weir_cmocka_expect_memory(#f, #p, memory, size, 1, count, __FILE__, __LINE__)
#define expect_not_memory_count(f, p, memory, size, count) \
  weir_cmocka_expect_memory(#f, #p, memory, size, 0, count, __FILE__, __LINE__)

void weir_cmocka_check_expected(const char* function, const char* parameter,
                                LargestIntegralType value, const char* file, int line);
void weir_cmocka_expect_check(const char* function, const char* parameter,
                              CheckParameterValue check, LargestIntegralType data, int count,
                              const char* file, int line);
void weir_cmocka_expect_any(const char* function, const char* parameter, int count,
                            const char* file, int line);
void weir_cmocka_expect_range(const char* function, const char* parameter,
                              LargestIntegralType minimum, LargestIntegralType maximum, int inside,
                              int count, const char* file, int line);
void weir_cmocka_expect_set(const char* function, const char* parameter,
                            const LargestIntegralType values[], size_t number, int inside,
                            int count, const char* file, int line);
void weir_cmocka_expect_string(const char* function, const char* parameter, const char* string,
                               int equal, int count, const char* file, int line);
void weir_cmocka_expect_memory(const char* function, const char* parameter, const void* memory,
                               size_t size, int equal, int count, const char* file, int line);

// ---- mocks: in which order they are called -------------------------------------------------------------

#define function_called() weir_cmocka_function_called(__func__, __FILE__, __LINE__)
#define expect_function_call(function) expect_function_calls(function, 1)
#define expect_function_calls(function, times) \
  weir_cmocka_expect_call(#function, times, __FILE__, __LINE__)
#define expect_function_call_any(function) expect_function_calls(function, -1)
#define ignore_function_calls(function) expect_function_calls(function, -2)
void weir_cmocka_function_called(const char* function, const char* file, int line);
void weir_cmocka_expect_call(const char* function, int times, const char* file, int line);

// ---- memory: a block left over, overrun or freed twice fails the test ------------------------------------

// Code under test often declares these functions itself, so they keep cmocka's own names.

#define test_malloc(size) _test_malloc(size, __FILE__, __LINE__)
#define test_calloc(number, size) _test_calloc(number, size, __FILE__, __LINE__)
#define test_realloc(block, size) _test_realloc(block, size, __FILE__, __LINE__)
#define test_free(block) _test_free(block, __FILE__, __LINE__)
void* _test_malloc(const size_t size, const char* file, const int line);
void* _test_calloc(const size_t number, const size_t size, const char* file, const int line);
void* _test_realloc(void* const block, const size_t size, const char* file, const int line);
void _test_free(void* const block, const char* file, const int line);

#ifdef UNIT_TESTING
#define malloc test_malloc
#define calloc test_calloc
#define realloc test_realloc
#define free test_free
#endif

// ---- assert() of the code under test: `#define assert(c) mock_assert((int)(c), #c, __FILE__, __LINE__)` ----

void mock_assert(int result, const char* expression, const char* file, int line);
extern jmp_buf weir_cmocka_assert_jump;
extern int weir_cmocka_assert_expected;
#define expect_assert_failure(call)                                                               \
  do {                                                                                            \
    if (setjmp(weir_cmocka_assert_jump) == 0) {                                                   \
      weir_cmocka_assert_expected = 1;                                                            \
      call;                                                                                       \
      weir_cmocka_assert_expected = 0;                                                            \
      weir_cmocka_fail("expect_assert_failure(" #call "): no assert failed", __FILE__, __LINE__); \
    }                                                                                             \
    weir_cmocka_assert_expected = 0;                                                              \
  } while (0)

// ---- how a file's main() joins the runner ------------------------------------------------------------------

void weir_cmocka_call_main(const char* file, int (*main_function)(int, char**));
#ifdef CMOCKA_MAIN
int CMOCKA_MAIN() __attribute__((
    weak));  // a C file without main() defines none; one with it, with or without arguments
__attribute__((constructor)) static void weir_cmocka_join(void) {
  if (CMOCKA_MAIN) weir_cmocka_call_main(__BASE_FILE__, (int (*)(int, char**))CMOCKA_MAIN);
}
#endif

#ifdef __cplusplus
}
#endif
