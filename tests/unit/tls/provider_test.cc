// SPDX-License-Identifier: Apache-2.0
//
// What weir's provider writes is what OpenSSL's own one writes, byte for byte, in both uses that TLS has for a
// cipher; and it refuses what would give a key away.
#include "tls/provider.h"

#include "tls/openssl.h"

#include <gtest/gtest.h>
#include <openssl/provider.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace weir::tls {
namespace {

using Bytes = std::vector<unsigned char>;

constexpr int tag_bytes = 16;

Bytes some(std::size_t size, unsigned seed) {
  Bytes bytes(size);
  for (unsigned char& byte : bytes)
    byte = static_cast<unsigned char>((seed = seed * 69069 + 1) >> 24);
  return bytes;
}

// One cipher of one provider, with a key.
struct Cipher {
  Cipher(const char* properties, const std::string& name, bool sealing)
      : algorithm(EVP_CIPHER_fetch(nullptr, name.c_str(), properties)),
        context(EVP_CIPHER_CTX_new()) {
    const Bytes key = some(key_bytes(), 1);
    EVP_CipherInit_ex(get(), algorithm.get(), nullptr, key.data(), nullptr, sealing);
  }

  EVP_CIPHER_CTX* get() const { return context.get(); }
  std::size_t key_bytes() const {
    return static_cast<std::size_t>(EVP_CIPHER_get_key_length(algorithm.get()));
  }
  std::string provider() const {
    return OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(algorithm.get()));
  }

  // As TLS 1.3 does: a header, a text, in place.
  bool nonce(unsigned number) {
    return EVP_CipherInit_ex(get(), nullptr, nullptr, nullptr, some(12, number).data(), -1) == 1;
  }
  bool run(const Bytes& header, Bytes& text) {
    int size = 0;
    return EVP_CipherUpdate(get(), nullptr, &size, header.data(),
                            static_cast<int>(header.size())) == 1 &&
           EVP_CipherUpdate(get(), text.data(), &size, text.data(),
                            static_cast<int>(text.size())) == 1 &&
           size == static_cast<int>(text.size()) &&
           EVP_CipherFinal_ex(get(), text.data(), &size) == 1;
  }
  bool tag(int control, Bytes& bytes) {
    return EVP_CIPHER_CTX_ctrl(get(), control, tag_bytes, bytes.data()) == 1;
  }

  // As TLS 1.2 does: all of a record.
  bool fixed(Bytes bytes) {
    return EVP_CIPHER_CTX_ctrl(get(), EVP_CTRL_GCM_SET_IV_FIXED, 4, bytes.data()) == 1;
  }
  /// Bytes of the record, or of the text in it, which begins at the eighth; -1 = refused.
  int record(Bytes header, Bytes& bytes) {
    int size = 0;
    bool good = EVP_CIPHER_CTX_ctrl(get(), EVP_CTRL_AEAD_TLS1_AAD, EVP_AEAD_TLS1_AAD_LEN,
                                    header.data()) == tag_bytes &&
                EVP_CipherUpdate(get(), bytes.data(), &size, bytes.data(),
                                 static_cast<int>(bytes.size())) == 1;
    return good ? size : -1;
  }

  CipherPtr algorithm;
  std::unique_ptr<EVP_CIPHER_CTX, Release<EVP_CIPHER_CTX_free>> context;
};

struct ProviderTest : testing::TestWithParam<const char*> {
  void SetUp() override {
    if (!add_provider()) GTEST_SKIP() << "neither the library nor the instructions are everywhere";
  }
  void TearDown() override { ERR_clear_error(); }

  Cipher ours(bool sealing) { return {preferred_properties, GetParam(), sealing}; }
  Cipher theirs(bool sealing) { return {"provider=default", GetParam(), sealing}; }
};

// Sequence number, type, version, length.
Bytes header_of(std::size_t number, std::size_t size) {
  Bytes header(EVP_AEAD_TLS1_AAD_LEN);
  header[7] = static_cast<unsigned char>(number);
  header[8] = 23;
  header[9] = header[10] = 3;
  header[11] = static_cast<unsigned char>(size >> 8);
  header[12] = static_cast<unsigned char>(size);
  return header;
}

TEST_P(ProviderTest, IsThereForThoseWhoAsk) {
  EXPECT_EQ(ours(true).provider(), "weir");
  CipherPtr usual(EVP_CIPHER_fetch(nullptr, GetParam(), nullptr));
  EXPECT_STREQ(OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(usual.get())), "default");
  EXPECT_EQ(EVP_CIPHER_get_nid(ours(true).algorithm.get()), EVP_CIPHER_get_nid(usual.get()));
}

TEST_P(ProviderTest, MessagesAreThoseOfOpenSSL) {
  Cipher seal = ours(true), open = ours(false), other = theirs(true);
  const Bytes header = some(5, 2);
  for (std::size_t size = 1; size <= 16385; size += size < 600 ? 1 : 137) {
    const auto number = static_cast<unsigned>(size);
    const Bytes text = some(size, number);
    Bytes sealed = text, expected = text, tag(tag_bytes), expected_tag(tag_bytes);
    ASSERT_TRUE(seal.nonce(number) && seal.run(header, sealed) &&
                seal.tag(EVP_CTRL_AEAD_GET_TAG, tag));
    ASSERT_TRUE(other.nonce(number) && other.run(header, expected) &&
                other.tag(EVP_CTRL_AEAD_GET_TAG, expected_tag));
    ASSERT_EQ(sealed, expected) << size;
    ASSERT_EQ(tag, expected_tag) << size;
    ASSERT_TRUE(open.nonce(number) && open.tag(EVP_CTRL_AEAD_SET_TAG, tag) &&
                open.run(header, sealed));
    ASSERT_EQ(sealed, text) << size;
  }
}

