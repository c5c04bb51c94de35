// SPDX-License-Identifier: Apache-2.0
//
// Reading the values of statements: each function takes one value, and either returns what it means
// or reports, at its place, why it cannot be that.
#pragma once

#include "config/config.h"
#include "config/lexer.h"
#include "config/source.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::config {

std::optional<std::uint64_t> read_number(const Value& value, std::uint64_t least,
                                         std::uint64_t most, Reporter& report);

/// A number from 1 to `most`, or 0 for the word `none`.
std::optional<std::uint64_t> read_number_or_none(const Value& value, std::uint64_t most,
                                                 Reporter& report);

/// A share like "10%", within bounds.
std::optional<std::uint64_t> read_percent(const Value& value, std::uint64_t least,
                                          std::uint64_t most, Reporter& report);

/// A size in bytes within bounds.
std::optional<std::uint64_t> read_size(const Value& value, std::uint64_t least, std::uint64_t most,
                                       Reporter& report);

/// A duration that is not zero.
std::optional<Milliseconds> read_duration(const Value& value, Reporter& report);

/// A duration that is not zero, or `none`.
std::optional<Limit> read_limit(const Value& value, Reporter& report);

/// The number of the word among `choices`; `what` is for the message, as in "balance method".
std::optional<std::size_t> read_choice(const Value& value, std::string_view what,
                                       std::span<const std::string_view> choices, Reporter& report);

/// `on` or `off`.
std::optional<bool> read_switch(const Value& value, Reporter& report);

/// A name by the grammar of names; empty if it is none.
std::string read_name(const Value& value, std::string_view what, Reporter& report);

/// An address; `what` it is for says what kinds are allowed.
enum class EndpointUse : std::uint8_t { Bind, Server };
std::optional<Endpoint> read_endpoint(const Value& value, EndpointUse use, Reporter& report);

std::optional<Cidr> read_cidr(const Value& value, Reporter& report);

/// A path in the file system; empty if it is none.
std::string read_path(const Value& value, Reporter& report);

/// Permissions of a file in octal, at least three digits.
std::optional<std::uint32_t> read_mode(const Value& value, Reporter& report);

/// A text with variables, checked; returned as parse_template takes it.
std::string read_template(const Value& value, Reporter& report);

}  // namespace weir::config
