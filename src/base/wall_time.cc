// SPDX-License-Identifier: Apache-2.0
#include "base/wall_time.h"

#include <time.h>

#include <cstdio>

namespace weir {

std::int64_t wall_clock_us() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

std::string_view format_wall_time(std::int64_t wall_us, char* out) {
  time_t seconds = static_cast<time_t>(wall_us / 1'000'000);
  tm parts;
  gmtime_r(&seconds, &parts);
  int size = std::snprintf(out, wall_time_size + 8, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                           parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                           parts.tm_min, parts.tm_sec, static_cast<int>(wall_us / 1000 % 1000));
  return {out, static_cast<std::size_t>(size)};
}

std::string_view SecondText::of(std::int64_t wall_us) {
  const std::int64_t second = wall_us / 1'000'000;
  if (second != second_) {
    const time_t seconds = static_cast<time_t>(second);
    tm parts;
    gmtime_r(&seconds, &parts);
    size_ = strftime(text_, sizeof(text_), format_, &parts);
    second_ = second;
  }
  return {text_, size_};
}

}  // namespace weir
