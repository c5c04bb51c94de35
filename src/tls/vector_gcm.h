// SPDX-License-Identifier: Apache-2.0
//
// GcmKey: AES in Galois/Counter Mode (NIST SP 800-38D), a message at a time, by libipsec-mb.  It has what OpenSSL
// has from 3.1 on: code for processors that work on four blocks in one instruction (VAES, VPCLMULQDQ).  16 KB take
// about a third of the time they take OpenSSL 3.0.  Inside this room only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::tls {

/// Was weir built with the library, and has this processor the instructions?  Otherwise no GcmKey may be made.
bool has_vector_gcm();

/// One key.  What is computed from it beforehand (1 KB) is kept for the keys used last, together for all of a
/// thread's connections: an idle one holds no more than the key itself.
class GcmKey {
 public:
  using Bytes = std::span<const unsigned char>;
  static constexpr std::size_t nonce_bytes = 12, tag_bytes = 16;

  GcmKey() = default;
  GcmKey(const GcmKey&) = delete;
  GcmKey& operator=(const GcmKey&) = delete;
  ~GcmKey();

  /// 16 or 32 bytes.
  void set(Bytes key);
  bool is_set() const { return size_ != 0; }

  /// Writes as many bytes to `out` as `in` has, and a tag.  They may be the same place.
  void seal(const unsigned char* nonce, Bytes aad, Bytes in, unsigned char* out,
            unsigned char* tag);
  /// Likewise; what was written must not be used unless `tag` is the one that came with it.
  void open(const unsigned char* nonce, Bytes aad, Bytes in, unsigned char* out,
            unsigned char* tag);

 private:
  struct Expanded;
  struct Kept;

  const Expanded& expand();
  void forget();

  unsigned char bytes_[32];
  unsigned char size_ = 0;
  std::uint16_t slot_ = 0;
  std::uint64_t number_ = 0;  ///< no two keys of a process ever have the same
};

}  // namespace weir::tls
