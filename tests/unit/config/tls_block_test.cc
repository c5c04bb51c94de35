// SPDX-License-Identifier: Apache-2.0
//
// `tls` blocks: what they say, which mistakes are told, and that secrets go their own way.
#include "config/diff.h"
#include "config/loading.h"
#include "config/print.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

World world_of(const std::string& listener_tls, const std::string& backend_tls = "ca ca.pem") {
  World world;
  world.files["weir.conf"] = "listener web {\nbind 127.0.0.1:443 tls\ntls { " + listener_tls +
                             " }\nroute forward b\n}\nbackend b {\nserver s 127.0.0.1:81\ntls { " +
                             backend_tls + " }\n}\n";
  for (const char* name : {"a.pem", "b.pem", "ca.pem"})
    world.files[name] = std::string("-----BEGIN CERTIFICATE----- ") + name;
  world.files["a.key"] = "-----BEGIN PRIVATE KEY----- a";
  world.files["b.key"] = "-----BEGIN PRIVATE KEY----- b";
  return world;
}

Config loaded(const World& world) {
  Loaded all = load_world(world);
  EXPECT_EQ(all.messages(), "");
  return all.config ? std::move(*all.config) : Config();
}

std::string wrong(const std::string& listener_tls, const std::string& backend_tls = "ca ca.pem") {
  return load_world(world_of(listener_tls, backend_tls)).messages();
}

TEST(TlsBlock, SaysWhatIsShownAndAsked) {
  Config config = loaded(
      world_of("certificate a.pem a.key; certificate b.pem b.key ocsp ca.pem; min_version 1.3\n"
               "client_ca ca.pem verify optional; groups X25519 P-256; tickets off",
               "verify on; ca ca.pem; server_name API.internal; certificate b.pem b.key\n"
               "pin AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
  const ListenerTls& tls = *config.listeners[0].tls;
  ASSERT_EQ(tls.certificates.size(), 2u);
  EXPECT_EQ(tls.certificates[1].key.contents(), "-----BEGIN PRIVATE KEY----- b");
  EXPECT_TRUE(tls.certificates[1].ocsp.is_set());
  EXPECT_EQ(tls.min_version, TlsVersion::V1_3);
  EXPECT_EQ(tls.verify, ClientVerify::Optional);
  EXPECT_EQ(tls.groups, "X25519:P-256");
  EXPECT_FALSE(tls.tickets);
  const BackendTls& backend = *config.backends[0].tls;
  EXPECT_TRUE(backend.verify);
  EXPECT_EQ(backend.server_name, "api.internal");
  EXPECT_EQ(backend.pins.size(), 1u);
}

TEST(TlsBlock, ASimpleOneIsSafe) {
  Config config = loaded(world_of("certificate a.pem a.key; client_ca ca.pem"));
  EXPECT_EQ(config.listeners[0].tls->verify, ClientVerify::Required);
  EXPECT_EQ(config.listeners[0].tls->min_version, TlsVersion::V1_2);
  EXPECT_TRUE(config.backends[0].tls->verify);
}

TEST(TlsBlock, MistakesAreNamed) {
  EXPECT_EQ(wrong("min_version 1.2"), "3:1: error: tls without a certificate\n");
  EXPECT_EQ(wrong("certificate no.pem a.key"), "3:19: error: \"no.pem\" cannot be opened\n");
  EXPECT_EQ(wrong("certificate a.pem no.key"), "3:25: error: \"no.key\" cannot be opened\n");
  EXPECT_EQ(wrong("certificate a.key a.key"), "3:19: error: \"a.key\" holds a private key\n");
  EXPECT_EQ(wrong("certificate a.pem a.key; min_version 1.1"),
            "3:44: error: unknown version of TLS \"1.1\"\n");
  EXPECT_EQ(wrong("certificate a.pem a.key; client_ca ca.pem verify never"),
            "3:56: error: unknown demand \"never\"\n");
  EXPECT_EQ(wrong("certificate a.pem a.key", "verify off; ca ca.pem"),
            "8:22: error: ca without verify: nothing would be checked against it\n");
  EXPECT_EQ(wrong("certificate a.pem a.key", "ca ca.pem; pin short"),
            "8:22: error: \"short\" is not a pin\n");
}

TEST(TlsBlock, AddressAndBlockBelongTogether) {
  EXPECT_EQ(load_in_listener("bind 127.0.0.1:443 tls").messages(),
            "4:6: error: listener \"web\" has no tls block\n");
  EXPECT_EQ(load_in_listener(
                "bind 127.0.0.1:443 ssl; tls { certificate /etc/weir/tls/a /etc/weir/tls/b }")
                .messages(),
            "4:20: error: unknown option of an address \"ssl\"\n");
  EXPECT_EQ(load_in_listener("tls { certificate /etc/weir/tls/a /etc/weir/tls/b }").messages(),
            "4:1: warning: no address of listener \"web\" is bound with tls\n");
}

// A file that was replaced is a change, though every word is as before; and secrets are never printed.
TEST(TlsBlock, FilesCountByWhatTheyHold) {
  World before = world_of("certificate a.pem a.key"), after = before;
  after.files["a.key"] = "-----BEGIN PRIVATE KEY----- another";
  Config a = loaded(before), b = loaded(after);
  EXPECT_EQ(diff(a, a).size(), 0u);
  EXPECT_GT(diff(a, b).size(), 0u);
  std::string printed = print_effective(a);
  EXPECT_NE(printed.find("certificate a.pem a.key"), std::string::npos) << printed;
  EXPECT_EQ(printed.find("PRIVATE"), std::string::npos);
}

// What everybody gets has only the hash of a secret.
TEST(TlsBlock, SecretsAreNotInTheBundle) {
  World world = world_of("certificate a.pem a.key");
  FileReader reader = world.reader();
  Bundle bundle;
  Secrets secrets;
  Diagnostics diagnostics;
  ASSERT_TRUE(
      load("weir.conf", recording_reader(reader, bundle, secrets), test_kinds, diagnostics));
  EXPECT_EQ(secrets.size(), 1u);
  auto copy = parse_bundle(serialise(bundle));
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->secrets.count("a.key"), 1u);
  for (const SourceFile& file : copy->files)
    EXPECT_EQ(file.text.find("PRIVATE KEY"), std::string::npos) << file.name;
  auto kept = parse_secrets(serialise(secrets));
  ASSERT_TRUE(kept);
  Diagnostics none;
  auto with = load_bundle(*copy, test_kinds, none, &*kept);
  auto without = load_bundle(*copy, test_kinds, none);
  ASSERT_TRUE(with && without) << none.text();
  EXPECT_EQ(with->listeners[0].tls->certificates[0].key.contents(),
            "-----BEGIN PRIVATE KEY----- a");
  EXPECT_EQ(without->listeners[0].tls->certificates[0].key.contents(), "");
  EXPECT_EQ(diff(*with, *without).size(), 0u);
  EXPECT_FALSE(parse_secrets("1:x"));
}

}  // namespace
}  // namespace weir::config
