// SPDX-License-Identifier: Apache-2.0
//
// The table of commands itself, and how a line finds its row.
#include "admin/command.h"
#include "admin/drain_commands.h"
#include "admin/explain.h"
#include "admin/generations.h"
#include "admin/quarantine.h"
#include "admin/servers.h"
#include "admin/show.h"
#include "admin/words.h"
#include "base/text.h"
#include "config/units.h"

#include <algorithm>

namespace weir::admin {

namespace {

using enum config::AdminLevel;
constexpr std::uint8_t many = 255;
constexpr std::string_view level_words[] = {"read", "operate", "admin"};

void help(const Call& call, Reply& reply);

void watch(const Call& call, Reply& reply) {
  reply.watches = true;
  if (call.words.empty()) return;
  if (call.words[0] == "servers")
    reply.watch = "server";
  else if (call.words[0] == "config")
    reply.watch = "config";
  else
    reply.fail("usage", "what can be watched is servers and config");
}

void log_level(const Call& call, Reply& reply) {
  if (!call.fleet.daemon.set_log_level(call.words[0]))
    reply.fail("usage", "a level is debug, info, notice, warn or error");
}

void sync(const Call& call, Reply& reply) { reply.durable_at = call.fleet.daemon.state_written(); }

void shut_down(const Call& call, Reply& reply) {
  std::uint64_t ms = 0;
  if (!call.words.empty()) {
    auto time = config::parse_duration(call.words[0]);
    if (!time) return reply.fail("usage", time.error().text());
    ms = static_cast<std::uint64_t>(time->count());
  }
  reply.text = "stopping";
  call.fleet.daemon.shut_down(ms);
}

// These two are the session's business; alone they mean nothing.
void outside_of_transaction(const Call&, Reply& reply) {
  reply.fail("usage", "there is no transaction");
}

void begin_transaction(const Call&, Reply&) {}

// clang-format off
constexpr Command table[] = {
    {"abort", "", "Gives a transaction up: nothing of it happens.", Operate, false, 0, 0, outside_of_transaction},
    {"clear quarantine", "[FINGERPRINT]", "Serves requests again that have crashed workers: one kind of them, or all.",
     Operate, true, 0, 1, clear_quarantine},
    {"commit", "[force]", "Carries out all commands of a transaction, or none.", Operate, false, 0, 1, outside_of_transaction},
    {"confirm", "", "Keeps a generation that was committed with reload confirm.", Admin, true, 0, 0, confirm},
    {"drain", "[listener NAME] [TIME] [until N]",
     "The instance or a listener leaves the pool, phase by phase.", Operate, true, 0, 5, drain},
    {"explain generation", "NUMBER", "How a generation differs from the one before it, and who made it.", Read, false, 1, 1, explain_generation},
    {"explain request", "METHOD URL [NAME=VALUE ...] [client=IP] [listener=NAME] [sni=NAME] [protocol=P] [client_cert_PART=VALUE ...]",
     "Which route a request takes and why, and which servers may get it.", Read, false, 2, many, explain_request},
    {"explain server", "BACKEND/NAME", "Why a server is as it is: columns, checks, events.", Read, false, 1, 1, explain_server},
    {"help", "[--words | COMMAND ...]", "What commands there are, or what one does.", Read, false, 0, 2, help},
    {"log level", "LEVEL", "Sets from which level on control writes to the error log.", Operate, true, 1, 1, log_level},
    {"metrics", "", "All counters in Prometheus' text format.", Read, false, 0, 0, show_metrics},
    {"plan", "[FILE]", "What a reload would change, and where run time differs from the file; FILE needs level admin.",
     Read, false, 0, 1, plan},
    {"ready", "[LISTENER]", "Whether clients should be sent here.", Read, false, 0, 1, ready},
    {"reload", "[FILE] [confirm TIME]",
     "Loads the files again, or FILE, and puts them to work; with confirm, goes back unless confirmed in time.",
     Admin, true, 0, 3, reload},
    {"rollback", "[GENERATION]", "Goes back to a former generation, by default the one before.", Admin, true, 0, 1, rollback},
    {"server add", "BACKEND NAME ADDRESS [weight N] [max_in_flight N] [backup]",
     "Adds a server in all workers.", Operate, true, 3, 8, server_add},
    {"server remove", "BACKEND/NAME [drain TIME]",
     "Removes a server that was added at run time, once its requests have ended.", Operate, true, 1, 3, server_remove},
    {"server set", "BACKEND/NAME weight N|auto | state up|drain|down|auto | address ADDRESS|auto",
     "Overrides what the file says of a server; auto takes that back.", Operate, true, 3, 3, server_set},
    {"show audit", "", "Who changed what.", Read, false, 0, 0, show_audit},
    {"show backends", "", "Backends, with their servers counted and their traffic.", Read, false, 0, 0, show_backends},
    {"show bundle", "", "The text of all files that the running configuration was made from.", Admin, false, 0, 0, show_bundle},
    {"show config", "", "The effective configuration, each value with its place.", Read, false, 0, 0, show_config},
    {"show generations", "", "The configurations that were committed.", Read, false, 0, 0, show_generations},
    {"show listeners", "", "Listeners and their traffic.", Read, false, 0, 0, show_listeners},
    {"show quarantine", "", "Requests that have crashed workers: fingerprint, how often, since when.", Read, false, 0, 0, show_quarantine},
    {"show routes", "", "Routes in order, with their traffic.", Read, false, 0, 0, show_routes},
    {"show servers", "[BACKEND]", "Servers: use, since when and why, in three columns.", Read, false, 0, 1, show_servers},
    {"show sessions", "", "Client connections and what each is doing.", Read, false, 0, 0, show_sessions},
    {"show state", "", "One snapshot of everything that changes, as JSON.", Read, false, 0, 0, show_state},
    {"show streams", "", "Requests under way: phase, route and server.", Read, false, 0, 0, show_streams},
    {"show workers", "", "Worker processes.", Read, false, 0, 0, show_workers},
    {"shutdown", "[TIME]", "Drains and stops weir.", Admin, true, 0, 1, shut_down},
    {"status", "", "What is running, and how it does.", Read, false, 0, 0, show_status},
    {"sync", "", "Waits until all changes so far are on disk.", Read, false, 0, 0, sync},
    {"transaction", "[op-id X] [if-generation G] [if-revision R] [scope backend/NAME]",
     "Begins a set of commands that happen all or not at all.", Operate, false, 0, 8, begin_transaction},
    {"undrain", "[listener NAME]", "Takes a drain back, whatever its phase.", Operate, true, 0, 2, undrain},
    {"upgrade", "[reload]",
     "The binary that lies in the place of the running one takes over, once it has shown that it can; with reload, with the files as they are now.",
     Admin, true, 0, 1, upgrade},
    {"watch", "[servers|config]", "Events as they happen, a JSON object a line, until the connection ends.",
     Read, false, 0, 1, watch},
};
// clang-format on

std::string describe(const Command& command) {
  return concat(command.name, command.arguments.empty() ? "" : " ", command.arguments, "\n    ",
                command.help, "\n    level: ", level_words[static_cast<std::size_t>(command.level)],
                "\n");
}

void help(const Call& call, Reply& reply) {
  std::string text;
  if (!call.words.empty() && call.words[0] == "--words") {
    for (const Command& command : table) text += concat(command.name, "\n");
  } else if (call.words.empty()) {
    for (const Command& command : table)
      text += concat(command.name, std::string(18 - command.name.size(), ' '), command.help, "\n");
  } else {
    std::string name = call.words[0] + (call.words.size() > 1 ? " " + call.words[1] : "");
    for (const Command& command : table)
      if (command.name.starts_with(name)) text += describe(command);
    if (text.empty()) return reply.fail("unknown", "there is no command " + in_quotes(name));
  }
  reply.body = make_text(std::move(text), call.json);
}

void unknown_command(std::span<const std::string> words, Reply& reply) {
  std::string name = words[0];
  if (words.size() > 1) name += " " + words[1];
  std::vector<std::string_view> names;
  for (const Command& command : table) names.push_back(command.name);
  auto near = nearest(name, names);
  if (!near) near = nearest(words[0], names);
  reply.fail("unknown", "unknown command " + in_quotes(words[0]) +
                            (near ? "; did you mean " + in_quotes(*near) + "?" : "; try help"));
}

}  // namespace

std::span<const Command> commands() { return table; }

std::string commands_mdoc() {
  std::string out = ".Bl -tag -width Ds\n";
  for (const Command& command : table)
    out += concat(".It Ic ", command.name, command.arguments.empty() ? "" : " Li \"",
                  command.arguments, command.arguments.empty() ? "" : "\"", "\n", command.help,
                  "\nLevel: ", level_words[static_cast<std::size_t>(command.level)], ".\n");
  return out + ".El\n";
}

const Command* find_command(std::span<const std::string> words, std::size_t& used) {
  for (used = 2; used >= 1; --used) {
    if (words.size() < used) continue;
    std::string name = used == 2 ? words[0] + " " + words[1] : words[0];
    auto found = std::lower_bound(
        std::begin(table), std::end(table), name,
        [](const Command& command, const std::string& wanted) { return command.name < wanted; });
    if (found != std::end(table) && found->name == name) return found;
  }
  return nullptr;
}

void run_command(Fleet& fleet, const Caller& caller, std::span<const std::string> words, bool json,
                 bool in_transaction, Reply& reply) {
  std::size_t used = 0;
  const Command* command = find_command(words, used);
  if (!command) return unknown_command(words, reply);
  if (caller.level < command->level)
    return reply.fail("forbidden",
                      concat(command->name, " needs another socket: this one is for less"));
  auto rest = words.subspan(used);
  bool force = command->changes && !rest.empty() && rest.back() == "force";
  if (force && caller.level < Admin) return reply.fail("forbidden", "force needs level admin");
  if (force) rest = rest.first(rest.size() - 1);
  if (rest.size() < command->least || rest.size() > command->most)
    return reply.fail("usage", concat("write ", command->name,
                                      command->arguments.empty() ? "" : " ", command->arguments));
  // What cannot be taken back cannot be part of all or nothing.
  if (in_transaction && !command->name.starts_with("server "))
    return reply.fail("usage", concat(command->name, " cannot stand in a transaction"));
  command->run({fleet, caller, rest, json, in_transaction, force}, reply);
}

}  // namespace weir::admin
