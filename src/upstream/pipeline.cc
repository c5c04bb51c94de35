// SPDX-License-Identifier: Apache-2.0
#include "upstream/pipeline.h"

#include <weir/log.h>

#include "base/characters.h"
#include "config/units.h"
#include "http/field.h"
#include "upstream/server.h"

#include <string>

namespace weir::upstream {

namespace {

std::string seconds_text(std::uint64_t us) {
  return config::duration_text(config::Milliseconds(us / 1000));
}

/// The scheme among the challenges that makes a connection one client's (RFC 4559 §6); empty if there is none.
std::string_view scheme_of_connections(const Headers& headers) {
  for (const Field& field : headers) {
    if (!iequals(field.name, "www-authenticate")) continue;
    std::string_view list = field.value;
    for (auto each = http::next_element(list); !each.empty(); each = http::next_element(list)) {
      const std::string_view scheme = each.substr(0, each.find(' '));
      if (iequals(scheme, "ntlm") || iequals(scheme, "negotiate")) return scheme;
    }
  }
  return {};
}

bool is_safe(Method method) {
  return method == Method::Get || method == Method::Head || method == Method::Options;
}

}  // namespace

std::string_view why_alone(const RequestHead& request, bool credentials) {
  if (!is_safe(request.method)) return "its method is not GET, HEAD or OPTIONS";
  if (request.framing.end != BodyEnd::None) return "it has a body";
  if (request.wants_upgrade) return "Upgrade";
  if (request.expects_continue) return "Expect";
  const Headers& fields = request.headers;
  const bool is_personal = fields.has(FieldName::Cookie) || fields.has(FieldName::Authorization) ||
                           fields.has(FieldName::ProxyAuthorization);
  return is_personal && !credentials ? "it has credentials" : "";
}

Pipeline::~Pipeline() {
  while (PipelineConnection* connection = connections_.pop_front()) delete connection;
}

const http::HeadLimits& Pipeline::answer_limits() const { return server_.answer_limits(); }

void Pipeline::count(shm::SharedCount what) {
  server_.sharing_.shared_connections.add(server_.slot(), what);
}

void Pipeline::count_closed() {
  server_.sharing_.shared_connections.subtract(server_.slot(), shm::SharedCount::Pipelines);
}

ServerSide* Pipeline::take(const RequestHead& request) {
  const config::Pipeline& config = *server_.backend().pipeline;
  if (!trust_.holds(context_.loop.now()) || !why_alone(request, config.credentials).empty())
    return nullptr;
  terms_ = {config.connections, config.depth, config.body, config::microseconds(config.slow)};
  PipelineConnection* const connection = choose();
  return connection ? connection->begin_call() : nullptr;
}

// The one with the shortest line; a new one as long as there may be more and all are in use.
PipelineConnection* Pipeline::choose() {
  PipelineConnection* best = nullptr;
  std::uint32_t count = 0;
  connections_.for_each([&](PipelineConnection& each) {
    // A reload may have said that there are to be fewer.
    if (each.is_shared() && ++count > terms_.connections) return each.leave();
    if (each.has_room() && (!best || each.length() < best->length())) best = &each;
  });
  if ((best && best->length() == 0) || count >= terms_.connections || server_.idle_.empty())
    return best;
  auto* made = new PipelineConnection(*this);
  connections_.push_back(*made);
  server_.idle_.front().move_to(*made);
  return made;
}

// A server that knows its clients by their connections would take one client for another.
void Pipeline::note_challenge(const Headers& headers) {
  const std::string_view scheme = scheme_of_connections(headers);
  if (scheme.empty()) return;
  if (!trust_.lose_for_ever()) return;
  leave();
  log(Level::Warn, "server ", server_.backend().name, "/", server_.config().name,
      ": pipeline off: it knows its clients by their connections (", scheme, ")");
}

void Pipeline::note_fault(std::string_view what) {
  const std::uint64_t off = trust_.note_fault(context_.loop.now());
  count(shm::SharedCount::Faults);
  if (off == 0) return;
  log(Level::Warn, "server ", server_.backend().name, "/", server_.config().name,
      ": pipeline off for ", seconds_text(off), ": ", what);
}

void Pipeline::note_slow() { trust_.note_slow(context_.loop.now()); }

void Pipeline::leave() {
  connections_.for_each([](PipelineConnection& connection) { connection.leave(); });
}

void Pipeline::leave_addresses() {
  connections_.for_each([this](PipelineConnection& connection) {
    if (!server_.addresses().contains(connection.address())) connection.leave();
  });
}

std::size_t Pipeline::shed_idle(std::size_t most) {
  std::size_t count = 0;
  List<PipelineConnection> kept;
  while (PipelineConnection* connection = connections_.pop_front()) {
    if (count < most && connection->may_be_shed()) {
      delete connection;
      ++count;
    } else {
      kept.push_back(*connection);
    }
  }
  connections_.splice_back(kept);
  return count;
}

}  // namespace weir::upstream
