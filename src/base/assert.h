// SPDX-License-Identifier: Apache-2.0
//
// WEIR_ASSERT: for bugs, never for what a peer or an operator did.  Always on; prints where and ends
// the process, which is then replaced.
#pragma once

#include <cstdio>
#include <cstdlib>

#define WEIR_ASSERT(condition)                                                                     \
  do {                                                                                             \
    if (!(condition)) [[unlikely]] {                                                               \
      std::fprintf(stderr, "weir: %s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                                \
    }                                                                                              \
  } while (false)
