// SPDX-License-Identifier: Apache-2.0
#include "config/values.h"

#include "base/text.h"
#include "config/units.h"
#include "config/variables.h"

#include <array>
#include <charconv>

namespace weir::config {

namespace {

constexpr std::string_view write_none = "0 does not mean unlimited: write none";

bool is_zero(std::string_view text) {
  return !text.empty() && text.find_first_not_of('0') == std::string_view::npos;
}

std::string range_text(std::uint64_t least, std::uint64_t most) {
  return concat("a number from ", std::to_string(least), " to ", std::to_string(most));
}

// Of addresses to listen on: what others write for "every address".
Error why_no_bind(std::string_view text, const Error& why) {
  std::string_view port = text;
  if (port.starts_with("*:")) port.remove_prefix(2);
  if (port.starts_with(':')) port.remove_prefix(1);
  if (!to_number(port)) return why;
  return Error(Errc::Invalid,
               concat(in_quotes(text), " has no address; write 0.0.0.0:", port,
                      " for every IPv4 address, [::]:", port, " for every IPv6 one"));
}

// `of_zero`: what to write in its place.
std::optional<Milliseconds> read_time(const Value& value, std::string_view of_zero,
                                      Reporter& report) {
  const auto duration = parse_duration(value.text);
  if (is_zero(value.text) || (duration && duration->count() == 0))
    report.error(value.at, concat("a time of ", value.text, " is not allowed"),
                 std::string(of_zero));
  else if (!duration)
    report.error(value.at, duration.error());
  else
    return *duration;
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> read_number(const Value& value, std::uint64_t least,
                                         std::uint64_t most, Reporter& report) {
  const auto number = to_number(value.text);
  if (number && *number >= least && *number <= most) return number;
  report.error(value.at, concat(in_quotes(value.text), " is not allowed here"),
               concat("write ", range_text(least, most)));
  return std::nullopt;
}

std::optional<std::uint64_t> read_number_or_none(const Value& value, std::uint64_t most,
                                                 Reporter& report) {
  if (value.text == "none") return 0;
  const auto number = to_number(value.text);
  if (number && *number >= 1 && *number <= most) return number;
  report.error(value.at, concat(in_quotes(value.text), " is not allowed here"),
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
      value.at, concat(in_quotes(value.text), " is not allowed here"),
      concat("write a share from ", std::to_string(least), "% to ", std::to_string(most), "%"));
  return std::nullopt;
}

std::optional<std::uint64_t> read_size(const Value& value, std::uint64_t least, std::uint64_t most,
                                       Reporter& report) {
  // Without a unit it is a size all the same, only none that is allowed.
  const auto size = value.text == "0" ? Result<std::uint64_t>(0) : parse_size(value.text);
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
  return read_time(value, "write a time above 0, as in 5s", report);
}

std::optional<Limit> read_limit(const Value& value, Reporter& report) {
  if (value.text == "none") return std::optional<Limit>(std::in_place, std::nullopt);
  const auto duration = read_time(value, write_none, report);
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

std::optional<bool> read_switch(const Value& value, Reporter& report) {
  constexpr std::array<std::string_view, 2> switches = {"on", "off"};
  const auto which = read_choice(value, "switch", switches, report);
  if (!which) return std::nullopt;
  return *which == 0;
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
    report.error(value.at, use == EndpointUse::Bind ? why_no_bind(value.text, endpoint.error())
                                                    : endpoint.error());
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

std::optional<std::uint32_t> read_mode(const Value& value, Reporter& report) {
  std::uint32_t mode = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [stop, error] = std::from_chars(value.text.data(), end, mode, 8);
  if (error == std::errc() && stop == end && mode <= 0777 && value.text.size() >= 3) return mode;
  report.error(value.at, concat(in_quotes(value.text), " is not a file mode"),
               "write it in octal, such as 0660");
  return std::nullopt;
}

std::string read_template(const Value& value, Reporter& report) {
  for (const Error& fault : template_faults(value.marked)) report.error(value.at, fault);
  return std::string(value.marked);
}

}  // namespace weir::config
