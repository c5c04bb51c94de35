// SPDX-License-Identifier: Apache-2.0
#include "config/tls_block.h"

#include "base/sha256.h"
#include "base/text.h"
#include "config/units.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weir::config {

namespace {

constexpr std::size_t most_certificates = 4096;
constexpr std::array<std::string_view, 2> versions = {"1.2", "1.3"};
constexpr std::array<std::string_view, 2> demands = {"optional", "required"};
// Where distributions keep the roots they trust.
constexpr std::array<std::string_view, 3> system_roots = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

// Reads the files that a block names, and what both kinds of block may say.
class Files {
 public:
  explicit Files(const Scope& scope) : scope_(scope), report_(scope.report) {}

  NamedFile open(const Value& value) {
    NamedFile file = named(value);
    if (file.path.empty()) return file;
    Result<std::string> text = scope_.reader.read(file.path);
    if (!text) return missing(value, file.path, text.error());
    // What is public goes to every process and is shown to whoever asks.
    if (text->find("PRIVATE KEY-----") != std::string::npos) {
      report_.error(value.at, concat(in_quotes(file.path), " holds a private key"),
                    "keep the key in a file of its own");
      return {};
    }
    file.hash = sha256_hex(*text);
    file.text = std::make_shared<const std::string>(std::move(*text));
    return file;
  }

  NamedFile open_secret(const Value& value) {
    NamedFile file = named(value);
    if (file.path.empty()) return file;
    if (!scope_.reader.secret)
      return missing(value, file.path, Error(Errc::NotFound, "is missing"));
    Result<Secret> secret = scope_.reader.secret(file.path);
    if (!secret) return missing(value, file.path, secret.error());
    file.hash = std::move(secret->hash);
    file.text = std::move(secret->text);
    return file;
  }

  NamedFile open_system_roots(const Place& at) {
    for (const std::string_view path : system_roots) {
      Result<std::string> text = scope_.reader.read(std::string(path));
      if (!text) continue;
      NamedFile file{std::string(path), nullptr, sha256_hex(*text), at};
      file.text = std::make_shared<const std::string>(std::move(*text));
      return file;
    }
    report_.error(at, "this system has no file of root certificates where weir looks for one",
                  "name one: ca FILE");
    return {};
  }

  Certificate certificate(const Directive& directive) {
    const auto& values = directive.values;
    Certificate certificate{open(values[0]), open_secret(values[1]), {}};
    certificate.chain.place = directive.at;
    if (values.size() == 2) return certificate;
    if (values.size() == 4 && values[2].text == "ocsp")
      certificate.ocsp = open(values[3]);
    else
      report_.error(values[2].at, concat(in_quotes(values[2].text), " is not understood here"),
                    "write certificate CHAIN KEY ocsp FILE");
    return certificate;
  }

  // False if the word is none of those of both kinds.
  bool common(const DirectiveKind& kind, const Directive& directive, TlsTerms& terms) {
    switch (kind.word) {
      case Word::MinVersion:
        if (const auto which =
                read_choice(directive.values[0], "version of TLS", versions, report_))
          terms.min_version = static_cast<TlsVersion>(*which);
        return true;
      case Word::Ciphers:
        terms.ciphers = joined(directive);
        terms.ciphers_place = directive.at;
        return true;
      case Word::Groups:
        terms.groups = joined(directive);
        terms.groups_place = directive.at;
        return true;
      default: return false;
    }
  }

 private:
  // Relative to the file in which it is written, as with include.
  NamedFile named(const Value& value) {
    NamedFile file;
    file.place = value.at;
    const std::string path = read_path(value, report_);
    if (path.empty()) return file;
    const std::filesystem::path here(report_.sources().file(value.at.file).name);
    file.path = (here.parent_path() / path).lexically_normal().string();
    return file;
  }

  NamedFile missing(const Value& value, const std::string& path, const Error& why) {
    report_.error(value.at, concat(in_quotes(path), " ", why.text()),
                  "paths are relative to the file they are written in");
    return {};
  }

