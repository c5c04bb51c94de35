// SPDX-License-Identifier: Apache-2.0
// The expectations of the cmocka layer: queues of return values, of parameter checks, and of calls in their order.
// A count of -1 stands for any number of uses but at least one, -2 for any number; the first use turns -1 into -2.

#include "cmocka_run.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace weir::cmocka {
namespace {

/// Something said to happen, where it was said, and how often it still may.
template <typename What>
struct Expected {
  What what;
  int count;
  const char* file;
  int line;

  /// Notes one use; true if that was the last.
  bool use() {
    if (count > -2) --count;
    return count == 0;
  }
  bool is_owed() const { return count > -2; }
};

using Check = std::function<bool(LargestIntegralType)>;
using Parameter = std::pair<std::string, std::string>;  ///< function, parameter

struct Expectations {
  std::map<std::string, std::deque<Expected<LargestIntegralType>>> returns;
  std::map<Parameter, std::deque<Expected<Check>>> checks;
  std::deque<Expected<std::string>> calls;
};

Expectations& expectations() {
  static Expectations all;
  return all;
}

/// Takes the next of a queue; nothing, and reported, if there is none.
template <typename Map>
bool take(Map& map, const typename Map::key_type& key, const std::string& what,
          typename Map::mapped_type::value_type& taken, const char* file, int line) {
  const auto found = map.find(key);
  if (found == map.end() || found->second.empty()) {
    report(file, line, what + ": nothing is expected (any more)");
    return false;
  }
  taken = found->second.front();
  if (found->second.front().use()) found->second.pop_front();
  return true;
}

bool take_return(const char* function, LargestIntegralType& value, const char* file, int line) {
  Expected<LargestIntegralType> taken{};
  if (!take(expectations().returns, function, std::string("mock() in ") + function, taken, file,
            line))
    return false;
  value = taken.what;
  return true;
}

bool check_parameter(const char* function, const char* parameter, LargestIntegralType value,
                     const char* file, int line) {
  const std::string name = std::string(function) + "(" + parameter + ")";
  Expected<Check> taken{};
  if (!take(expectations().checks, {function, parameter}, "check_expected: " + name, taken, file,
            line))
    return false;
  if (taken.what(value)) return true;
  std::ostringstream text;
  text << "check_expected: " << name << " got " << static_cast<std::intmax_t>(value)
       << ", which is not what " << taken.file << ":" << taken.line << " expects";
  report(file, line, text.str());
  return false;
}

void expect(const char* function, const char* parameter, Check check, int count, const char* file,
            int line) {
  expectations().checks[{function, parameter}].push_back({std::move(check), count, file, line});
}

/// Notes a call in its place of the order; false, and reported, if another is due or none.
bool note_call(const char* function, const char* file, int line) {
  auto& calls = expectations().calls;
  for (auto call = calls.begin(); call != calls.end(); ++call) {
    if (call->what == function) {
      if (call->use()) calls.erase(call);
      return true;
    }
    if (call->is_owed()) {
      report(file, line, std::string(function) + "() is called where " + call->what + "() is due");
      return false;
    }
  }
  report(file, line, std::string(function) + "() is called, and no call is expected");
  return false;
}

template <typename Queue>
void report_unused(const Queue& queue, const std::string& what) {
  for (const auto& expected : queue) {
    if (expected.is_owed()) report(expected.file, expected.line, what);
  }
}

}  // namespace

void forget_expectations() { expectations() = {}; }

void report_unused_expectations() {
  for (const auto& [function, queue] : expectations().returns) {
    report_unused(queue, "will_return: " + function + "() never asked for this value");
  }
  for (const auto& [name, queue] : expectations().checks) {
    report_unused(queue,
                  "expected: " + name.first + "() never checked its parameter " + name.second);
  }
  for (const auto& call : expectations().calls) {
    if (call.is_owed())
      report(call.file, call.line, "expect_function_call: " + call.what + "() was not called");
  }
}

}  // namespace weir::cmocka

using namespace weir::cmocka;

extern "C" {

LargestIntegralType weir_cmocka_mock(const char* function, const char* file, int line) {
  LargestIntegralType value = 0;
  if (!take_return(function, value, file, line)) abandon();
  return value;
}

void weir_cmocka_will_return(const char* function, LargestIntegralType value, int count,
                             const char* file, int line) {
  expectations().returns[function].push_back({value, count, file, line});
}

void weir_cmocka_check_expected(const char* function, const char* parameter,
                                LargestIntegralType value, const char* file, int line) {
  if (!check_parameter(function, parameter, value, file, line)) abandon();
}

void weir_cmocka_expect_check(const char* function, const char* parameter,
                              CheckParameterValue check, LargestIntegralType data, int count,
                              const char* file, int line) {
  expect(
      function, parameter, [check, data](auto value) { return check(value, data) != 0; }, count,
      file, line);
}

void weir_cmocka_expect_any(const char* function, const char* parameter, int count,
                            const char* file, int line) {
  expect(
      function, parameter, [](auto) { return true; }, count, file, line);
}

void weir_cmocka_expect_range(const char* function, const char* parameter,
                              LargestIntegralType minimum, LargestIntegralType maximum, int inside,
                              int count, const char* file, int line) {
  auto check = [=](auto value) { return (value >= minimum && value <= maximum) == (inside != 0); };
  expect(function, parameter, check, count, file, line);
}

void weir_cmocka_expect_set(const char* function, const char* parameter,
                            const LargestIntegralType values[], size_t number, int inside,
                            int count, const char* file, int line) {
  auto check = [set = std::vector(values, values + number), inside](auto value) {
    return (std::find(set.begin(), set.end(), value) != set.end()) == (inside != 0);
  };
  expect(function, parameter, std::move(check), count, file, line);
}

void weir_cmocka_expect_string(const char* function, const char* parameter, const char* string,
                               int equal, int count, const char* file, int line) {
  auto check = [text = std::string(string), equal](auto value) {
    const auto* actual = reinterpret_cast<const char*>(value);
    return (actual != nullptr && text == actual) == (equal != 0);
  };
  expect(function, parameter, std::move(check), count, file, line);
}

void weir_cmocka_expect_memory(const char* function, const char* parameter, const void* memory,
                               size_t size, int equal, int count, const char* file, int line) {
  auto check = [bytes = std::string(static_cast<const char*>(memory), size), equal](auto value) {
    return (std::memcmp(bytes.data(), reinterpret_cast<const void*>(value), bytes.size()) == 0) ==
           (equal != 0);
  };
  expect(function, parameter, std::move(check), count, file, line);
}

void weir_cmocka_function_called(const char* function, const char* file, int line) {
  if (!note_call(function, file, line)) abandon();
}

void weir_cmocka_expect_call(const char* function, int times, const char* file, int line) {
  expectations().calls.push_back({function, times, file, line});
}

}  // extern "C"
