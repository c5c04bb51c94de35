// SPDX-License-Identifier: Apache-2.0
#include "http/grpc_health.h"

#include <array>
#include <cstdint>

namespace weir::http {

namespace {

constexpr char string_field_1 = 0x0a, number_field_1 = 0x08;
constexpr std::size_t prefix_size = 5;  // not compressed, and the size in four bytes
constexpr std::array<std::string_view, 4> statuses = {"UNKNOWN", "SERVING", "NOT_SERVING",
                                                      "SERVICE_UNKNOWN"};

void put_number(std::string& out, std::size_t number) {
  for (; number >= 0x80; number >>= 7) out += static_cast<char>((number & 0x7f) | 0x80);
  out += static_cast<char>(number);
}

std::size_t size_in(std::string_view prefix) {
  std::size_t size = 0;
  for (std::size_t i = 1; i < prefix_size; ++i)
    size = size << 8 | static_cast<std::uint8_t>(prefix[i]);
  return size;
}

}  // namespace

std::string grpc_health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message += string_field_1;
    put_number(message, service.size());
    message += service;
  }
  std::string body(3, '\0');
  body += static_cast<char>(message.size() >> 8);
  body += static_cast<char>(message.size() & 0xff);
  return body + message;
}

// An enumeration of value 0 may be left out.
std::optional<std::string_view> grpc_health_status(std::string_view body) {
  if (body.size() < prefix_size || body[0] != '\0') return std::nullopt;
  const std::string_view message = body.substr(prefix_size);
  if (message.size() != size_in(body)) return std::nullopt;
  if (message.empty()) return statuses[0];
  if (message.size() != 2 || message[0] != number_field_1) return std::nullopt;
  const auto status = static_cast<std::size_t>(static_cast<unsigned char>(message[1]));
  if (status >= statuses.size()) return std::nullopt;
  return statuses[status];
}

}  // namespace weir::http
