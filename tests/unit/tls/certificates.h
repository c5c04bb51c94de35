// SPDX-License-Identifier: Apache-2.0
//
// Certificates for tests, made in memory: an authority and what it has signed.
#pragma once

#include "config/config.h"
#include "tls/openssl.h"

#include <openssl/pem.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tls {

inline config::NamedFile file_of(std::string name, std::string text) {
  config::NamedFile file;
  file.path = std::move(name);
  file.hash = "hash of " + text;
  file.text = std::make_shared<const std::string>(std::move(text));
  return file;
}

/// One certificate with its key; signs others.
class Issued {
 public:
  /// `names`: "DNS:a.test,IP:127.0.0.1"; may be empty.  `by`: null = by itself.
  Issued(const std::string& subject, const std::string& names, const Issued* by = nullptr,
         bool rsa = false, long from_seconds = -3600, long to_seconds = 90L * 86400)
      : key_(rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256")), certificate_(X509_new()) {
    static long serial = 1;
    X509* raw = certificate_.get();
    X509_set_version(raw, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(raw), serial++);
    X509_gmtime_adj(X509_getm_notBefore(raw), from_seconds);
    X509_gmtime_adj(X509_getm_notAfter(raw), to_seconds);
    X509_NAME* name = X509_get_subject_name(raw);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
    X509_set_issuer_name(raw, by ? X509_get_subject_name(by->certificate_.get()) : name);
    X509_set_pubkey(raw, key_.get());
    if (!names.empty()) extend(NID_subject_alt_name, names);
    if (!by) extend(NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(raw, by ? by->key_.get() : key_.get(), EVP_sha256());
  }

  X509* certificate() const { return certificate_.get(); }

  std::string chain() const {
    return text([this](BIO* out) { PEM_write_bio_X509(out, certificate_.get()); });
  }
  std::string key() const {
    return text([this](BIO* out) {
      PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  config::Certificate files() const {
    return {file_of("chain.pem", chain()), file_of("key.pem", key()), {}};
  }

 private:
  void extend(int which, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, which, value.c_str());
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  template <typename Write>
  static std::string text(const Write& write) {
    BioPtr out(BIO_new(BIO_s_mem()));
    write(out.get());
    char* bytes = nullptr;
    long size = BIO_get_mem_data(out.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
  }

  KeyPtr key_;
  X509Ptr certificate_;
};

}  // namespace weir::tls
