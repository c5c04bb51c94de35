// SPDX-License-Identifier: Apache-2.0
//
// The list of filters: a word of weir.conf, a factory.  One line a filter; modules add theirs.
#pragma once

#include <weir/filter.h>
#include <weir/module.h>

#include <span>
#include <string_view>

namespace weir::filter {

/// The filters of weir and of the modules compiled in.
std::span<const FilterKind> kinds();

/// The first of these modules that was compiled for another contract, or null.
const Module* misfit(std::span<const Module* const> all);

/// The filter with that word, or null.
const FilterKind* find(std::string_view word);

}  // namespace weir::filter
