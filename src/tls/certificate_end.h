// SPDX-License-Identifier: Apache-2.0
//
// When the certificates of a configuration end, for metrics.  Nothing is checked here: a configuration that
// came this far has been (tls::check).
#pragma once

#include "config/config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::tls {

/// A certificate file and the moment from which it is of no use: when the first certificate in it expires.
struct CertificateEnd {
  std::string path;        ///< as written in the configuration
  std::int64_t not_after;  ///< seconds since 1970
};

/// Of every certificate that listeners and backends show, once for each path, in written order.
std::vector<CertificateEnd> certificate_ends(const config::Config& config);

}  // namespace weir::tls
