// SPDX-License-Identifier: Apache-2.0
#include "tls/provider.h"

#include "config.h"
#include "tls/openssl.h"
#include "tls/record_cipher.h"

#if WEIR_HAVE_IPSEC_MB

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <new>
#include <string_view>

namespace weir::tls {

namespace {

using Byte = RecordCipher::Byte;
using Bytes = RecordCipher::Bytes;

// What OpenSSL calls: provider-cipher(7).

RecordCipher& cipher_of(void* context) { return *static_cast<RecordCipher*>(context); }

template <std::size_t key_bytes>
void* make(void*) {
  void* memory = OPENSSL_malloc(sizeof(RecordCipher));
  return memory ? new (memory) RecordCipher(key_bytes) : nullptr;
}

void release(void* context) {
  if (!context) return;
  cipher_of(context).~RecordCipher();
  OPENSSL_free(context);
}

int set_context(void* context, const OSSL_PARAM* params) {
  RecordCipher& cipher = cipher_of(context);
  for (; params && params->key; ++params) {
    const std::string_view name = params->key;
    const Bytes value(static_cast<const Byte*>(params->data), params->data_size);
    std::size_t size = 0;
    bool good = true;
    if (!params->data) return 0;
    if (name == OSSL_CIPHER_PARAM_AEAD_TAG)
      good = cipher.set_tag(value);
    else if (name == OSSL_CIPHER_PARAM_AEAD_TLS1_AAD)
      good = cipher.expect_record(value);
    else if (name == OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED)
      good = cipher.set_fixed(value);
    else if (name == OSSL_CIPHER_PARAM_AEAD_IVLEN)
      good = OSSL_PARAM_get_size_t(params, &size) && size == GcmKey::nonce_bytes;
    if (!good) return 0;
  }
  return 1;
}

int get_context(void* context, OSSL_PARAM* params) {
  const RecordCipher& cipher = cipher_of(context);
  for (; params && params->key; ++params) {
    const std::string_view name = params->key;
    bool good = true;
    if (name == OSSL_CIPHER_PARAM_AEAD_TAG)
      good = params->data && cipher.get_tag({static_cast<Byte*>(params->data), params->data_size});
    else if (name == OSSL_CIPHER_PARAM_IVLEN)
      good = OSSL_PARAM_set_size_t(params, GcmKey::nonce_bytes);
    else if (name == OSSL_CIPHER_PARAM_KEYLEN)
      good = OSSL_PARAM_set_size_t(params, cipher.key_bytes());
    else if (name == OSSL_CIPHER_PARAM_AEAD_TAGLEN || name == OSSL_CIPHER_PARAM_AEAD_TLS1_AAD_PAD)
      good = OSSL_PARAM_set_size_t(params, GcmKey::tag_bytes);
    if (!good) return 0;
  }
  return 1;
}

template <bool sealing>
int begin(void* context, const Byte* key, std::size_t key_size, const Byte* nonce,
          std::size_t nonce_size, const OSSL_PARAM* params) {
  const Bytes no_bytes;
  return cipher_of(context).begin(sealing, key ? Bytes(key, key_size) : no_bytes,
                                  nonce ? Bytes(nonce, nonce_size) : no_bytes)
             ? set_context(context, params)
             : 0;
}

int update(void* context, Byte* out, std::size_t* written, std::size_t room, const Byte* in,
           std::size_t size) {
  RecordCipher& cipher = cipher_of(context);
  *written = 0;
  if (!out) return cipher.note_header({in, size});
  if (room < size) return 0;
  *written = size;
  if (!cipher.expects_record()) return cipher.run({in, size}, out);
  return in == out && cipher.run_record(out, *written);
}

int end(void* context, Byte*, std::size_t* written, std::size_t) {
  *written = 0;
  return cipher_of(context).end();
}

template <std::size_t key_bytes>
int get_algorithm(OSSL_PARAM* params) {
  for (; params && params->key; ++params) {
    const std::string_view name = params->key;
    bool good = true;
    if (name == OSSL_CIPHER_PARAM_MODE)
      good = OSSL_PARAM_set_uint(params, EVP_CIPH_GCM_MODE);
    else if (name == OSSL_CIPHER_PARAM_KEYLEN)
      good = OSSL_PARAM_set_size_t(params, key_bytes);
    else if (name == OSSL_CIPHER_PARAM_IVLEN)
      good = OSSL_PARAM_set_size_t(params, GcmKey::nonce_bytes);
    else if (name == OSSL_CIPHER_PARAM_BLOCK_SIZE)
      good = OSSL_PARAM_set_size_t(params, 1);
    else if (name == OSSL_CIPHER_PARAM_AEAD || name == OSSL_CIPHER_PARAM_CUSTOM_IV)
      good = OSSL_PARAM_set_int(params, 1);
    if (!good) return 0;
  }
  return 1;
}

template <typename Function>
OSSL_DISPATCH entry(int id, Function* function) {
  return {id, reinterpret_cast<void (*)()>(function)};
}

template <std::size_t key_bytes>
const OSSL_DISPATCH functions[] = {entry(OSSL_FUNC_CIPHER_NEWCTX, make<key_bytes>),
                                   entry(OSSL_FUNC_CIPHER_FREECTX, release),
                                   entry(OSSL_FUNC_CIPHER_ENCRYPT_INIT, begin<true>),
                                   entry(OSSL_FUNC_CIPHER_DECRYPT_INIT, begin<false>),
                                   entry(OSSL_FUNC_CIPHER_UPDATE, update),
                                   entry(OSSL_FUNC_CIPHER_FINAL, end),
                                   entry(OSSL_FUNC_CIPHER_GET_PARAMS, get_algorithm<key_bytes>),
                                   entry(OSSL_FUNC_CIPHER_GET_CTX_PARAMS, get_context),
                                   entry(OSSL_FUNC_CIPHER_SET_CTX_PARAMS, set_context),
                                   {0, nullptr}};

const OSSL_ALGORITHM ciphers[] = {
    {"AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", "provider=weir", functions<16>,
     "AES-128-GCM for records of TLS"},
    {"AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", "provider=weir", functions<32>,
     "AES-256-GCM for records of TLS"},
    {nullptr, nullptr, nullptr, nullptr}};

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
  *no_cache = 0;
  return operation == OSSL_OP_CIPHER ? ciphers : nullptr;
}

const OSSL_DISPATCH provider[] = {entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, nullptr}};

int start(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** own) {
  *out = provider;
  *own = nullptr;
  return 1;
}

}  // namespace

bool add_provider() {
  static const OSSL_PROVIDER* const added = []() -> OSSL_PROVIDER* {
    if (!has_vector_gcm()) return nullptr;
    // Who asks for nothing gets what OpenSSL has known longest: that is to be its own.
    const CipherPtr own(EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr));
    constexpr int keep_others = 1;
    if (OSSL_PROVIDER_add_builtin(nullptr, "weir", start) != 1) return nullptr;
    return OSSL_PROVIDER_try_load(nullptr, "weir", keep_others);
  }();
  return added != nullptr;
}

}  // namespace weir::tls

#else

namespace weir::tls {

bool add_provider() { return has_vector_gcm(); }

}  // namespace weir::tls

#endif