TEST_P(ProviderTest, RecordsOfTheVersionBeforeAreReadByOpenSSLAndBack) {
  Cipher seal = ours(true), open = ours(false), their_seal = theirs(true),
         their_open = theirs(false);
  for (Cipher* each : {&seal, &open, &their_seal, &their_open})
    ASSERT_TRUE(each->fixed(some(4, 3)));
  for (std::size_t number = 0, size = 0; size <= 16384; ++number, size = size * 3 / 2 + 1) {
    const Bytes text = some(size, static_cast<unsigned>(number));
    const int whole = static_cast<int>(8 + size + tag_bytes);
    for (const auto& [from, to] : {std::pair(&seal, &their_open), std::pair(&their_seal, &open)}) {
      Bytes record(static_cast<std::size_t>(whole));
      std::copy(text.begin(), text.end(), record.begin() + 8);
      ASSERT_EQ(from->record(header_of(number, size + 8), record), whole);
      ASSERT_EQ(to->record(header_of(number, record.size()), record), static_cast<int>(size));
      ASSERT_TRUE(std::equal(text.begin(), text.end(), record.begin() + 8));
    }
  }
}

TEST_P(ProviderTest, WhatWasChangedIsRefused) {
  Cipher seal = ours(true), open = ours(false);
  const Bytes header = some(5, 2), text = some(1000, 4);
  Bytes sealed = text, tag(tag_bytes);
  ASSERT_TRUE(seal.nonce(1) && seal.run(header, sealed) && seal.tag(EVP_CTRL_AEAD_GET_TAG, tag));
  auto opens = [&](Bytes head, Bytes body, Bytes mark) {
    return open.nonce(1) && open.tag(EVP_CTRL_AEAD_SET_TAG, mark) && open.run(head, body);
  };
  auto changed = [](Bytes bytes, std::size_t at) { return bytes[at] ^= 1, bytes; };
  EXPECT_TRUE(opens(header, sealed, tag));
  EXPECT_FALSE(opens(changed(header, 4), sealed, tag));
  EXPECT_FALSE(opens(header, changed(sealed, 0), tag));
  EXPECT_FALSE(opens(header, changed(sealed, 999), tag));
  EXPECT_FALSE(opens(header, sealed, changed(tag, 15)));
  ASSERT_TRUE(open.nonce(1));
  Bytes untagged = sealed;
  EXPECT_FALSE(open.run(header, untagged)) << "no tag was given";
  EXPECT_TRUE(opens(header, sealed, tag)) << "a refusal is for one message";
}

TEST_P(ProviderTest, ANonceIsForOneMessage) {
  Cipher seal = ours(true);
  Bytes text = some(100, 5);
  EXPECT_FALSE(seal.run(some(5, 2), text)) << "there was none";
  ASSERT_TRUE(seal.nonce(1) && seal.run(some(5, 2), text));
  EXPECT_FALSE(seal.run(some(5, 2), text));
}

TEST_P(ProviderTest, WithoutItsFirstBytesThereIsNoNonce) {
  for (bool sealing : {true, false}) {
    Cipher cipher = ours(sealing);
    Bytes record(100);
    EXPECT_EQ(cipher.record(header_of(0, 76), record), -1);
    EXPECT_EQ(record, Bytes(100));
    ASSERT_TRUE(cipher.fixed(some(4, 3)));
    EXPECT_EQ(cipher.record(header_of(0, 76), record) >= 0, sealing) << "nobody sealed that";
    // Another key has another one.
    const Bytes key = some(cipher.key_bytes(), 9);
    EVP_CipherInit_ex(cipher.get(), nullptr, nullptr, key.data(), nullptr, sealing);
    EXPECT_EQ(cipher.record(header_of(0, 76), record), -1);
  }
}

TEST_P(ProviderTest, ATagIsNeededAndTakenSomewhere) {
  Cipher open = ours(false), seal = ours(true);
  EXPECT_LE(EVP_CIPHER_CTX_ctrl(open.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, nullptr), 0);
  Bytes text = some(10, 5);
  ASSERT_TRUE(seal.nonce(1) && seal.run(some(5, 2), text));
  EXPECT_LE(EVP_CIPHER_CTX_ctrl(seal.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, nullptr), 0);
}

TEST_P(ProviderTest, RecordsTooShortAreRefused) {
  Cipher open = ours(false);
  ASSERT_TRUE(open.fixed(some(4, 3)));
  for (std::size_t size : {0, 1, 8, 23}) {
    Bytes record(size + 1);
    EXPECT_EQ(open.record(header_of(0, size), record), -1) << size;
  }
  Bytes record(24);
  EXPECT_EQ(open.record(header_of(0, 24), record), -1) << "nobody sealed that";
}

TEST_P(ProviderTest, KeysThatGaveWayToOthersAreStillGood) {
  std::vector<Cipher> many;
  Bytes first;
  for (int round = 0; round < 3; ++round)
    for (std::size_t i = 0; i < 600; ++i) {
      if (many.size() == i) many.push_back(ours(true));
      Bytes text = some(40, 6);
      ASSERT_TRUE(many[i].nonce(1) && many[i].run(some(5, 2), text));
      if (first.empty()) first = text;
      ASSERT_EQ(text, first);
    }
}

INSTANTIATE_TEST_SUITE_P(Ciphers, ProviderTest, testing::Values("AES-128-GCM", "AES-256-GCM"));

}  // namespace
}  // namespace weir::tls
