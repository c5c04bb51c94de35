// SPDX-License-Identifier: Apache-2.0
//
// Checking the `tls` blocks of a configuration when it is loaded: everything is made once, as workers will
// make it, and thrown away.
#include "base/text.h"
#include "base/wall_time.h"
#include "tls/certificate.h"
#include "tls/client_context.h"
#include "tls/openssl.h"
#include "tls/server_context.h"

#include <map>
#include <utility>

namespace weir::tls {

namespace {

constexpr int soon_days = 14;

class Checker {
 public:
  explicit Checker(std::time_t now) : now_(now) {}

  void listener(const config::ListenerTls& tls) {
    bool good = true;
    for (const config::Certificate& each : tls.certificates) good &= certificate(each);
    if (!good) return;
    auto made = ServerContext::build(tls, {}, nullptr, nullptr);
    if (!made) add(tls, made.error());
  }

  void backend(const config::BackendTls& tls) {
    if (tls.certificate && !certificate(*tls.certificate)) return;
    auto made = ClientContext::build(tls, {});
    if (!made) add(tls, made.error());
  }

  std::vector<Finding> take() { return std::move(findings_); }

 private:
  bool certificate(const config::Certificate& from) {
    auto read = KeyedCertificate::read(from);
    if (!read) {
      add(from.chain.place, read.error());
      return false;
    }
    dates(from, read->leaf());
    for (X509* other : read->others()) dates(from, other);
    return true;
  }

  void dates(const config::Certificate& from, X509* certificate) {
    const ASN1_TIME* end = X509_get0_notAfter(certificate);
    int days = 0, seconds = 0;
    ASN1_TIME* now = ASN1_TIME_set(nullptr, now_);
    if (X509_cmp_time(X509_get0_notBefore(certificate), &now_) > 0)
      warn(from, "is not valid yet", "is this machine's clock right?");
    else if (X509_cmp_time(end, &now_) < 0)
      warn(from, "has expired", "clients will refuse it");
    else if (ASN1_TIME_diff(&days, &seconds, now, end) == 1 && days < soon_days)
      warn(from, concat("expires in ", std::to_string(days), days == 1 ? " day" : " days"),
           "replace it and reload");
    ASN1_TIME_free(now);
    ERR_clear_error();
  }

  void warn(const config::Certificate& from, std::string_view what, std::string hint) {
    findings_.push_back({from.chain.place, false,
                         concat("certificate ", in_quotes(from.chain.path), " ", what),
                         std::move(hint)});
  }

  // Where it stands is guessed from what it is about, since a context is made as a whole.
  void add(const config::TlsTerms& terms, const Error& why) {
    const std::string& text = why.text();
    bool groups = text.find("the groups") != std::string::npos;
    bool ciphers = text.find("the ciphers") != std::string::npos;
    add(groups && terms.groups_place.line > 0     ? terms.groups_place
        : ciphers && terms.ciphers_place.line > 0 ? terms.ciphers_place
                                                  : terms.place,
        why);
  }

  void add(const config::Place& place, const Error& why) {
    std::size_t end = why.text().find("; ");
    findings_.push_back({place, true, why.text().substr(0, end),
                         end == std::string::npos ? "" : why.text().substr(end + 2)});
  }

  std::time_t now_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check(const config::Config& config, std::time_t now) {
  Checker checker(now);
  for (const config::Listener& listener : config.listeners)
    if (listener.tls) checker.listener(*listener.tls);
  for (const config::Backend& backend : config.backends)
    if (backend.tls) checker.backend(*backend.tls);
  return checker.take();
}

}  // namespace weir::tls
