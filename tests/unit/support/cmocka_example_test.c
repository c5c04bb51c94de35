// SPDX-License-Identifier: Apache-2.0
// A test written in C for cmocka, with nothing in it that knows of GoogleTest: a thermostat whose sensor, heater and
// journal are mocks. It shows that such a file runs under our runner unmodified; <cmocka.h> is tests/support/cmocka.h.

#include <cmocka.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

// ---- the code under test ----

int sensor_read(const char* room);
void heater_set(const char* room, int percent);
void journal_append(const void* entry, size_t size);

struct thermostat {
  const char* room;
  int wanted;
};

/// Reads the sensor once and sets the heater by the difference; the sensor's error if there is one.
static int thermostat_turn(const struct thermostat* thermostat) {
  const int degrees = sensor_read(thermostat->room);
  if (degrees < 0) return degrees;
  const int missing = thermostat->wanted - degrees;
  const int percent = missing <= 0 ? 0 : missing >= 10 ? 100 : missing * 10;
  heater_set(thermostat->room, percent);
  journal_append(&percent, sizeof percent);
  return 0;
}

// ---- its mocks ----

int sensor_read(const char* room) {
  check_expected_ptr(room);
  return mock_type(int);
}

void heater_set(const char* room, int percent) {
  function_called();
  check_expected_ptr(room);
  check_expected(percent);
}

void journal_append(const void* entry, size_t size) {
  function_called();
  check_expected_ptr(entry);
  check_expected(size);
}

// ---- the tests ----

static int groups_begun = 0;

static int begin_group(void** state) {
  static struct thermostat kitchen = {"kitchen", 20};
  ++groups_begun;
  *state = &kitchen;
  return 0;
}

static int end_group(void** state) {
  const struct thermostat* kitchen = *state;
  return strcmp(kitchen->room, "kitchen");
}

static void heats_by_the_difference(void** state) {
  const int expected = 30;
  expect_string(sensor_read, room, "kitchen");
  will_return(sensor_read, 17);
  expect_function_call(heater_set);
  expect_any(heater_set, room);
  expect_value(heater_set, percent, expected);
  expect_function_call(journal_append);
  expect_memory(journal_append, entry, &expected, sizeof expected);
  expect_value(journal_append, size, sizeof expected);

  assert_return_code(thermostat_turn(*state), 0);
}

static int is_multiple(const LargestIntegralType value, const LargestIntegralType divisor) {
  return value % divisor == 0;
}

static void stays_between_off_and_full(void** state) {
  const LargestIntegralType extremes[] = {0, 100};
  will_return(sensor_read, 25);
  will_return_count(sensor_read, 2, 2);
  expect_string_count(sensor_read, room, "kitchen", 3);
  ignore_function_calls(journal_append);
  expect_function_calls(heater_set, 3);
  expect_not_string_count(heater_set, room, "bathroom", 3);
  expect_in_set(heater_set, percent, extremes);
  expect_in_range(heater_set, percent, 100, 100);
  expect_check(heater_set, percent, is_multiple, 50);
  expect_any_always(journal_append, entry);
  expect_not_value_count(journal_append, size, 0, 3);

  for (int turn = 0; turn < 3; ++turn) assert_int_equal(thermostat_turn(*state), 0);
}

static void leaves_the_heater_alone_without_a_sensor(void** state) {
  expect_any(sensor_read, room);
  will_return(sensor_read, -EIO);

  assert_int_equal(thermostat_turn(*state), -EIO);
}

static int copy_room(void** state) {
  const struct thermostat* kitchen = *state;
  char* copy = test_malloc(strlen(kitchen->room) + 1);
  if (copy == NULL) return -1;
  *state = strcpy(copy, kitchen->room);
  return 0;
}

static int free_room(void** state) {
  test_free(*state);
  return 0;
}

static void has_a_fixture_of_its_own(void** state) {
  char* room = *state;
  room[0] = 'K';
  assert_string_equal(room, "Kitchen");
  assert_memory_equal(room + 1, "itchen", sizeof "itchen");
  assert_string_not_equal(room, "kitchen");
  assert_non_null(strchr(room, 'K'));
  assert_null(strchr(room, 'k'));
}

static void begins_its_group_once(void** state) {
  const struct thermostat* kitchen = *state;
  assert_int_equal(groups_begun, 1);
  assert_in_range(kitchen->wanted, 18, 22);
  assert_not_in_range(kitchen->wanted, 0, 17);
  assert_true(kitchen->wanted == 20);
  assert_false(kitchen->wanted == 21);
  assert_ptr_not_equal(kitchen, *kitchen->room);
}

static void sees_its_prestate(void** state) { assert_ptr_equal(*state, &groups_begun); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(heats_by_the_difference),
      cmocka_unit_test(stays_between_off_and_full),
      cmocka_unit_test(leaves_the_heater_alone_without_a_sensor),
      cmocka_unit_test_setup_teardown(has_a_fixture_of_its_own, copy_room, free_room),
      cmocka_unit_test(begins_its_group_once),
  };
  const struct CMUnitTest stateless[] = {
      cmocka_unit_test_prestate(sees_its_prestate, &groups_begun),
  };
  return cmocka_run_group_tests(tests, begin_group, end_group) +
         cmocka_run_group_tests_name("without a group state", stateless, NULL, NULL);
}