  std::string joined(const Directive& directive) {
    std::string all;
    for (const Value& value : directive.values) {
      const bool good =
          !value.text.empty() && value.text.find_first_of(" \t\n,@!") == std::string_view::npos;
      if (!good)
        report_.error(value.at, concat(in_quotes(value.text), " is not a name"),
                      "write one name after the other");
      all.append(all.empty() ? "" : ":").append(value.text);
    }
    return all;
  }

  const Scope& scope_;
  Reporter& report_;
};

std::string read_pin(const Value& value, Reporter& report) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t size = 44;  // 32 bytes in base64
  if (value.text.size() != size || value.text.find_first_not_of(digits) != size - 1 ||
      value.text.back() != '=')
    report.error(value.at, concat(in_quotes(value.text), " is not a pin"),
                 "write the SHA-256 of a server's public key, in base64");
  return std::string(value.text);
}

}  // namespace

std::span<const std::string_view> system_root_files() { return system_roots; }

ListenerTls build_listener_tls(const Directive& directive, const Scope& scope) {
  ListenerTls tls;
  tls.place = directive.at;
  Reporter& report = scope.report;
  Files files(scope);
  visit_statements(
      directive.block, InListenerTls, scope, tls.origins,
      [&](const DirectiveKind& kind, const Directive& inner) {
        const auto& values = inner.values;
        if (files.common(kind, inner, tls)) return;
        if (kind.word == Word::Certificate) {
          if (tls.certificates.size() == most_certificates)
            return report.error(inner.at, "more than 4096 certificates in one listener",
                                "use several listeners");
          tls.certificates.push_back(files.certificate(inner));
        } else if (kind.word == Word::Tickets) {
          if (const auto on = read_switch(values[0], report)) tls.tickets = *on;
        } else {
          tls.client_ca = files.open(values[0]);
          tls.verify = ClientVerify::Required;
          if (values.size() == 1) return;
          if (values[1].text != "verify" || values.size() != 3)
            return report.error(values[1].at, "client_ca takes a file and what is asked for",
                                "write client_ca FILE verify required");
          if (const auto which = read_choice(values[2], "demand", demands, report); which == 0)
            tls.verify = ClientVerify::Optional;
        }
      });
  const bool tries =
      std::any_of(directive.block.begin(), directive.block.end(),
                  [](const Directive& inner) { return inner.word == "certificate"; });
  if (tls.certificates.empty() && !tries)
    report.error(directive.at, "tls without a certificate", "add one: certificate CHAIN KEY");
  return tls;
}

bool can_be_verified(const BackendTls& tls, const Endpoint& at) {
  return !tls.verify || at.kind != Endpoint::Kind::Unix || !tls.server_name.empty() ||
         !tls.pins.empty();
}

BackendTls build_backend_tls(const Directive& directive, const Scope& scope) {
  BackendTls tls;
  tls.place = directive.at;
  Reporter& report = scope.report;
  Files files(scope);
  const Value* ca = nullptr;
  visit_statements(directive.block, InBackendTls, scope, tls.origins,
                   [&](const DirectiveKind& kind, const Directive& inner) {
                     const Value& value = inner.values[0];
                     if (files.common(kind, inner, tls)) return;
                     switch (kind.word) {
                       case Word::Certificate: tls.certificate = files.certificate(inner); break;
                       case Word::Ca: ca = &value; break;
                       case Word::Pin: tls.pins.push_back(read_pin(value, report)); break;
                       case Word::Verify:
                         if (const auto on = read_switch(value, report)) tls.verify = *on;
                         break;
                       default: {
                         tls.server_name = to_lower(value.text);
                         const bool good = is_host_name(tls.server_name);
                         if (!good)
                           report.error(value.at, concat(in_quotes(value.text), " is not a name"),
                                        "write the name that is in the servers' certificates");
                       }
                     }
                   });
  if (ca && !tls.verify)
    report.error(ca->at, "ca without verify: nothing would be checked against it",
                 "leave one of them out");
  else if (tls.verify)
    tls.ca = ca && ca->text != "system" ? files.open(*ca)
                                        : files.open_system_roots(ca ? ca->at : directive.at);
  return tls;
}

}  // namespace weir::config
