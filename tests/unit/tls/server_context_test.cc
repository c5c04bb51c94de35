// SPDX-License-Identifier: Apache-2.0
//
// Which certificate a name gets, which names may share a connection, and what a reload takes over.
#include "tls/server_context.h"

#include "tls/certificate.h"
#include "tls/certificates.h"

#include <gtest/gtest.h>

#include <set>

namespace weir::tls {
namespace {

constexpr std::string_view alpn[] = {"http/1.1"};

config::ListenerTls settings(std::initializer_list<const Issued*> certificates) {
  config::ListenerTls tls;
  for (const Issued* each : certificates) tls.certificates.push_back(each->files());
  return tls;
}

std::shared_ptr<const ServerContext> made(const config::ListenerTls& tls,
                                          const ServerContext* before = nullptr) {
  auto context = ServerContext::build(tls, alpn, nullptr, before);
  EXPECT_TRUE(context) << context.error().text();
  return *context;
}

struct World {
  Issued a{"a", "DNS:a.test"};
  Issued b{"b", "DNS:b.test,DNS:c.test"};
  Issued wild{"wild", "DNS:*.wild.test,DNS:wild.test"};
  Issued one{"one", "DNS:one.wild.test"};
};

TEST(ServerContext, NamesChooseSites) {
  World world;
  auto context = made(settings({&world.a, &world.b, &world.wild, &world.one}));
  auto subject = [&](std::string_view host) {
    X509* shown = SSL_CTX_get0_certificate(context->context_of(context->find(host)));
    return describe(shown).subject;
  };
  EXPECT_EQ(subject("a.test"), "CN=a");
  EXPECT_EQ(subject("c.test"), "CN=b");
  EXPECT_EQ(subject("x.wild.test"), "CN=wild");
  EXPECT_EQ(subject("wild.test"), "CN=wild");
  EXPECT_EQ(subject("one.wild.test"), "CN=one");
  for (const char* other : {"", ".", "x.y.wild.test", ".wild.test", "test", "b.test."})
    EXPECT_EQ(subject(other), "CN=a") << other;
}

// RFC 9110 §15.5.20.
TEST(ServerContext, OneConnectionServesNamesOfOneSite) {
  World world;
  auto context = made(settings({&world.a, &world.b, &world.wild}));
  EXPECT_TRUE(context->serves_both("b.test", "b.test"));
  EXPECT_TRUE(context->serves_both("b.test", "c.test"));
  EXPECT_TRUE(context->serves_both("x.wild.test", "y.wild.test"));
  EXPECT_TRUE(context->serves_both("", "a.test"));
  EXPECT_TRUE(context->serves_both("unknown.test", "a.test"));
  EXPECT_FALSE(context->serves_both("a.test", "b.test"));
  EXPECT_FALSE(context->serves_both("", "b.test"));
  EXPECT_FALSE(context->serves_both("b.test", "unknown.test"));
}

TEST(ServerContext, KindsOfKeysStandSideBySide) {
  Issued ec("a", "DNS:a.test"), rsa("a", "DNS:a.test", nullptr, true),
      second("second", "DNS:a.test");
  auto context = made(settings({&ec, &rsa, &second}));
  SSL_CTX* site = context->context_of(context->find("a.test"));
  int count = 0;
  for (int more = SSL_CTX_set_current_cert(site, SSL_CERT_SET_FIRST) == 1; more;
       more = SSL_CTX_set_current_cert(site, SSL_CERT_SET_NEXT) == 1) {
    ++count;
    EXPECT_EQ(describe(SSL_CTX_get0_certificate(site)).subject, "CN=a");
  }
  EXPECT_EQ(count, 2);
}

TEST(ServerContext, WhatIsAsBeforeIsTakenOver) {
  World world;
  auto before = made(settings({&world.a, &world.b}));
  auto after = made(settings({&world.a, &world.one}), before.get());
  EXPECT_EQ(&before->find("a.test"), &after->find("a.test"));
  EXPECT_NE(&before->find("b.test"), &after->find("one.wild.test"));
  config::ListenerTls other = settings({&world.a});
  other.min_version = config::TlsVersion::V1_3;
  EXPECT_NE(&before->find("a.test"), &made(other, before.get())->find("a.test"));
}

TEST(ServerContext, ItsKeyNamesAllThatCounts) {
  World world;
  config::ListenerTls first = settings({&world.a});
  std::set<std::string> keys = {ServerContext::key_of(first)};
  config::ListenerTls tls = first;
  tls.groups = "P-256";
  EXPECT_TRUE(keys.insert(ServerContext::key_of(tls)).second);
  tls = first;
  tls.tickets = false;
  EXPECT_TRUE(keys.insert(ServerContext::key_of(tls)).second);
  tls = first;
  tls.verify = config::ClientVerify::Required;
  tls.client_ca = file_of("ca.pem", world.b.chain());
  EXPECT_TRUE(keys.insert(ServerContext::key_of(tls)).second);
  EXPECT_TRUE(keys.insert(ServerContext::key_of(settings({&world.b}))).second);
}

}  // namespace
}  // namespace weir::tls
