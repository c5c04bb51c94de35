// SPDX-License-Identifier: Apache-2.0
#include "tls/certificate.h"

#include "base/text.h"
#include "tls/openssl.h"

#include <openssl/pem.h>

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

namespace weir::tls {

namespace {

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string text_of(const X509_NAME* name) {
  BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* bytes = nullptr;
  long size = BIO_get_mem_data(out.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  char text[INET6_ADDRSTRLEN] = "";
  int size = ASN1_STRING_length(address);
  const unsigned char* bytes = ASN1_STRING_get0_data(address);
  if (size == 4) ::inet_ntop(AF_INET, bytes, text, sizeof(text));
  if (size == 16) ::inet_ntop(AF_INET6, bytes, text, sizeof(text));
  return text;
}

NamesPtr names_of(X509* certificate) {
  return NamesPtr(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
}

template <typename Visit>
void each_name(X509* certificate, const Visit& visit) {
  NamesPtr names = names_of(certificate);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i)
    visit(*sk_GENERAL_NAME_value(names.get(), i));
}

std::string common_name(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

// A key is never asked for a password: weir has nobody to ask.
int no_password(char*, int, int, void*) { return -1; }

}  // namespace

struct KeyedCertificate::Parts {
  std::vector<X509Ptr> chain;  ///< the leaf first
  KeyPtr key;
};

KeyedCertificate::KeyedCertificate(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
KeyedCertificate::KeyedCertificate(KeyedCertificate&&) noexcept = default;
KeyedCertificate& KeyedCertificate::operator=(KeyedCertificate&&) noexcept = default;
KeyedCertificate::~KeyedCertificate() = default;

Result<KeyedCertificate> KeyedCertificate::read(const config::Certificate& from) {
  auto parts = std::make_unique<Parts>();
  BioPtr chain = reader_of(from.chain.contents());
  while (X509* next = PEM_read_bio_X509_AUX(chain.get(), nullptr, no_password, nullptr))
    parts->chain.emplace_back(next);
  // Everything was read if the last error is that nothing more begins.
  bool all = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  std::string why = take_reason();
  if (parts->chain.empty() || !all)
    return Error(
        Errc::Invalid,
        concat(in_quotes(from.chain.path),
               parts->chain.empty() ? " holds no certificate" : " is damaged", all ? "" : ": ",
               all ? "" : why, "; it has to be in PEM: -----BEGIN CERTIFICATE-----"));
  BioPtr key = reader_of(from.key.contents());
  parts->key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, no_password, nullptr));
  why = take_reason();
  if (!parts->key)
    return Error(Errc::Invalid, concat(in_quotes(from.key.path), " holds no private key (", why,
                                       "); it has to be in PEM and without a password"));
  if (X509_check_private_key(parts->chain[0].get(), parts->key.get()) != 1) {
    ERR_clear_error();
    return Error(
        Errc::Invalid,
        concat("the key ", in_quotes(from.key.path), " does not belong to the certificate ",
               in_quotes(from.chain.path), "; it has to be the key of the first one in that file"));
  }
  for (std::size_t i = 0; i + 1 < parts->chain.size(); ++i)
    if (X509_check_issued(parts->chain[i + 1].get(), parts->chain[i].get()) != X509_V_OK)
      return Error(Errc::Invalid,
                   concat("the chain in ", in_quotes(from.chain.path), " is not in order: number ",
                          std::to_string(i + 2), " has not signed number ", std::to_string(i + 1),
                          "; the server's own comes first, then who signed it, and so on"));
  return KeyedCertificate(std::move(parts));
}

X509* KeyedCertificate::leaf() const { return parts_->chain[0].get(); }
EVP_PKEY* KeyedCertificate::key() const { return parts_->key.get(); }

std::vector<X509*> KeyedCertificate::others() const {
  std::vector<X509*> all;
  for (std::size_t i = 1; i < parts_->chain.size(); ++i) all.push_back(parts_->chain[i].get());
  return all;
}

std::vector<std::string> KeyedCertificate::names() const {
  std::vector<std::string> names;
  each_name(leaf(), [&names](const GENERAL_NAME& name) {
    if (name.type == GEN_DNS) names.push_back(to_lower(text_of(name.d.dNSName)));
  });
  if (names.empty())
    if (std::string name = common_name(leaf()); !name.empty()) names.push_back(to_lower(name));
  return names;
}

std::string KeyedCertificate::key_kind() const {
  const char* kind = EVP_PKEY_get0_type_name(key());
  return kind ? kind : "?";
}

ClientCertificate describe(X509* certificate) {
  ClientCertificate client;
  client.subject = text_of(X509_get_subject_name(certificate));
  each_name(certificate, [&client](const GENERAL_NAME& name) {
    std::string text = name.type == GEN_DNS     ? text_of(name.d.dNSName)
                       : name.type == GEN_EMAIL ? text_of(name.d.rfc822Name)
                       : name.type == GEN_URI   ? text_of(name.d.uniformResourceIdentifier)
                       : name.type == GEN_IPADD ? address_text(name.d.iPAddress)
                                                : std::string();
    // One with a comma or a NUL in it could pass for two, or for another one.
    if (text.empty() || text.find_first_of(std::string_view(",\0", 2)) != std::string::npos) return;
    client.names += (client.names.empty() ? "" : ",") + text;
  });
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest, &size) == 1)
    for (unsigned int i = 0; i < size; ++i)
      client.fingerprint.append(1, hex_digits[digest[i] >> 4])
          .append(1, hex_digits[digest[i] & 15]);
  return client;
}

}  // namespace weir::tls
