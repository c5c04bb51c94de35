// SPDX-License-Identifier: Apache-2.0
//
// What most sources include of the standard library and of weir, precompiled where the Makefile is told to PRECOMPILE: for
// builds from nothing, since a change of any of these compiles everything anew.  Only the Makefile includes this; each source
// still includes what it uses itself, as the plain build shows.
#pragma once

#include "config/config.h"
#include "config/units.h"
#include "proxy/stream.h"
#include "shm/server_table.h"
#include "tls/transport.h"
#include "upstream/backend.h"
#include "upstream/registry.h"

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
