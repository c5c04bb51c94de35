// SPDX-License-Identifier: Apache-2.0
//
// Paths: the two forms are stable, and whatever a server sees in the path that it gets, weir has seen
// before it.  Servers are models of how Tomcat, nginx, Go, Node and IIS find the segments of a path in
// their default and their more permissive settings; each is written down here from its own rules and
// shares no code with the readings.
#include "http/path.h"

#include "base/assert.h"
#include "http/path_readings.h"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace weir::http;
using Segments = std::vector<std::string>;  // decoded, as a server compares them

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool room = text[i] == '%' && text.size() - i >= 3;
    const int high = room ? digit_of(text[i + 1]) : -1, low = room ? digit_of(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string with_slashes(std::string text) {
  for (char& c : text)
    if (c == '\\') c = '/';
  return text;
}

Segments split(const std::string& path) {
  Segments all(1);
  for (std::size_t i = 1; i < path.size(); ++i)
    if (path[i] == '/')
      all.emplace_back();
    else
      all.back() += path[i];
  return all;
}

// Empty segments but for the last are none.
Segments merged(const Segments& segments) {
  Segments all;
  for (std::size_t i = 0; i < segments.size(); ++i)
    if (!segments[i].empty() || i + 1 == segments.size()) all.push_back(segments[i]);
  return all;
}

template <typename Change>
Segments each(Segments segments, Change change) {
  for (std::string& segment : segments) segment = change(segment);
  return segments;
}

std::string without_parameters(const std::string& segment) {
  return segment.substr(0, segment.find(';'));
}

std::string join(const Segments& segments) {
  std::string path;
  for (const std::string& segment : segments) path += "/" + segment;
  return path;
}

// Path parameters go first, then escapes are decoded, then empty segments go.
Segments tomcat(const std::string& sent) {
  return merged(split(decoded(join(each(split(sent), without_parameters)))));
}
Segments tomcat_with_backslashes(const std::string& sent) {
  return merged(split(with_slashes(decoded(join(each(split(sent), without_parameters))))));
}
// Frameworks above it find segments first, and cut once more.
Segments spring(const std::string& sent) {
  return each(each(split(sent), without_parameters), decoded);
}
Segments nginx(const std::string& sent) { return merged(split(decoded(sent))); }
Segments nginx_unmerged(const std::string& sent) { return split(decoded(sent)); }
Segments go(const std::string& sent) { return merged(split(decoded(sent))); }
Segments go_by_segment(const std::string& sent) { return each(split(sent), decoded); }
Segments node(const std::string& sent) { return each(split(sent), decoded); }
Segments node_whatwg(const std::string& sent) { return each(split(with_slashes(sent)), decoded); }
Segments node_decoded_whole(const std::string& sent) { return split(decoded(sent)); }
Segments iis(const std::string& sent) { return merged(split(with_slashes(decoded(sent)))); }
Segments iis_and_application(const std::string& sent) {
  return merged(split(with_slashes(decoded(decoded(sent)))));
}
Segments thrice(const std::string& sent) {
  return merged(each(split(with_slashes(decoded(decoded(decoded(sent))))), without_parameters));
}

constexpr Segments (*servers[])(const std::string&) = {
    tomcat, tomcat_with_backslashes, spring, nginx,       nginx_unmerged,
    go,     go_by_segment,           node,   node_whatwg, node_decoded_whole,
    iis,    iis_and_application,     thrice};

// How a route would name these segments.
std::string spelled(const Segments& segments) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view as_they_are =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@";
  std::string path;
  for (const std::string& segment : segments) {
    path += '/';
    for (const char c : segment) {
      if (as_they_are.find(c) != std::string_view::npos) {
        path += c;
        continue;
      }
      const auto byte = static_cast<unsigned char>(c);
      path.append(1, '%').append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    }
  }
  return path;
}

void check_forms(std::string_view sent, const Path& path, weir::Arena& arena) {
  const auto again = read_path(path.plain, arena);
  WEIR_ASSERT(again && again->plain == path.plain);
  const auto forwarded = read_path(path.forwarded, arena);
  WEIR_ASSERT(forwarded && forwarded->forwarded == path.forwarded);
  WEIR_ASSERT(forwarded->plain == path.plain && path.forwarded.size() <= sent.size());
  if (is_ordinary_path(sent)) WEIR_ASSERT(path.plain == sent && !path.has_readings);
  // All servers agree about a path that is said to have no readings.
  if (!path.has_readings)
    for (const auto server : servers)
      WEIR_ASSERT(spelled(server(std::string(path.forwarded))) == path.plain);
}

std::set<std::string> readings_of(const Path& path, std::size_t most, weir::Arena& arena) {
  std::set<std::string> all;
  PathReadings readings(path, most, arena);
  while (const auto reading = readings.next()) all.emplace(*reading);
  return all;
}

// No server may see a path that is neither the plain one nor a reading that was matched.
void check_servers(const Path& path, weir::Arena& arena) {
  const std::set<std::string> all = readings_of(path, SIZE_MAX, arena);
  for (const auto server : servers) {
    const Segments segments = server(std::string(path.forwarded));
    for (const std::string& segment : segments) WEIR_ASSERT(segment != "." && segment != "..");
    const std::string seen = spelled(segments);
    WEIR_ASSERT(seen == path.plain || all.contains(seen));
  }
  for (const std::size_t most : {std::size_t{0}, std::size_t{3}, std::size_t{9}}) {
    std::set<std::string> cut;
    for (const std::string& reading : all)
      if (reading.substr(0, most) != path.plain.substr(0, most))
        cut.insert(reading.substr(0, most));
    WEIR_ASSERT(cut == readings_of(path, most, arena));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view sent(reinterpret_cast<const char*>(data), size);
  weir::Arena arena;
  const auto path = read_path(sent, arena);
  if (!path) return 0;
  check_forms(sent, *path, arena);
  if (find_hidden(*path, arena) == Hidden::Nothing) check_servers(*path, arena);
  (void)reduce_slashes(sent, arena);
  return 0;
}
