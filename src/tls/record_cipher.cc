// SPDX-License-Identifier: Apache-2.0
#include "tls/record_cipher.h"

#include "config.h"

#if WEIR_HAVE_IPSEC_MB

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

namespace weir::tls {

namespace {

constexpr std::size_t fixed_bytes = EVP_GCM_TLS_FIXED_IV_LEN;
constexpr std::size_t explicit_bytes = EVP_GCM_TLS_EXPLICIT_IV_LEN;
static_assert(RecordCipher::header_bytes == EVP_AEAD_TLS1_AAD_LEN);

}  // namespace

bool RecordCipher::begin(bool sealing, Bytes key, Bytes nonce) {
  if ((!key.empty() && key.size() != key_bytes_) ||
      (!nonce.empty() && nonce.size() != sizeof(nonce_)))
    return false;
  sealing_ = sealing;
  if (!key.empty()) {
    key_.set(key);
    has_fixed_ = false;
  }
  if (!nonce.empty()) {
    std::copy(nonce.begin(), nonce.end(), nonce_);
    step_ = Step::Ready;
  }
  header_size_ = 0;
  has_tag_ = is_record_ = false;
  return true;
}

bool RecordCipher::set_tag(Bytes tag) {
  if (sealing_ || tag.size() != sizeof(tag_)) return false;
  std::copy(tag.begin(), tag.end(), tag_);
  return has_tag_ = true;
}

bool RecordCipher::note_header(Bytes header) {
  if (header_size_ != 0 || header.size() > sizeof(header_)) return false;
  std::copy(header.begin(), header.end(), header_);
  header_size_ = header.size();
  return true;
}

bool RecordCipher::run(Bytes in, Byte* out) {
  if (!key_.is_set() || step_ != Step::Ready) return false;
  if (sealing_)
    key_.seal(nonce_, header(), in, out, tag_);
  else
    key_.open(nonce_, header(), in, out, computed_);
  step_ = Step::Ran;
  return true;
}

bool RecordCipher::end() {
  if (step_ != Step::Ran) return false;
  step_ = Step::Idle;
  return sealing_ || (has_tag_ && CRYPTO_memcmp(tag_, computed_, sizeof(tag_)) == 0);
}

bool RecordCipher::get_tag(std::span<Byte> tag) const {
  if (!sealing_ || tag.size() != sizeof(tag_)) return false;
  std::copy(std::begin(tag_), std::end(tag_), tag.begin());
  return true;
}

// The other bytes count, from anywhere: nobody can tell how many records there were.
bool RecordCipher::set_fixed(Bytes nonce) {
  if (nonce.size() != fixed_bytes) return false;
  std::copy(nonce.begin(), nonce.end(), nonce_);
  return has_fixed_ = !sealing_ || RAND_bytes(nonce_ + fixed_bytes, explicit_bytes) == 1;
}

// Of lengths, that of the text alone is authenticated.
bool RecordCipher::expect_record(Bytes header) {
  if (!has_fixed_ || header.size() != sizeof(header_)) return false;
  const std::size_t size = static_cast<std::size_t>(header[11] << 8 | header[12]);
  const std::size_t others = explicit_bytes + (sealing_ ? 0 : sizeof(tag_));
  if (size < others) return false;
  std::copy(header.begin(), header.end(), header_);
  header_[11] = static_cast<Byte>((size - others) >> 8);
  header_[12] = static_cast<Byte>(size - others);
  header_size_ = sizeof(header_);
  return is_record_ = true;
}

bool RecordCipher::run_record(Byte* record, std::size_t& size) {
  is_record_ = false;
  const std::size_t others = explicit_bytes + sizeof(tag_);
  if (!key_.is_set() || size < others) return false;
  Byte *text = record + explicit_bytes, *tag = record + size - sizeof(tag_);
  const Bytes in(text, tag);
  if (sealing_) {
    std::memcpy(record, nonce_ + fixed_bytes, explicit_bytes);
    key_.seal(nonce_, header(), in, text, tag);
    for (std::size_t i = sizeof(nonce_); i-- > fixed_bytes && ++nonce_[i] == 0;) {
    }
    return true;
  }
  std::memcpy(nonce_ + fixed_bytes, record, explicit_bytes);
  key_.open(nonce_, header(), in, text, computed_);
  size -= others;
  return CRYPTO_memcmp(tag, computed_, sizeof(computed_)) == 0;
}

}  // namespace weir::tls

#endif
