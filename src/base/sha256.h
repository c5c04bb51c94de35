// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 (FIPS 180-4): the name of a configuration.  For identity, not for secrets; what needs
// keys or speed uses the library in tls/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

class Sha256 {
 public:
  using Digest = std::array<std::uint8_t, 32>;

  /// Takes more of the message.
  void update(std::string_view bytes);

  /// The digest of all that was taken.  Call once, last.
  Digest finish();

 private:
  void block(const std::uint8_t* bytes);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> rest_{};
  std::uint64_t length_ = 0;  // bytes taken
};

/// The digest of `bytes` as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace weir
