// SPDX-License-Identifier: Apache-2.0
#include "tls/library.h"

#include "base/text.h"
#include "tls/memory.h"
#include "tls/openssl.h"
#include "tls/provider.h"
#include "tls/vector_gcm.h"

#include <openssl/rand.h>

namespace weir::tls {

void initialise() {
  keep_memory();
  OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
  add_provider();
  // The first of each kind looks for providers.
  SslCtxPtr server(SSL_CTX_new_ex(nullptr, preferred_properties, TLS_server_method()));
  SslCtxPtr client(SSL_CTX_new_ex(nullptr, preferred_properties, TLS_client_method()));
  unsigned char byte;
  RAND_bytes(&byte, 1);
  ERR_clear_error();
}

std::string describe() {
  return concat(OpenSSL_version(OPENSSL_VERSION),
                has_vector_gcm() ? ", AES-GCM of records by libipsec-mb" : "");
}

}  // namespace weir::tls
