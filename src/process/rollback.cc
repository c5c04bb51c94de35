// SPDX-License-Identifier: Apache-2.0
#include "process/rollback.h"

#include "process/bundle_memory.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace weir::process {

namespace {

using config::Certificate;

std::vector<const Certificate*> certificates_of(const config::Config& config) {
  std::vector<const Certificate*> all;
  for (const config::Listener& listener : config.listeners)
    if (listener.tls)
      for (const Certificate& each : listener.tls->certificates) all.push_back(&each);
  for (const config::Backend& backend : config.backends)
    if (backend.tls && backend.tls->certificate) all.push_back(&*backend.tls->certificate);
  return all;
}

void replace(Restored& restored, const config::NamedFile& file) {
  for (config::SourceFile& known : restored.bundle.files)
    if (known.name == file.path && file.text) known.text = *file.text;
}

void replace_secret(Restored& restored, const config::NamedFile& file) {
  if (!file.text) return;
  restored.bundle.secrets[file.path] = file.hash;
  restored.secrets[file.path] = *file.text;
}

// A chain without its key, or the other way round, would be of no use.
void replace(Restored& restored, const Certificate& was, const Certificate& is) {
  replace(restored, is.chain);
  replace_secret(restored, is.key);
  if (was.ocsp.is_set() && was.ocsp.path == is.ocsp.path) replace(restored, is.ocsp);
}

Result<Restored> read(SealedFds fds) {
  auto bundle = read_sealed(fds.bundle);
  if (!bundle) return bundle.error();
  auto bytes = bytes_of_sealed(fds.secrets);
  if (!bytes) return bytes.error();
  auto secrets = config::parse_secrets(*bytes);
  if (!secrets) return secrets.error();
  return Restored{std::move(*bundle), std::move(*secrets)};
}

}  // namespace

Result<Restored> restore(SealedFds past, SealedFds present) {
  auto restored = read(past);
  if (!restored) return restored;
  auto before = load_sealed(past.bundle, past.secrets);
  if (!before) return before.error();
  auto now = load_sealed(present.bundle, present.secrets);
  if (!now) return now.error();
  const std::vector<const Certificate*> known = certificates_of(**now);
  for (const Certificate* was : certificates_of(**before)) {
    auto is = std::find_if(known.begin(), known.end(), [was](const Certificate* each) {
      return each->chain.path == was->chain.path && each->key.path == was->key.path;
    });
    if (is != known.end()) replace(*restored, *was, **is);
  }
  return restored;
}

}  // namespace weir::process
