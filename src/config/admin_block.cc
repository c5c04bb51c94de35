// SPDX-License-Identifier: Apache-2.0
#include "config/admin_block.h"

#include "base/text.h"
#include "config/values.h"

#include <array>
#include <string_view>

namespace weir::config {

namespace {

// In the order of enum AdminLevel.
constexpr std::array<std::string_view, 3> levels = {"read", "operate", "admin"};

}  // namespace

AdminSocket build_admin(const Directive& directive, const Scope& scope) {
  AdminSocket socket;
  socket.place = directive.at;
  Reporter& report = scope.report;
  const Value& address = directive.values[0];
  if (auto endpoint = read_endpoint(address, EndpointUse::Bind, report)) {
    if (endpoint->kind != Endpoint::Kind::Unix)
      report.error(address.at, "an admin socket is a Unix socket",
                   "write admin unix:/run/weir/admin.sock");
    socket.at = std::move(*endpoint);
  }
  visit_statements(directive.block, InAdmin, scope, socket.origins,
                   [&](const DirectiveKind& kind, const Directive& inner) {
                     const Value& value = inner.values[0];
                     if (kind.word == Word::Mode) {
                       if (const auto mode = read_mode(value, report)) socket.mode = *mode;
                     } else if (kind.word == Word::Group) {
                       socket.group = read_name(value, "group", report);
                     } else if (const auto level = read_choice(value, "level", levels, report)) {
                       socket.level = static_cast<AdminLevel>(*level);
                     }
                   });
  if ((socket.mode & 0006) != 0 && socket.level != AdminLevel::Read)
    report.warning(directive.at, "everybody on this machine may use this admin socket",
                   "mode 0660 and a group keep it to some");
  return socket;
}

}  // namespace weir::config
