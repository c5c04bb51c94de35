// SPDX-License-Identifier: Apache-2.0
//
// The table of directives: one row says everything about a word of the language that does not need
// code.  The loader checks against it, the manual and `weir help` print it, misspellings are matched
// with it.
#pragma once

#include "config/config.h"
#include "config/kinds.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

/// Where a statement may stand; contexts of one row are or-ed.
enum Context : std::uint16_t {
  InMain = 1,
  InListener = 2,
  InBackend = 4,
  InRoute = 8,
  InCheck = 16,
  InOutlier = 32,
  InAdmin = 64,
  InListenerTls = 128,
  InBackendTls = 256,
  InTrustedProxies = 512,
  InBind = 1024,
  InPipeline = 2048
};
inline constexpr std::uint16_t any_context = 0xFFFF;

enum class Word : std::uint8_t {
  AccessLog,
  Admin,
  Backend,
  Balance,
  Bind,
  Body,
  BodyMemory,
  Ca,
  Certificate,
  Check,
  Chroot,
  Ciphers,
  ClientCa,
  ClientClose,
  Close,
  ConnectErrors,
  Credentials,
  Depth,
  Down,
  DrainDelay,
  EarlyData,
  Eject,
  ErrorLog,
  Expect,
  Fall,
  Fallback,
  Fast,
  Fields,
  Forward,
  Group,
  Groups,
  Header,
  Host,
  Include,
  Interval,
  Jit,
  Jitter,
  Keepalive,
  Level,
  Listener,
  LogFormat,
  MaxBody,
  MaxConnections,
  MaxEject,
  MaxEjected,
  MaxFields,
  MaxHeader,
  MaxLifetime,
  MaxLine,
  MaxQueue,
  MaxRequests,
  MaxStreams,
  Metrics,
  MinVersion,
  Mode,
  Nameserver,
  Outlier,
  Panic,
  PathCheck,
  PidFile,
  Pin,
  Pipeline,
  Policy,
  Port,
  Protocol,
  Protocols,
  Ready,
  Redirect,
  Respond,
  Retry,
  Rise,
  Route,
  Server,
  ServerName,
  ShutdownTimeout,
  Slow,
  StallTimeout,
  StartDelay,
  StateFile,
  Status,
  StreamBuffer,
  StreamWindow,
  TcpKeepalive,
  Tickets,
  Timeout,
  Tls,
  TrustedProxies,
  UpgradeTimeout,
  User,
  Verify,
  Workers
};

/// How often a statement may stand in one block.
enum class Times : std::uint8_t { Once, Many };

/// Whether a block follows.
enum class Block : std::uint8_t { Never, May, Must };

struct DirectiveKind {
  static constexpr std::uint8_t any = 255;

  Word word;
  std::string_view name;
  std::uint16_t contexts;  ///< of Context
  Times times;
  Block block;
  std::uint8_t least, most;    ///< number of values; `any` = no limit
  std::string_view arguments;  ///< as in a synopsis: words in capitals stand for values
  std::string_view
      otherwise;  ///< what holds without it, if that is no value of config.h; see default_text
  std::string_view help;  ///< one sentence
};

/// All rows, sorted by name.  A name may have two rows that differ in their contexts.
std::span<const DirectiveKind> directive_kinds();

/// The row for a name in a context, or null.
const DirectiveKind* find_directive(std::string_view name, std::uint16_t contexts);

/// One of the times of a `timeout` statement.
struct TimeoutKind {
  std::string_view statement;  ///< "timeout first_byte"
  std::uint16_t contexts;
  std::optional<Limit> Limits::*member;
  Limit otherwise;  ///< the default
  std::string_view help;
  std::string_view name() const { return statement.substr(8); }
};

/// All rows; `idle` and `send` have two each, one of clients and one of servers.
std::span<const TimeoutKind> timeout_kinds();

/// What holds without a directive, as it would be written; empty = nothing.
std::string default_text(const DirectiveKind& kind);

/// What `weir help directive NAME` prints.
struct Help {
  bool is_known;     ///< else the text says so, with the nearest name or a hint
  std::string text;  ///< whole lines
};

/// Help about a directive, a matcher, a timeout or a variable.  `others` adds the words of modules.
Help help_directive(std::string_view name, const Kinds& others = {});

/// The same about a name of one kind: "directive", "matcher", "timeout" or "variable"; nothing if that is none of them.
std::optional<Help> help_word(std::string_view kind, std::string_view name,
                              const Kinds& others = {});

/// All "directives", "matchers", "timeouts" or "variables", one line each; nothing if that is none of them.
std::optional<std::string> help_list(std::string_view plural, const Kinds& others = {});

/// All directives, one line each.
std::string help_directives(const Kinds& others = {});

/// The lists of weir.conf(5), in mdoc: directives, timeouts, variables.
std::string help_directives_mdoc();

}  // namespace weir::config
