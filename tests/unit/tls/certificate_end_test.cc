// SPDX-License-Identifier: Apache-2.0
//
// When certificates end, for metrics.
#include "tls/certificate_end.h"

#include "tls/certificates.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace weir::tls {
namespace {

constexpr long day = 86400;

config::Certificate certificate(const std::string& path, std::string pem) {
  return {file_of(path, std::move(pem)), file_of("key", "none"), {}};
}

// Certificates end so long after they were made, which was a moment ago.
void expect_in(std::int64_t not_after, long seconds) {
  EXPECT_LT(std::labs(static_cast<long>(not_after) - (std::time(nullptr) + seconds)), 60);
}

TEST(CertificateEnd, IsThatOfTheFirstToExpire) {
  const Issued authority("ca", "", nullptr, false, -3600, 10 * day);
  const Issued leaf("leaf", "DNS:a.test", &authority, false, -3600, 90 * day);
  config::Config config;
  config.listeners.emplace_back().tls.emplace().certificates.push_back(
      certificate("chain.pem", leaf.chain() + authority.chain()));
  const auto ends = certificate_ends(config);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].path, "chain.pem");
  expect_in(ends[0].not_after, 10 * day);
}

TEST(CertificateEnd, ComesOnceForEachPathAlsoOfBackends) {
  const Issued gone("gone", "DNS:a.test", nullptr, false, -9 * day, -2 * day);
  const Issued shown("shown", "DNS:b.test", nullptr, false, -3600, 3 * day);
  config::Config config;
  for (int i = 0; i < 2; ++i)
    config.listeners.emplace_back().tls.emplace().certificates.push_back(
        certificate("a.pem", gone.chain()));
  config.listeners.emplace_back();
  config.backends.emplace_back();
  config.backends.emplace_back().tls.emplace().certificate = certificate("b.pem", shown.chain());
  const auto ends = certificate_ends(config);
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(ends[0].path, "a.pem");
  expect_in(ends[0].not_after, -2 * day);
  EXPECT_EQ(ends[1].path, "b.pem");
  expect_in(ends[1].not_after, 3 * day);
}

TEST(CertificateEnd, OfWhatIsNoCertificateIsLeftOut) {
  config::Config config;
  auto& certificates = config.listeners.emplace_back().tls.emplace().certificates;
  certificates.push_back(certificate("a.pem", "no PEM"));
  certificates.push_back(certificate("b.pem", ""));
  EXPECT_TRUE(certificate_ends(config).empty());
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

}  // namespace
}  // namespace weir::tls
