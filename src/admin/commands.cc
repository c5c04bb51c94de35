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
#include "base/wording.h"
#include "config/units.h"
#include "weirctl/command_texts.h"

#include <algorithm>

namespace weir::admin {

namespace {

using enum config::AdminLevel;
constexpr std::uint8_t many = 255;

void help(const Call& call, Reply& reply);

/// What can be watched, and how the types of its events begin.
struct Scope {
  std::string_view name, type;
};
constexpr Scope scopes[] = {{"config", "config."}, {"servers", "server."}};

void watch(const Call& call, Reply& reply) {
  if (!call.words.empty()) {
    const auto scope = std::find_if(std::begin(scopes), std::end(scopes),
                                    [&](const Scope& each) { return each.name == call.words[0]; });
    if (scope == std::end(scopes))
      return reply.fail("usage", unknown_word("scope", call.words[0], {"config", "servers"}));
    reply.watch = scope->type;
  }
  reply.watches = true;
}

void log_level(const Call& call, Reply& reply) {
  if (!call.fleet.daemon.set_log_level(call.words[0]))
    reply.fail("usage",
               unknown_word("level", call.words[0], {"debug", "info", "notice", "warn", "error"}));
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

// What each command is in words stands in weirctl/command_texts.h, in the same order.
// clang-format off
constexpr Command table[] = {
    {"abort", false, 0, 0, outside_of_transaction},
    {"clear quarantine", true, 0, 1, clear_quarantine},
    {"commit", false, 0, 1, outside_of_transaction},
    {"confirm", true, 0, 0, confirm},
    {"drain", true, 0, 5, drain},
    {"explain generation", false, 1, 1, explain_generation},
    {"explain request", false, 2, many, explain_request},
    {"explain server", false, 1, 1, explain_server},
    {"help", false, 0, 2, help},
    {"log level", true, 1, 1, log_level},
    {"metrics", false, 0, 0, show_metrics},
    {"plan", false, 0, 1, plan},
    {"ready", false, 0, 1, ready},
    {"reload", true, 0, 3, reload},
    {"rollback", true, 0, 1, rollback},
    {"server add", true, 3, 8, server_add},
    {"server remove", true, 1, 3, server_remove},
    {"server set", true, 3, 3, server_set},
    {"show audit", false, 0, 0, show_audit},
    {"show backends", false, 0, 0, show_backends},
    {"show bundle", false, 0, 0, show_bundle},
    {"show config", false, 0, 0, show_config},
    {"show generations", false, 0, 0, show_generations},
    {"show listeners", false, 0, 0, show_listeners},
    {"show quarantine", false, 0, 0, show_quarantine},
    {"show routes", false, 0, 1, show_routes},
    {"show servers", false, 0, 1, show_servers},
    {"show sessions", false, 0, 0, show_sessions},
    {"show state", false, 0, 0, show_state},
    {"show streams", false, 0, 0, show_streams},
    {"show workers", false, 0, 0, show_workers},
    {"shutdown", true, 0, 1, shut_down},
    {"status", false, 0, 0, show_status},
    {"sync", false, 0, 0, sync},
    {"transaction", false, 0, 8, begin_transaction},
    {"undrain", true, 0, 2, undrain},
    {"upgrade", true, 0, 1, upgrade},
    {"watch", false, 0, 1, watch},
};
// clang-format on

constexpr bool has_the_same_names() {
  return std::equal(std::begin(table), std::end(table), std::begin(weirctl::command_texts),
                    std::end(weirctl::command_texts),
                    [](const Command& command, const weirctl::CommandText& text) {
                      return command.name == text.name;
                    });
}
static_assert(has_the_same_names());

const weirctl::CommandText& text_of(const Command& command) {
  return weirctl::command_texts[&command - table];
}

config::AdminLevel level_of(const Command& command) {
  const std::string_view level = text_of(command).level;
  return level == "admin" ? Admin : level == "operate" ? Operate : Read;
}

void help(const Call& call, Reply& reply) {
  auto text = weirctl::command_help(call.words);
  if (!text) return reply.fail("unknown", weirctl::unknown_command(call.words));
  reply.body = make_text(std::move(*text), call.json);
}

std::string usage_of(const Command& command) {
  const std::string_view arguments = text_of(command).arguments;
  return arguments.empty() ? concat(command.name, " takes no arguments")
                           : concat(command.name, " ", arguments);
}

}  // namespace

std::span<const Command> commands() { return table; }

std::string commands_mdoc() {
  std::string out = ".Bl -tag -width Ds\n";
  for (const weirctl::CommandText& text : weirctl::command_texts)
    out +=
        concat(".It Ic ", text.name, text.arguments.empty() ? "" : " Li \"", text.arguments,
               text.arguments.empty() ? "" : "\"", "\n", text.help, "\nLevel: ", text.level, ".\n");
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
  if (!command) return reply.fail("unknown", weirctl::unknown_command(words));
  if (caller.level < level_of(*command))
    return reply.fail("forbidden",
                      concat(command->name, " needs a socket of level ", text_of(*command).level));
  auto rest = words.subspan(used);
  bool force = command->changes && !rest.empty() && rest.back() == "force";
  if (force && caller.level < Admin) return reply.fail("forbidden", "force needs level admin");
  if (force) rest = rest.first(rest.size() - 1);
  if (rest.size() < command->least || rest.size() > command->most)
    return reply.fail("usage", usage_of(*command));
  // What cannot be taken back cannot be part of all or nothing.
  if (in_transaction && !command->name.starts_with("server "))
    return reply.fail("usage", concat(command->name, " cannot stand in a transaction"));
  command->run({fleet, caller, rest, json, in_transaction, force}, reply);
}

}  // namespace weir::admin
