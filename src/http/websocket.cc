// SPDX-License-Identifier: Apache-2.0
//
// SHA-1 (FIPS 180-4 §6.1) proves nothing to anybody here but that a server is no other than a WebSocket one.
#include "http/websocket.h"

#include <array>
#include <bit>
#include <cstddef>

namespace weir::http {

namespace {

using Hash = std::array<std::uint32_t, 5>;

void add_block(Hash& hash, const unsigned char* block) {
  std::array<std::uint32_t, 80> w;
  for (std::size_t i = 0; i < 16; ++i)
    w[i] = std::uint32_t{block[4 * i]} << 24 | std::uint32_t{block[4 * i + 1]} << 16 |
           std::uint32_t{block[4 * i + 2]} << 8 | block[4 * i + 3];
  for (std::size_t i = 16; i < 80; ++i)
    w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  auto [a, b, c, d, e] = hash;
  for (std::size_t i = 0; i < 80; ++i) {
    const std::uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                            : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                            : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                                     : (b ^ c ^ d) + 0xCA62C1D6;
    const std::uint32_t next = std::rotl(a, 5) + f + e + w[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  hash = {hash[0] + a, hash[1] + b, hash[2] + c, hash[3] + d, hash[4] + e};
}

std::string sha1(std::string_view text) {
  Hash hash = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  std::string padded(text);
  padded += '\x80';
  while (padded.size() % 64 != 56) padded += '\0';
  for (int shift = 56; shift >= 0; shift -= 8)
    padded += static_cast<char>(text.size() * 8 >> shift & 0xFF);
  for (std::size_t at = 0; at < padded.size(); at += 64)
    add_block(hash, reinterpret_cast<const unsigned char*>(padded.data()) + at);
  std::string bytes;
  for (std::uint32_t word : hash)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(word >> shift & 0xFF);
  return bytes;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 3; ++i)
      word = word << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += at + i <= bytes.size() ? digits[word >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

}  // namespace

std::string websocket_key(std::uint64_t high, std::uint64_t low) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(high >> shift & 0xFF);
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(low >> shift & 0xFF);
  return base64(bytes);
}

std::string websocket_accept(std::string_view key) {
  return base64(sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

}  // namespace weir::http
