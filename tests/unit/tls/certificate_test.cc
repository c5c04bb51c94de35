// SPDX-License-Identifier: Apache-2.0
//
// Certificates: what is read out of files, what is refused, and what is only worth a warning.
#include "tls/certificate.h"

#include "tls/certificates.h"

#include <gtest/gtest.h>

namespace weir::tls {
namespace {

std::string why(const config::Certificate& files) {
  auto read = KeyedCertificate::read(files);
  return read ? "" : read.error().text();
}

TEST(Certificate, ReadsChainsAndNames) {
  Issued root("root", "");
  Issued leaf("leaf", "DNS:A.test,DNS:*.b.test,IP:127.0.0.1", &root);
  config::Certificate files = leaf.files();
  files.chain = file_of("chain.pem", leaf.chain() + root.chain());
  auto read = KeyedCertificate::read(files);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->names(), (std::vector<std::string>{"a.test", "*.b.test"}));
  EXPECT_EQ(read->others().size(), 1u);
  EXPECT_EQ(read->key_kind(), "EC");
}

TEST(Certificate, WithoutAlternativesItsCommonNameCounts) {
  auto read = KeyedCertificate::read(Issued("Old.test", "").files());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->names(), std::vector<std::string>{"old.test"});
}

TEST(Certificate, MistakesAreNamed) {
  Issued root("root", ""), a("a", "DNS:a.test", &root), b("b", "DNS:b.test", &root);
  config::Certificate files = a.files();
  files.key = b.files().key;
  EXPECT_NE(why(files).find("does not belong to the certificate"), std::string::npos);
  files = a.files();
  files.chain = file_of("c.pem", a.chain() + b.chain() + root.chain());
  EXPECT_NE(why(files).find("number 2 has not signed number 1"), std::string::npos);
  files.chain = file_of("c.pem", "nothing");
  EXPECT_NE(why(files).find("holds no certificate"), std::string::npos);
  files.chain = file_of("c.pem", a.chain() + "-----BEGIN CERTIFICATE-----\nrubbish\n");
  EXPECT_NE(why(files).find("is damaged"), std::string::npos) << why(files);
  files = a.files();
  files.key = file_of("k.pem", "");
  EXPECT_NE(why(files).find("holds no private key"), std::string::npos);
}

TEST(Certificate, IsDescribed) {
  Issued root("root", "");
  Issued client("alice", "DNS:a.test,email:a@b.test,URI:spiffe://x/y,IP:::1", &root);
  ClientCertificate shown = describe(client.certificate());
  EXPECT_EQ(shown.subject, "CN=alice");
  EXPECT_EQ(shown.names, "a.test,a@b.test,spiffe://x/y,::1");
  EXPECT_EQ(shown.fingerprint.size(), 64u);
  // Names that could pass for two are left out.
  EXPECT_EQ(describe(Issued("x", "URI:a;b").certificate()).names, "a;b");
}

std::vector<std::string> findings(const Issued& certificate, std::time_t now) {
  config::Config config;
  config::Listener& listener = config.listeners.emplace_back();
  listener.tls.emplace().certificates.push_back(certificate.files());
  std::vector<std::string> texts;
  for (const Finding& finding : check(config, now))
    texts.push_back((finding.is_error ? "error " : "warning ") + finding.text);
  return texts;
}

TEST(Certificate, DatesAreWarnings) {
  using Texts = std::vector<std::string>;
  std::time_t now = ::time(nullptr);
  constexpr std::time_t day = 86400;
  Issued issued("a.test", "");
  EXPECT_EQ(findings(issued, now), Texts());
  EXPECT_EQ(findings(issued, now + 85 * day),
            Texts{"warning certificate \"chain.pem\" expires in 5 days"});
  EXPECT_EQ(findings(issued, now + 91 * day),
            Texts{"warning certificate \"chain.pem\" has expired"});
  EXPECT_EQ(findings(issued, now - day),
            Texts{"warning certificate \"chain.pem\" is not valid yet"});
}

TEST(Certificate, UnknownNamesAreErrorsThatNameTheLibrary) {
  Issued issued("a.test", "");
  for (bool groups : {true, false}) {
    config::Config config;
    config::ListenerTls& tls = config.listeners.emplace_back().tls.emplace();
    tls.certificates.push_back(issued.files());
    (groups ? tls.groups : tls.ciphers) = "NoSuchThing";
    auto found = check(config, ::time(nullptr));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_NE(found[0].text.find("\"NoSuchThing\" are known to OpenSSL"), std::string::npos)
        << found[0].text;
  }
}

}  // namespace
}  // namespace weir::tls
