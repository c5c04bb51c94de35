// SPDX-License-Identifier: Apache-2.0
//
// What each object of a configuration says, as names and values in the words of the file.  Printing
// and comparing configurations both read it, so that what one of them knows the other cannot forget.
#pragma once

#include "config/config.h"
#include "config/schema.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

/// One thing an object says.  Its views and pointers live as long as the Config.
struct Property {
  /// How often a name may stand in an object: Single once; of a Set neither order nor repetition
  /// means anything; of a Sequence both do.
  enum class Kind : std::uint8_t { Single, Set, Sequence };

  std::string_view name;        ///< "weight", "timeout body", "bind"; empty for a matcher
  std::string value;            ///< as it is written, quoted where it must be; may be empty
  const Place* place;           ///< where it was said; null for a default
  std::string meaning = value;  ///< equal for values that mean the same
  Kind kind = Kind::Single;

  /// Name and value: the statement.
  std::string text() const;
};

using Properties = std::vector<Property>;

/// The main level, without the objects that follow.
Properties properties(const Config& config);
Properties properties(const AdminSocket& socket);
/// Without routes and policies.
Properties properties(const Listener& listener);
/// Matchers, limits and "action", without policies.
Properties properties(const Config& config, const Route& route);
/// Those that hold for one of these backends, as Policy::backends says; by itself for all.
Properties properties(const std::vector<Policy>& policies, std::uint16_t backends = 0xffff);
/// `WORD none` for each of these words, in the block that stands there.
Properties properties(const std::vector<std::string_view>& cleared, const Place& place);
/// Without servers, check, outlier and policies.
Properties properties(const Config& config, const Backend& backend);
/// "address" first, then the options.
Properties properties(const Server& server);
/// Without what stands before the block: that is check_text().
Properties properties(const Check& check);
Properties properties(const Outlier& outlier);
/// Without the number before the block.
Properties properties(const Pipeline& pipeline);
Properties properties(const ListenerTls& tls);
Properties properties(const BackendTls& tls);

/// What a block says in which nothing is written: of a check, one over HTTP.  Help and the manual tell defaults
/// from here, so that they are written down as values of config.h only.
Properties defaults(Context context);

/// One matcher, a policy, or a route's action, as it is written.
std::string matcher_text(const Matcher& matcher);
std::string policy_text(const Policy& policy);
std::string action_text(const Config& config, const Action& action);

/// A matcher so written that all with the same meaning are the same text.
std::string canonical_text(const Matcher& matcher);

/// They ask the same in the same rhythm, wherever they are written.
bool mean_the_same(const Check& a, const Check& b);

/// The values of `check`: "tcp", "http GET /healthz".
std::string check_text(const Check& check);

/// Where a log goes: "off", "stderr", "syslog" or a path.
std::string target_text(const LogTarget& target);

/// How long its lines wait: " buffer 64k flush 1s", or nothing if they do not.
std::string buffer_text(const LogTarget& log);

/// Whether weir itself knows the form of the access log's lines by name.
bool has_built_in_format(const LogTarget& log);

}  // namespace weir::config
