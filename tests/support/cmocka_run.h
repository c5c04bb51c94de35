// SPDX-License-Identifier: Apache-2.0
// Between the three parts of the cmocka layer: a C test ends by a longjmp out of the function that noticed the failure,
// so every such function first says what is wrong, lets its own objects go, and only then calls abandon().
#pragma once

#include "cmocka.h"

#include <cstdint>
#include <string>
#undef fail  // C++ has members of these names
#undef skip

namespace weir::cmocka {

/// Runs one test with its fixtures inside the running GoogleTest test; failures are reported there.
void run_test(const CMUnitTest& test, void* group_state);

/// Adds a failure to the running GoogleTest test.
void report(const char* file, int line, const std::string& text);

/// Leaves the running cmocka test or fixture. The caller holds nothing that wants a destructor.
[[noreturn]] void abandon();

/// Forgets all expectations and return values.
void forget_expectations();

/// Reports each expectation and return value that was not used.
void report_unused_expectations();

/// A point in time for report_leaks().
std::uint64_t memory_mark();

/// Reports and frees each block that test_malloc() gave since the mark and nobody freed.
void report_leaks(std::uint64_t mark);

}  // namespace weir::cmocka
