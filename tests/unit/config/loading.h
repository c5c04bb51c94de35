// SPDX-License-Identifier: Apache-2.0
//
// Loading configurations that live in a test: files, listings and environment are maps, and the
// policy words are a recording stand-in for the filters.
#pragma once

#include <weir/balancer.h>
#include <weir/filter.h>

#include "config/loader.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::config {

/// A factory that was accepted; its filter does nothing.
class AnyFactory final : public Filter, public FilterFactory {
 public:
  Needs needs() const override { return {}; }
  Filter& make(Arena&) const override { return const_cast<AnyFactory&>(*this); }
};

/// Accepts everything but a first value `bad`.
inline Result<std::unique_ptr<FilterFactory>> build_any(const Statement& statement,
                                                        const FilterContext&) {
  if (!statement.values.empty() && statement.values[0] == "bad")
    return Error(Errc::Invalid, "bad is not good; write good");
  return std::unique_ptr<FilterFactory>(std::make_unique<AnyFactory>());
}

inline constexpr FilterKind test_filters[] = {
    {"header", "fields of the request", build_any},
    {"response_header", "fields of the answer", build_any},
    {"rewrite", "paths", build_any},
    {"shine", "a module's word", build_any}};

/// What a `balance` statement became; makes nothing, but wants the hash of its last value.
class AnyBalancers final : public BalancerFactory {
 public:
  explicit AnyBalancers(std::string hash_of) : hash_of_(std::move(hash_of)) {}
  Needs needs() const override { return {.hash_of = hash_of_}; }
  std::unique_ptr<Balancer> make(std::uint64_t) const override { return nullptr; }

 private:
  std::string hash_of_;
};

/// Accepts everything but a first value `bad`.
inline Result<std::unique_ptr<BalancerFactory>> make_any_balancers(const Statement& statement) {
  const auto& values = statement.values;
  if (!values.empty() && values[0] == "bad")
    return Error(Errc::Invalid, "bad is not good; write good");
  return std::unique_ptr<BalancerFactory>(
      std::make_unique<AnyBalancers>(values.empty() ? "" : values.back()));
}

inline constexpr BalancerKind test_balancers[] = {
    {"p2c", "two", make_any_balancers},
    {"round_robin", "in turn", make_any_balancers},
    {"least_request", "the least", make_any_balancers},
    {"random", "any", make_any_balancers},
    {"dance", "a module's policy", make_any_balancers}};

inline constexpr Kinds test_kinds = {test_filters, test_balancers};

/// A disk and an environment in memory.  The main file is "weir.conf".
struct World {
  std::map<std::string, std::string> files;
  std::map<std::string, std::vector<std::string>> listings;
  std::map<std::string, std::string, std::less<>> environment;

  FileReader reader() const {
    return {[this](const std::string& path) -> Result<std::string> {
              const auto found = files.find(path);
              if (found != files.end()) return found->second;
              // Where the examples keep their certificates.
              if (path.starts_with("/etc/weir/tls/")) return "contents of " + path;
              return Error(Errc::System, "cannot be opened");
            },
            [this](const std::string& pattern) {
              const auto found = listings.find(pattern);
              return found == listings.end() ? std::vector<std::string>{pattern} : found->second;
            },
            [this](std::string_view name) -> std::optional<std::string> {
              const auto found = environment.find(name);
              if (found == environment.end()) return std::nullopt;
              return found->second;
            },
            4,
            [this](const std::string& path) -> Result<Secret> {
              const auto found = files.find(path);
              if (found == files.end() && !path.starts_with("/etc/weir/tls/"))
                return Error(Errc::System, "cannot be opened");
              std::string text = found == files.end() ? path : found->second;
              return Secret{std::make_shared<const std::string>(text), text};
            }};
  }
};

struct Loaded {
  std::optional<Config> config;
  Diagnostics diagnostics;

  /// "12:9: error: message" of each diagnostic, one a line.
  std::string messages() const {
    std::string all;
    for (const Diagnostic& diagnostic : diagnostics.all()) {
      const bool error = diagnostic.severity == Severity::Error;
      all += diagnostic.place.substr(diagnostic.place.find(':') + 1) +
             (error ? ": error: " : ": warning: ") + diagnostic.message + "\n";
    }
    return all;
  }
};

inline Loaded load_world(const World& world) {
  Loaded loaded;
  loaded.config = load("weir.conf", world.reader(), test_kinds, loaded.diagnostics);
  return loaded;
}

inline Loaded load_text(std::string text) {
  World world;
  world.files["weir.conf"] = std::move(text);
  return load_world(world);
}

/// One of conf/examples, from the disk.
inline Loaded load_example(const std::filesystem::path& path) {
  std::ifstream in(path);
  return load_text({std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
}

/// What a listener needs besides the statements under test.
inline Loaded load_in_listener(const std::string& statements) {
  return load_text("listener web {\nbind 127.0.0.1:80\nroute last forward b\n" + statements +
                   "\n}\nbackend b { server s 127.0.0.1:81 }\n");
}

/// The only route of a listener, in line 3; backends a and b are there.
inline Loaded load_route(const std::string& route) {
  return load_text("listener web {\nbind 127.0.0.1:80\n" + route +
                   "\nroute path /a forward a; route forward b }\n"
                   "backend a { server s 127.0.0.1:81 }\nbackend b { server s 127.0.0.1:82 }\n");
}

/// In a backend, from line 3 on.
inline Loaded load_in_backend(const std::string& statements) {
  return load_text("listener web { bind 127.0.0.1:80; route forward b }\nbackend b {\n" +
                   statements + "\n}\n");
}

}  // namespace weir::config
