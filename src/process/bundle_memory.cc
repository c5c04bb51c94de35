// SPDX-License-Identifier: Apache-2.0
#include "process/bundle_memory.h"

#include "base/text.h"
#include "config/loader.h"
#include "process/kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <string>
#include <string_view>
#include <utility>

namespace weir::process {

Result<Fd> seal_text(const char* name, std::string_view text) {
  Fd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  while (fd.is_open() && !text.empty()) {
    ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written <= 0) break;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  constexpr int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (!fd.is_open() || !text.empty() || fcntl(fd.get(), F_ADD_SEALS, seals) != 0)
    return Error(Errc::System, concat(name, ": ", strerror(errno)));
  return fd;
}

Result<std::string> bytes_of_sealed(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0)
    return Error(Errc::System, std::string("bundle: ") + strerror(errno));
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  if (pread(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return Error(Errc::System, std::string("bundle: ") + strerror(errno));
  return bytes;
}

namespace {

// What checks over TLS show to servers.
config::Secrets secrets_of_checks(const config::Config& config, const config::Secrets& secrets) {
  config::Secrets some;
  for (const config::Backend& backend : config.backends) {
    if (!backend.check || !backend.tls || !backend.tls->certificate) continue;
    auto found = secrets.find(backend.tls->certificate->key.path);
    if (found != secrets.end()) some.insert(*found);
  }
  return some;
}

}  // namespace

Result<Sealed> seal(const config::Bundle& bundle, const config::Secrets& secrets,
                    const config::Config& config) {
  auto everything = seal_text("weir-bundle", config::serialise(bundle));
  if (!everything) return everything.error();
  auto all = seal_text("weir-secrets", config::serialise(secrets));
  if (!all) return all.error();
  auto some = seal_text("weir-secrets", config::serialise(secrets_of_checks(config, secrets)));
  if (!some) return some.error();
  return Sealed{std::move(*everything), std::move(*all), std::move(*some)};
}

Result<config::Bundle> read_sealed(int fd) {
  auto bytes = bytes_of_sealed(fd);
  if (!bytes) return bytes.error();
  return config::parse_bundle(*bytes);
}

Result<std::unique_ptr<config::Config>> load_sealed(int fd, int secrets) {
  auto bytes = bytes_of_sealed(fd);
  if (!bytes) return bytes.error();
  if (secrets < 0) return load_bytes(*bytes, {});
  auto hidden = bytes_of_sealed(secrets);
  if (!hidden) return hidden.error();
  return load_bytes(*bytes, *hidden);
}

Result<std::unique_ptr<config::Config>> load_bytes(std::string_view bytes,
                                                   std::string_view secrets) {
  auto bundle = config::parse_bundle(bytes);
  if (!bundle) return bundle.error();
  config::Secrets known;
  if (!secrets.empty()) {
    auto parsed = config::parse_secrets(secrets);
    if (!parsed) return parsed.error();
    known = std::move(*parsed);
  }
  config::Diagnostics diagnostics;
  auto config = config::load_bundle(*bundle, known_kinds(), diagnostics, &known);
  if (!config) return Error(Errc::Invalid, diagnostics.text());
  return std::make_unique<config::Config>(std::move(*config));
}

}  // namespace weir::process
