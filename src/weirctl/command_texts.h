// SPDX-License-Identifier: Apache-2.0
//
// What every command of the admin socket is called, takes and does, in words.  The daemon adds to each row how
// many words it takes and what carries it out (admin/commands.cc); weirctl has the words alone, so that
// `help` and completion also work when no daemon runs.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::weirctl {

struct CommandText {
  std::string_view name;       ///< one or two words: "server set"
  std::string_view arguments;  ///< as in a synopsis; empty = it takes none
  std::string_view level;      ///< "read", "operate" or "admin"
  std::string_view help;       ///< one sentence
};

// clang-format off
/// Sorted by name.
inline constexpr CommandText command_texts[] = {
    {"abort", "", "operate",
     "Gives a transaction up: nothing of it happens."},
    {"clear quarantine", "[FINGERPRINT]", "operate",
     "Serves requests again that have crashed workers: one kind of them, or all."},
    {"commit", "[force]", "operate",
     "Carries out all commands of a transaction, or none."},
    {"confirm", "", "admin",
     "Keeps a generation that was committed with reload confirm."},
    {"drain", "[listener NAME] [TIME] [until N]", "operate",
     "The instance or a listener leaves the pool, phase by phase."},
    {"explain generation", "NUMBER", "read",
     "How a generation differs from the one before it, and who made it."},
    {"explain request", "METHOD URL [NAME=VALUE ...] [client=IP] [listener=NAME] [sni=NAME] [protocol=P] [client_cert_PART=VALUE ...]", "read",
     "Which route a request takes and why, what its policies would do, and which servers may get it."},
    {"explain server", "BACKEND/NAME", "read",
     "Why a server is as it is: columns, checks, events."},
    {"help", "[--words | COMMAND ...]", "read",
     "What commands there are, or what one does."},
    {"log level", "LEVEL", "operate",
     "Sets from which level on control writes to the error log."},
    {"metrics", "", "read",
     "All counters in Prometheus' text format."},
    {"plan", "[FILE]", "read",
     "What a reload would change, and where run time differs from the file; FILE needs level admin."},
    {"ready", "[LISTENER]", "read",
     "Whether clients should be sent here."},
    {"reload", "[FILE] [confirm TIME]", "admin",
     "Loads the files again, or FILE, and puts them to work; with confirm, goes back unless confirmed in time."},
    {"rollback", "[GENERATION]", "admin",
     "Goes back to a former generation, by default the one before."},
    {"server add", "BACKEND NAME ADDRESS [weight N] [max_in_flight N] [backup]", "operate",
     "Adds a server in all workers."},
    {"server remove", "BACKEND/NAME [drain TIME]", "operate",
     "Removes a server that was added at run time, once its requests have ended."},
    {"server set", "BACKEND/NAME weight N|auto | state up|drain|down|auto | address ADDRESS|auto", "operate",
     "Overrides what the file says of a server; auto takes that back."},
    {"show audit", "", "read",
     "Who changed what."},
    {"show backends", "", "read",
     "Backends, with their servers counted and their traffic."},
    {"show bundle", "", "admin",
     "The text of all files that the running configuration was made from."},
    {"show config", "", "read",
     "The effective configuration, each value with its place."},
    {"show generations", "", "read",
     "The configurations that were committed."},
    {"show listeners", "", "read",
     "Listeners and their traffic."},
    {"show quarantine", "", "read",
     "Requests that have crashed workers: fingerprint, how often, since when."},
    {"show routes", "[LISTENER | LISTENER/ROUTE | LISTENER/#N]", "read",
     "Routes in order, with their traffic: all, those of a listener, or one by its name or its place."},
    {"show servers", "[BACKEND]", "read",
     "Servers: use, since when and why, in three columns."},
    {"show sessions", "", "read",
     "Client connections and what each is doing."},
    {"show state", "", "read",
     "One snapshot of everything that changes, as JSON."},
    {"show streams", "", "read",
     "Requests under way: phase, route and server."},
    {"show workers", "", "read",
     "Worker processes."},
    {"shutdown", "[TIME]", "admin",
     "Drains and stops weir."},
    {"status", "", "read",
     "What is running, and how it does."},
    {"sync", "", "read",
     "Waits until all changes so far are on disk."},
    {"transaction", "[op-id X] [if-generation G] [if-revision R] [scope backend/NAME]", "operate",
     "Begins a set of commands that happen all or not at all."},
    {"undrain", "[listener NAME]", "operate",
     "Takes a drain back, whatever its phase."},
    {"upgrade", "[reload]", "admin",
     "The binary that lies in the place of the running one takes over, once it has shown that it can; with reload, with the files as they are now."},
    {"watch", "[servers|config]", "read",
     "Events as they happen, a JSON object a line, until the connection ends."},
};
// clang-format on

/// What `help WORDS` prints: all commands, one of them, those that begin with the word, or with --words their
/// names alone.  Nothing if there is no such command.
std::optional<std::string> command_help(std::span<const std::string> words);

/// What to say of words that are no command: with the nearest one.
std::string unknown_command(std::span<const std::string> words);

}  // namespace weir::weirctl
