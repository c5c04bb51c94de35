// SPDX-License-Identifier: Apache-2.0
#include "process/loader.h"

#include <weir/regex.h>

#include "base/cursor.h"
#include "config/loader.h"
#include "config/print.h"
#include "process/bundle_memory.h"
#include "process/kinds.h"
#include "process/plan.h"
#include "process/preflight.h"
#include "process/reach.h"
#include "process/rollback.h"
#include "proxy/route_policy.h"
#include "proxy/route_table.h"
#include "tls/certificate.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>

namespace weir::process {

namespace {

constexpr unsigned deadline_seconds = 30;
constexpr rlim_t memory_cap = rlim_t{2} << 30;

constexpr std::size_t most_said = std::size_t{64} << 10;  // of diagnostics, in one message

// Whether certificates, keys and names of OpenSSL are good.
void check_tls(const config::Config& config, config::Diagnostics& diagnostics) {
  for (tls::Finding& finding : tls::check(config, ::time(nullptr))) {
    config::Diagnostic diagnostic;
    diagnostic.severity = finding.is_error ? config::Severity::Error : config::Severity::Warning;
    diagnostic.place =
        config::place_text(config, finding.place) + ":" + std::to_string(finding.place.column);
    diagnostic.message = std::move(finding.text);
    diagnostic.hint = std::move(finding.hint);
    diagnostic.at = finding.place;
    diagnostics.add(std::move(diagnostic));
  }
}

// Loads and compiles; nothing if there are errors.  `said` is what the operator is to read.
std::optional<config::Config> load(const std::string& path, const config::FileReader& reader,
                                   config::Bundle& bundle, config::Secrets& secrets,
                                   std::string& said) {
  config::Diagnostics diagnostics;
  auto config = config::load(path, config::recording_reader(reader, bundle, secrets), known_kinds(),
                             diagnostics);
  if (config) check_tls(*config, diagnostics);
  diagnostics.sort();
  said = diagnostics.text();
  if (!config || diagnostics.has_errors()) return std::nullopt;
  if (auto compiled = compile(*config); !compiled) {
    said += config->files[0] + ": error: " + compiled.error().text() + "\n";
    return std::nullopt;
  }
  return config;
}

std::optional<config::Config> load_aloud(const std::string& path) {
  std::string said;
  config::Bundle bundle;
  config::Secrets secrets;
  auto config = load(path, config::disk_reader(), bundle, secrets, said);
  std::fputs(said.c_str(), stderr);
  return config;
}

// The master's order: a directory, and the name of the file that comes with it.  It is read as if it stood in that
// directory, so that what it includes is looked for there.
config::FileReader handed_over(net::Message& order, std::string& path) {
  std::string_view name = order.bytes;
  std::string directory(take_until(name, '\n'));
  path = directory + "/" + std::string(name.substr(name.rfind('/') + 1));
  return confined_reader(directory, path, std::move(order.descriptors[0]));
}

void limit_myself() {
  ::alarm(deadline_seconds);
#if !defined(__SANITIZE_ADDRESS__)
  rlimit memory{memory_cap, memory_cap};
  setrlimit(RLIMIT_AS, &memory);
#endif
}

}  // namespace

Result<void> compile(const config::Config& config) {
  proxy::FilterFactories factories;
  for (const config::Listener& listener : config.listeners) {
    if (auto table = proxy::RouteTable::build(listener); !table) return table.error();
    for (const config::Route& route : listener.routes)
      if (auto policy = proxy::RoutePolicy::build(config, listener, route, factories); !policy)
        return policy.error();
  }
  for (const config::Backend& backend : config.backends) {
    if (!backend.check || backend.check->body_regex.empty()) continue;
    const config::Place& place = backend.check->place;
    if (auto body = Regex::compile(backend.check->body_regex); !body)
      return body.error().within(config::place_text(config, place));
  }
  return {};
}

int run_loader(net::Channel channel, const std::string& start_path) {
  limit_myself();
  std::string path = start_path;
  config::FileReader reader = config::disk_reader();
  Restored restored;
  if (path.empty()) {
    auto order = channel.receive();
    if (!order) return 1;
    const std::vector<Fd>& fds = order->descriptors;
    if (fds.size() == 4) {
      auto past = restore({fds[0].get(), fds[1].get()}, {fds[2].get(), fds[3].get()});
      if (!past) return (void)channel.send(net::MessageType::Failed, past.error().text()), 1;
      restored = std::move(*past);
      path = restored.bundle.files[0].name;
      reader = config::bundle_reader(restored.bundle, &restored.secrets);
    } else {
      if (fds.size() != 1) return 1;
      reader = handed_over(*order, path);
    }
  }
  config::Bundle bundle;
  config::Secrets secrets;
  std::string said;
  auto config = load(path, reader, bundle, secrets, said);
  if (said.size() > most_said) said.replace(most_said, std::string::npos, "...\n");
  if (!said.empty()) (void)channel.send(net::MessageType::Diagnostics, said);
  if (!config) {
    (void)channel.send(net::MessageType::Failed, path + " is not valid");
    return 1;
  }
  auto plan = make_plan(*config);
  auto sealed = seal(bundle, secrets, *config);
  if (!plan || !sealed) {
    (void)channel.send(net::MessageType::Failed,
                       plan ? sealed.error().text() : plan.error().text());
    return 1;
  }
  return channel.send(net::MessageType::Plan, write_plan(*plan),
                      {sealed->bundle.get(), sealed->secrets.get(), sealed->check_secrets.get()})
             ? 0
             : 1;
}

int check_configuration(const std::string& path) {
  const auto config = load_aloud(path);
  if (!config) return 1;
  auto plan = make_plan(*config);
  config::Diagnostics found;
  if (plan) {
    for (config::Diagnostic& each : check_start(*config, *plan)) found.add(std::move(each));
  } else {
    config::Diagnostic why;
    why.message = plan.error().text();
    found.add(std::move(why));
  }
  std::fputs(found.text().c_str(), stderr);
  if (found.has_errors()) {
    std::fprintf(stderr, "configuration %s is valid, but weir would not start here\n",
                 path.c_str());
    return 1;
  }
  std::printf("configuration %s is valid\n", path.c_str());
  return 0;
}

int print_configuration(const std::string& path) {
  auto config = load_aloud(path);
  if (!config) return 1;
  std::fputs(config::print_effective(*config).c_str(), stdout);
  return 0;
}

}  // namespace weir::process
