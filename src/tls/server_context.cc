// SPDX-License-Identifier: Apache-2.0
#include "tls/server_context.h"

#include "base/sha256.h"
#include "base/text.h"
#include "tls/callbacks.h"
#include "tls/certificate.h"
#include "tls/terms.h"

#include <openssl/pem.h>

#include <algorithm>
#include <set>
#include <utility>

namespace weir::tls {

namespace {

// A ticket is of no use when its key and the next one have gone.
constexpr long ticket_seconds = 4L * 3600;

std::string key_of_certificate(const config::Certificate& certificate) {
  return concat(certificate.chain.hash, " ", certificate.key.hash, " ", certificate.ocsp.hash,
                "\n");
}

std::string key_of_clients(const config::ListenerTls& tls) {
  return concat(tls.client_ca.hash, tls.verify == config::ClientVerify::Required ? " !\n" : " ?\n");
}

}  // namespace

struct ServerContext::Site {
  SslCtxPtr context;
};

struct ServerContext::Build {
  using Members = std::vector<std::size_t>;  ///< indices of certificates

  Result<void> read() {
    for (const config::Certificate& certificate : tls.certificates) {
      auto read = KeyedCertificate::read(certificate);
      if (!read) return read.error();
      certificates.push_back(std::move(*read));
    }
    return {};
  }

  // For each name the certificates that are for it, of each kind of key the first.
  std::map<std::string, Members> group() const {
    std::map<std::string, Members> groups;
    for (std::size_t i = 0; i < certificates.size(); ++i)
      for (const std::string& name : certificates[i].names()) {
        Members& members = groups[name];
        auto same_kind = [&](std::size_t other) {
          return certificates[other].key_kind() == certificates[i].key_kind();
        };
        if (std::none_of(members.begin(), members.end(), same_kind)) members.push_back(i);
      }
    return groups;
  }

  Result<std::shared_ptr<const Site>> site(const Members& members) {
    std::string key = concat(weir::tls::key_of(tls), key_of_clients(tls));
    for (std::size_t i : members) key += key_of_certificate(tls.certificates[i]);
    if (auto known = made.by_key_.find(key); known != made.by_key_.end()) return known->second;
    std::shared_ptr<const Site> same;
    if (before)
      if (auto known = before->by_key_.find(key); known != before->by_key_.end())
        same = known->second;
    if (!same) {
      auto fresh = make(members);
      if (!fresh) return fresh.error();
      same = std::move(*fresh);
    }
    made.by_key_.emplace(std::move(key), same);
    return same;
  }

  Result<std::shared_ptr<const Site>> make(const Members& members) const {
    auto context = make_context(TLS_server_method(), tls);
    if (!context) return context.error();
    SSL_CTX* raw = context->get();
    for (std::size_t i : members) {
      if (auto used = use_certificate(raw, certificates[i]); !used) return used.error();
      if (tls.certificates[i].ocsp.is_set())
        if (auto set = staple(raw, certificates[i].leaf(), tls.certificates[i].ocsp.contents());
            !set)
          return set.error();
    }
    if (auto asked = ask_clients(raw); !asked) return asked.error();
    // The one ticket of a connection goes with its first answer: see Transport.
    SSL_CTX_set_num_tickets(raw, 0);
    SSL_CTX_set_timeout(raw, ticket_seconds);
    set_server_callbacks(raw);
    auto site = std::make_shared<Site>();
    site->context = std::move(*context);
    return std::shared_ptr<const Site>(std::move(site));
  }

  // A session may be resumed only where clients are asked for the same.
  Result<void> ask_clients(SSL_CTX* context) const {
    std::string id = sha256_hex(concat("weir clients ", key_of_clients(tls))).substr(0, 32);
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(id.data()),
                                   static_cast<unsigned int>(id.size()));
    if (tls.verify == config::ClientVerify::Off) return {};
    if (auto trusted = trust(context, tls.client_ca); !trusted) return trusted.error();
    BioPtr in = reader_of(tls.client_ca.contents());
    while (X509* next = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) {
      X509Ptr authority(next);
      SSL_CTX_add_client_CA(context, next);
    }
    ERR_clear_error();
    int mode = SSL_VERIFY_PEER;
    if (tls.verify == config::ClientVerify::Required) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context, mode, nullptr);
    return {};
  }

  const config::ListenerTls& tls;
  const ServerContext* before;
  ServerContext& made;
  std::vector<KeyedCertificate> certificates;
};

Result<std::shared_ptr<const ServerContext>> ServerContext::build(
    const config::ListenerTls& tls, std::span<const std::string_view> alpn,
    const shm::TicketKeys* tickets, const ServerContext* before) {
  auto made = std::make_shared<ServerContext>();
  Build build{tls, before, *made, {}};
  if (auto read = build.read(); !read) return read.error();
  for (std::string_view name : alpn)
    made->alpn_.append(1, static_cast<char>(name.size())).append(name);
  if (tls.tickets && tickets) made->tickets_ = *tickets;
  auto groups = build.group();
  Build::Members first = {0};
  if (auto names = build.certificates[0].names(); !names.empty()) first = groups[names[0]];
  auto site = build.site(first);
  if (!site) return site.error();
  made->default_ = *site;
  for (const auto& [name, members] : groups) {
    site = build.site(members);
    if (!site) return site.error();
    if (name.starts_with("*."))
      made->wildcard_.emplace(name.substr(2), *site);
    else
      made->exact_.emplace(name, *site);
  }
  return std::shared_ptr<const ServerContext>(std::move(made));
}

std::string ServerContext::key_of(const config::ListenerTls& tls) {
  std::string key = concat(weir::tls::key_of(tls), key_of_clients(tls), tls.tickets ? "t\n" : "\n");
  for (const config::Certificate& certificate : tls.certificates)
    key += key_of_certificate(certificate);
  return key;
}

const ServerContext::Site& ServerContext::find(std::string_view host) const {
  if (auto found = exact_.find(host); found != exact_.end()) return *found->second;
  std::size_t dot = host.find('.');
  if (dot != std::string_view::npos && dot > 0)
    if (auto found = wildcard_.find(host.substr(dot + 1)); found != wildcard_.end())
      return *found->second;
  return *default_;
}

SSL_CTX* ServerContext::context_of(const Site& site) const { return site.context.get(); }

}  // namespace weir::tls
