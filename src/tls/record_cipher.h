// SPDX-License-Identifier: Apache-2.0
//
// RecordCipher: one direction of a connection, as OpenSSL's record layer uses a cipher.  There are two ways.
// TLS 1.3 (RFC 8446 §5.2): a nonce, the tag if there is one to compare, the header, the text, the end, the tag if there is
// one to take.  TLS 1.2 (RFC 5288): four bytes of the nonce once, then for each record its header, and all of it at
// once: the other eight bytes of the nonce, the text, the tag.  Inside this room only.
//
// Whatever says false has changed nothing that could give a key away: no nonce seals two messages.
#pragma once

#include "tls/vector_gcm.h"

#include <cstddef>
#include <span>

namespace weir::tls {

class RecordCipher {
 public:
  using Byte = unsigned char;
  using Bytes = GcmKey::Bytes;
  static constexpr std::size_t header_bytes = 13;  ///< in TLS 1.2, with the record's number

  /// `key_bytes`: 16 or 32.
  explicit RecordCipher(std::size_t key_bytes) : key_bytes_(key_bytes) {}

  std::size_t key_bytes() const { return key_bytes_; }

  /// An empty key or nonce: the one before stays.
  bool begin(bool sealing, Bytes key, Bytes nonce);

  // TLS 1.3.

  bool set_tag(Bytes tag);  ///< to be compared
  bool note_header(Bytes header);
  /// Writes as many bytes to `out` as `in` has.
  bool run(Bytes in, Byte* out);
  /// Is what was opened what had been sealed?
  bool end();
  bool get_tag(std::span<Byte> tag) const;

  // TLS 1.2.

  bool set_fixed(Bytes nonce);
  /// What the next record has in front; not before the nonce's first bytes are known.
  bool expect_record(Bytes header);
  bool expects_record() const { return is_record_; }
  /// In place; `size` becomes that of the text if it is opened, which begins behind eight bytes.
  bool run_record(Byte* record, std::size_t& size);

 private:
  enum class Step : unsigned char { Idle, Ready, Ran };

  Bytes header() const { return {header_, header_size_}; }

  GcmKey key_;
  std::size_t key_bytes_;
  std::size_t header_size_ = 0;
  Step step_ = Step::Idle;
  bool sealing_ = false, has_tag_ = false, has_fixed_ = false, is_record_ = false;
  Byte nonce_[GcmKey::nonce_bytes];
  Byte header_[header_bytes];
  Byte tag_[GcmKey::tag_bytes], computed_[GcmKey::tag_bytes];
};

}  // namespace weir::tls
