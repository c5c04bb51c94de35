// SPDX-License-Identifier: Apache-2.0
//
// `$variables` in texts: the table of their names, and a text taken apart into literal parts and
// variables.  What a variable is worth for a request is not known here but in proxy/variables.
#pragma once

#include <weir/result.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

enum class Variable : std::uint8_t {
  None,  ///< a part that is only text
  Attempts,
  Backend,
  BodyBytesOut,
  BytesIn,
  BytesOut,
  ClientAddr,
  ClientCertFingerprint,
  ClientCertNames,
  ClientCertSubject,
  ClientPort,
  Cookie,  ///< cookie_NAME
  Duration,
  ForwardPath,
  Header,  ///< header_NAME
  Host,
  Listener,
  Method,
  Path,
  Protocol,
  H2Stream,
  Query,
  QueryArgument,  ///< query_NAME
  Note,           ///< note_NAME
  Reason,
  Referer,
  RequestId,
  RequestUri,
  ResponseHeader,  ///< response_header_NAME
  RetryReason,
  Route,
  Scheme,
  Server,
  ServerAddr,
  Status,
  Target,
  TimeConnect,
  TimeFirstByte,
  TimeQueue,
  TimeTotal,
  Time,
  TlsAlpn,
  TlsCipher,
  TlsResumed,
  TlsServerName,
  TlsVersion,
  UserAgent,
  WeirVersion
};

/// One row of the table, for the checks and for the manual.
struct VariableKind {
  std::string_view name;  ///< without `$`; those that take a name end in `_`
  Variable variable;
  std::string_view help;
};

/// All variables, sorted by name.
std::span<const VariableKind> variable_kinds();

/// The row of a variable, or of the family to which `header_host` and its like belong; null if there is none.
const VariableKind* find_variable(std::string_view name);

/// A text with variables, e.g. "https://$host/new$path": two literal parts, two variables.
struct Template {
  struct Part {
    std::string text;                    ///< literal; comes before the variable
    Variable variable = Variable::None;  ///< None at most in the last part
    std::string name;  ///< of header_NAME and its like: header names lower case with '-' for '_',
                       ///< others as written
  };
  std::vector<Part> parts;

  bool has_variables() const { return !parts.empty() && parts.front().variable != Variable::None; }
};

/// The variable of a part as it is written: "$header_x_user".  Empty if it has none.
std::string written(const Template::Part& part);

/// Takes a text apart.  `$name` is a variable (the longest run of letters, digits and `_`), `$$` and
/// `\$` are a dollar.  Fails with Errc::Invalid for a lonely dollar, and with Errc::NotFound for an
/// unknown variable, with the nearest known one in the text.
Result<Template> parse_template(std::string_view text);

/// What is wrong with such a text, at most 16 things.
std::vector<Error> template_faults(std::string_view text);

}  // namespace weir::config
