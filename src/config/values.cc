// SPDX-License-Identifier: Apache-2.0
#include "config/values.h"

#include "base/text.h"
#include "config/units.h"
#include "config/variables.h"

#include <array>

namespace weir::config {

namespace {

constexpr std::string_view write_none = "0 is no limit: write none";

std::string range_text(std::uint64_t least, std::uint64_t most) {
  return concat("a number from ", std::to_string(least), " to ", std::to_string(most));
}

}  // namespace

std::optional<std::uint64_t> read_number(const Value& value, std::uint64_t least,
                                         std::uint64_t most, Reporter& report) {
  const auto number = to_number(value.text);
  if (number && *number >= least && *number <= most) return number;
  report.error(value.at, concat(in_quotes(value.text), " cannot stand here"),
               concat("write ", range_text(least, most)));
  return std::nullopt;
}

std::optional<std::uint64_t> read_number_or_none(const Value& value, std::uint64_t most,
                                                 Reporter& report) {
  if (value.text == "none") return 0;
  const auto number = to_number(value.text);
  if (number && *number >= 1 && *number <= most) return number;
  report.error(value.at, concat(in_quotes(value.text), " cannot stand here"),
               number && *number == 0 ? std::string(write_none)
                                      : concat("write ", range_text(1, most), ", or none"));
  return std::nullopt;
}

std::optional<std::uint64_t> read_percent(const Value& value, std::uint64_t least,
                                          std::uint64_t most, Reporter& report) {
  std::string_view digits = value.text;
  if (digits.ends_with('%')) {
    digits.remove_suffix(1);
    const auto number = to_number(digits);
    if (number && *number >= least && *number <= most) return number;
  }
  report.error(
      value.at, concat(in_quotes(value.text), " cannot stand here"),
      concat("write a share from ", std::to_string(least), "% to ", std::to_string(most), "%"));
  return std::nullopt;
}

std::optional<std::uint64_t> read_size(const Value& value, std::uint64_t least, std::uint64_t most,
                                       Reporter& report) {
  const auto size = parse_size(value.text);
  if (!size) {
    report.error(value.at, size.error());
  } else if (*size < least || *size > most) {
    report.error(value.at,
                 concat(in_quotes(value.text), *size < least ? " is too small" : " is too large"),
                 concat("write a size from ", size_text(least), " to ", size_text(most)));
  } else {
    return *size;
  }
  return std::nullopt;
}

std::optional<Milliseconds> read_duration(const Value& value, Reporter& report) {
  const auto duration = parse_duration(value.text);
  if (!duration) {
    report.error(value.at, duration.error());
  } else if (duration->count() == 0) {
    report.error(value.at, "a time of 0", std::string(write_none));
  } else {
    return *duration;
  }
  return std::nullopt;
}

std::optional<Limit> read_limit(const Value& value, Reporter& report) {
  if (value.text == "none") return std::optional<Limit>(std::in_place, std::nullopt);
  const auto duration = read_duration(value, report);
  if (!duration) return std::nullopt;
  return Limit(*duration);
}

std::optional<std::size_t> read_choice(const Value& value, std::string_view what,
                                       std::span<const std::string_view> choices,
                                       Reporter& report) {
  for (std::size_t i = 0; i < choices.size(); ++i)
    if (choices[i] == value.text) return i;
  report.unknown(value.at, what, value.text, choices);
  return std::nullopt;
}

std::string read_name(const Value& value, std::string_view what, Reporter& report) {
  if (is_name(value.text)) return std::string(value.text);
  report.error(value.at, concat(in_quotes(value.text), " cannot be the name of a ", what),
               "a letter or _, then letters, digits, _ . and -; at most 128");
  return {};
}

std::optional<Endpoint> read_endpoint(const Value& value, EndpointUse use, Reporter& report) {
  auto endpoint = parse_endpoint(value.text);
  if (!endpoint) {
    if (value.text.starts_with("*:"))
      report.error(value.at, "\"*\" is not an address",
                   "0.0.0.0 means every IPv4 address, [::] every IPv6 one");
    else
      report.error(value.at, endpoint.error());
  } else if (use == EndpointUse::Bind && endpoint->kind == Endpoint::Kind::Name) {
    report.error(value.at, concat(in_quotes(endpoint->host), " is not an IP address"),
                 "weir binds to IP addresses and Unix sockets, not to names");
  } else if (use == EndpointUse::Server && endpoint->kind != Endpoint::Kind::Unix &&
             endpoint->port == 0) {
    report.error(value.at, "a server's port cannot be 0", "write a number from 1 to 65535");
  } else {
    return *endpoint;
  }
  return std::nullopt;
}

std::optional<Cidr> read_cidr(const Value& value, Reporter& report) {
  auto cidr = parse_cidr(value.text);
  if (cidr) return *cidr;
  report.error(value.at, cidr.error());
  return std::nullopt;
}

std::string read_path(const Value& value, Reporter& report) {
  if (!value.text.empty() && value.text.find('\0') == std::string_view::npos)
    return std::string(value.text);
  report.error(value.at, "not a path", "write the name of a file");
  return {};
}

std::string read_template(const Value& value, Reporter& report) {
  const auto parsed = parse_template(value.marked);
  if (!parsed) report.error(value.at, parsed.error());
  return std::string(value.marked);
}

}  // namespace weir::config
