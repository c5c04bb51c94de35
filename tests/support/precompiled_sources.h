// SPDX-License-Identifier: Apache-2.0
//
// What most sources include of the standard library, precompiled where the Makefile is told to PRECOMPILE.  Only the
// Makefile includes this; each source still includes what it uses itself, as the plain build shows.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstring>
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
#include <variant>
#include <vector>
