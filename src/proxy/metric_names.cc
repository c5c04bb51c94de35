// SPDX-License-Identifier: Apache-2.0
#include "proxy/metric_names.h"

namespace weir::proxy {

namespace {

MetricNames::Backend named(const config::Backend& backend) {
  return {{backend.name, backend.number},
          backend.protocol != config::ServerProtocol::Http1,
          backend.check.has_value(),
          backend.outlier.has_value(),
          backend.pipeline.has_value()};
}

}  // namespace

MetricNames::MetricNames(const config::Config& config, std::span<const tls::CertificateEnd> ends)
    : certificates(ends) {
  for (const config::Listener& listener : config.listeners) {
    listeners.push_back({listener.name, listener.number});
    for (const config::Route& route : listener.routes)
      routes.push_back({{route.name, route.number}, listener.name});
  }
  for (const config::Backend& backend : config.backends) backends.push_back(named(backend));
}

MetricNames::MetricNames(const Snapshot& snapshot) : certificates(snapshot.certificates) {
  for (const auto& rules : snapshot.listeners) {
    const config::ListenerTerms& listener = rules->listener();
    listeners.push_back({listener.name, listener.number});
    for (const auto& policy : rules->policies())
      routes.push_back({{policy->route.name, policy->route.number}, listener.name});
  }
  for (const upstream::BackendPolicy& policy : snapshot.backends)
    backends.push_back(named(policy.config));
}

}  // namespace weir::proxy
