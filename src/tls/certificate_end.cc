// SPDX-License-Identifier: Apache-2.0
#include "tls/certificate_end.h"

#include "tls/openssl.h"

#include <ctime>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_set>

namespace weir::tls {

namespace {

std::optional<std::int64_t> end_of(X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return std::nullopt;
  return static_cast<std::int64_t>(timegm(&parts));
}

std::optional<std::int64_t> first_end(std::string_view pem) {
  const BioPtr bio = reader_of(pem);
  std::optional<std::int64_t> first;
  while (bio) {
    const X509Ptr each(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!each) break;
    const auto end = end_of(each.get());
    if (end && (!first || *end < *first)) first = end;
  }
  ERR_clear_error();  // the end of the file is an error to OpenSSL
  return first;
}

}  // namespace

std::vector<CertificateEnd> certificate_ends(const config::Config& config) {
  std::vector<CertificateEnd> ends;
  std::unordered_set<std::string_view> seen;
  const auto add = [&](const config::Certificate& each) {
    if (!seen.insert(each.chain.path).second) return;
    if (auto end = first_end(each.chain.contents())) ends.push_back({each.chain.path, *end});
  };
  for (const config::Listener& listener : config.listeners)
    if (listener.tls)
      for (const config::Certificate& each : listener.tls->certificates) add(each);
  for (const config::Backend& backend : config.backends)
    if (backend.tls && backend.tls->certificate) add(*backend.tls->certificate);
  return ends;
}

}  // namespace weir::tls
