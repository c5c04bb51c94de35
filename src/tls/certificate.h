// SPDX-License-Identifier: Apache-2.0
//
// Certificates and keys as they stand in files: read, and checked for what can be known before anybody
// connects: that a key belongs to its certificate, that a chain is in order, that the dates hold.
#pragma once

#include <weir/result.h>

#include "config/config.h"

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// As OpenSSL has it; who only holds one needs none of its headers.
using X509 = struct x509_st;
using EVP_PKEY = struct evp_pkey_st;

namespace weir::tls {

/// A certificate with what leads to its root, and its key.
class KeyedCertificate {
 public:
  /// Errors say what is wrong with which of the two files.
  static Result<KeyedCertificate> read(const config::Certificate& from);

  KeyedCertificate(KeyedCertificate&&) noexcept;
  KeyedCertificate& operator=(KeyedCertificate&&) noexcept;
  ~KeyedCertificate();

  X509* leaf() const;
  EVP_PKEY* key() const;
  /// Those behind the leaf, in order.
  std::vector<X509*> others() const;

  /// The host names it is for, in lower case; "*.example.com" stands for one more label.
  std::vector<std::string> names() const;
  /// A word for the kind of its key: "RSA", "EC", "ED25519".
  std::string key_kind() const;

 private:
  struct Parts;
  explicit KeyedCertificate(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// What the client showed of itself, for routes, headers and logs.
struct ClientCertificate {
  std::string subject;      ///< RFC 2253: "CN=alice,O=Example"
  std::string names;        ///< DNS, mail, URI and IP names of its SAN, with commas in between
  std::string fingerprint;  ///< SHA-256 of the certificate, hex
};
ClientCertificate describe(X509* certificate);

/// Something to be said about the `tls` blocks of a configuration.
struct Finding {
  config::Place place;
  bool is_error = true;
  std::string text, hint;
};

/// Checks everything that TLS contexts will be made of, at the moment `now`.
std::vector<Finding> check(const config::Config& config, std::time_t now);

}  // namespace weir::tls
