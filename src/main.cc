// SPDX-License-Identifier: Apache-2.0
//
// weir: options, then the process they ask for.
#include <weir/module.h>
#include <weir/version.h>

#include "admin/command.h"
#include "base/text.h"
#include "config/foreign.h"
#include "config/schema.h"
#include "filter/table.h"
#include "process/child.h"
#include "process/control.h"
#include "process/kinds.h"
#include "process/loader.h"
#include "process/master.h"
#include "process/trial.h"
#include "process/worker.h"
#include "process/writer.h"
#include "proxy/log_help.h"
#include "proxy/metric_families.h"
#include "tls/library.h"

#include <getopt.h>

#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace weir;

constexpr const char* usage =
    "usage: weir [-c FILE] [-t | -T] [-d]\n"
    "       weir help [directive | matcher | timeout | variable] NAME\n"
    "       weir help directives | matchers | timeouts | variables\n"
    "       weir --version\n"
    "\n"
    "  -c FILE    the configuration; default /etc/weir/weir.conf\n"
    "  -t         check it and exit: 0 if it is valid, 1 if not\n"
    "  -T         print the effective configuration, with the place of each value\n"
    "  -d         go into the background once everything has started\n"
    "\n"
    "Signals: TERM drain, then stop; INT stop now; QUIT drain without limit; USR1 open logs "
    "again.\n"
    "See weir(8) and weir.conf(5).\n";

/// The internal half of the command line: a process that the master has started.
int run_role(const std::string& role, const std::string& argument) {
  net::Channel channel{Fd(process::child_channel_fd)};
  if (role == "loader") return process::run_loader(std::move(channel), argument);
  if (role == "control") return process::run_control(std::move(channel));
  if (role == "writer") return process::run_writer(std::move(channel));
  if (role == "worker") return process::run_worker(std::move(channel));
  std::fputs(usage, stderr);
  return 2;
}

/// The same for a binary that is tried by the one that is to be replaced.
int run_trial(const char* channel, const char* handover) {
  auto fd = to_number<int>(channel), text = to_number<int>(handover);
  return fd && text ? process::run_trial(net::Channel(Fd(*fd)), *text) : 2;
}

/// The lists that the manuals are made with: `weir help NAME --mdoc`.
struct List {
  std::string_view name;
  std::string (*mdoc)();
};
constexpr List lists[] = {{"access-log", proxy::access_fields_mdoc},
                          {"commands", admin::commands_mdoc},
                          {"directives", config::help_directives_mdoc},
                          {"failures", proxy::failures_mdoc},
                          {"foreign", config::foreign_mdoc},
                          {"metrics", proxy::metrics_mdoc}};

int print_list(std::string_view name) {
  for (const List& list : lists)
    if (list.name == name) return std::fputs(list.mdoc().c_str(), stdout) < 0;
  std::fputs(usage, stderr);
  return 2;
}

int help(int count, char** words) {
  const std::string_view what = count > 0 ? words[0] : "";
  if (count == 2 && std::string_view(words[1]) == "--mdoc") return print_list(what);
  const config::Kinds kinds = process::known_kinds();
  if (const auto list = count == 1 ? config::help_list(what, kinds) : std::nullopt)
    return std::fputs(list->c_str(), stdout) < 0;
  std::optional<config::Help> found;
  // `weir help bind` is what people try first.
  if (count == 1) found = config::help_directive(what, kinds);
  if (count == 2) found = config::help_word(what, words[1], kinds);
  if (!found) {
    std::fputs(usage, count == 0 ? stdout : stderr);
    return count == 0 ? 0 : 2;
  }
  std::fputs(found->text.c_str(), found->is_known ? stdout : stderr);
  return found->is_known ? 0 : 1;
}

struct Options {
  process::MasterOptions master{.path = "/etc/weir/weir.conf"};
  char action = 0;  ///< 't', 'T', 'v', 'h', or 0 for running
};

bool parse(int argc, char** argv, Options& options) {
  static const option names[] = {
      {"version", no_argument, nullptr, 'v'}, {"help", no_argument, nullptr, 'h'}, {}};
  for (int c; (c = getopt_long(argc, argv, "c:tTdhv", names, nullptr)) != -1;) {
    if (c == 'c')
      options.master.path = optarg;
    else if (c == 'd')
      options.master.daemonize = true;
    else if (c == '?')
      return false;
    else
      options.action = static_cast<char>(c);
  }
  return optind == argc;
}

int tell_version() {
  std::printf("weir %s\nTLS: %s\n", version, tls::describe().c_str());
#ifdef WEIR_TRAINING
  std::puts("For training only: its processes have no sandbox, and write down what they do.");
#endif
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (const weir::Module* misfit = weir::filter::misfit({weir::modules, weir::module_count})) {
    std::fprintf(stderr, "weir: the module %s was compiled for contract %d, and this weir has %d\n",
                 misfit->name, misfit->abi, module_abi);
    return 1;
  }
  if (argc >= 3 && std::strcmp(argv[1], "--role") == 0)
    return run_role(argv[2], argc > 3 ? argv[3] : "");
  if (argc == 4 && std::strcmp(argv[1], "--trial") == 0) return run_trial(argv[2], argv[3]);
  if (argc >= 2 && std::strcmp(argv[1], "help") == 0) return help(argc - 2, argv + 2);
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(usage, stderr);
    return 2;
  }
  switch (options.action) {
    case 'v': return tell_version();
    case 'h': std::fputs(usage, stdout); return 0;
    case 't': return process::check_configuration(options.master.path);
    case 'T': return process::print_configuration(options.master.path);
    default: return process::run_master(options.master);
  }
}
