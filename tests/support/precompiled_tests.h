// SPDX-License-Identifier: Apache-2.0
//
// What most unit tests include, precompiled once a build: parsing it takes longer than compiling most of them.  Only the
// Makefile includes this; each test still includes what it uses itself.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#ifdef WEIR_PRECOMPILE
#include "precompiled_sources.h"
#endif

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>
