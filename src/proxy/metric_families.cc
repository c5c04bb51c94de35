// SPDX-License-Identifier: Apache-2.0
#include "proxy/metric_families.h"

#include "base/text.h"
#include "shm/counters.h"
#include "shm/server_counts.h"
#include "shm/shared_connections.h"
#include "shm/worker_state.h"

namespace weir::proxy {

using shm::Count;
using shm::ServerCount;
using shm::SharedCount;
using shm::Tally;

namespace {

using Type = MetricFamily::Type;
using Of = MetricFamily::Of;
using Value = MetricFamily::Value;

constexpr std::uint32_t at(Count what) { return static_cast<std::uint32_t>(what); }
constexpr std::uint32_t at(SharedCount what) { return static_cast<std::uint32_t>(what); }
constexpr std::uint32_t at(ServerCount what) { return static_cast<std::uint32_t>(what); }
constexpr std::uint32_t at(Tally what) { return static_cast<std::uint32_t>(what); }

// clang-format off
constexpr MetricFamily families[] = {
    {"weir_info", Type::Gauge, Of::Weir, Value::Version, 0,
     "The version that runs, as a label; always 1."},
    {"weir_start_time_seconds", Type::Gauge, Of::Weir, Value::StartTime, 0,
     "When weir was started, in Unix time; time() less this is the uptime."},
    {"weir_config_generation", Type::Gauge, Of::Weir, Value::Generation, 0,
     "The number of the configuration that is running."},
    {"weir_config_last_reload_successful", Type::Gauge, Of::Weir, Value::ReloadDone, 0,
     "1 if the last reload or rollback was carried out, 0 if it was refused."},
    {"weir_config_last_reload_success_timestamp_seconds", Type::Gauge, Of::Weir, Value::ReloadTime, 0,
     "When the configuration was last loaded, in Unix time."},
    {"weir_config_reloads_total", Type::Counter, Of::Weir, Value::ReloadsByResult, 0,
     "Reloads and rollbacks, by result: ok or refused."},
    {"weir_quarantined_fingerprints", Type::Gauge, Of::Weir, Value::Quarantined, 0,
     "Kinds of requests that are refused since they have crashed workers."},

    {"weir_log_lines_lost_total", Type::Counter, Of::Weir, Value::LinesLostByLog, 0,
     "Log lines that a file, pipe or syslog daemon did not take, by log."},
    {"weir_log_lines_dropped_total", Type::Counter, Of::Weir, Value::LinesDroppedByRole, 0,
     "Log lines of other processes than workers that the writer was late for."},
    {"weir_certificate_expiry_timestamp_seconds", Type::Gauge, Of::Certificate, Value::NotAfter, 0,
     "When the first certificate in the file expires, in Unix time."},

    {"weir_worker_connections_open", Type::Gauge, Of::Worker, Value::Count, at(Count::ClientsOpen),
     "Client connections that are open."},
    {"weir_worker_connections_accepted_total", Type::Counter, Of::Worker, Value::Count, at(Count::ClientsAccepted),
     "Client connections that were accepted."},
    {"weir_worker_requests_total", Type::Counter, Of::Worker, Value::Count, at(Count::Requests),
     "Requests that have ended."},
    {"weir_worker_requests_by_protocol_total", Type::Counter, Of::Worker, Value::CountByProtocol, at(Count::RequestsHttp10),
     "Those whose method and target could be read, by protocol of the client."},
    {"weir_worker_http2_connections_open", Type::Gauge, Of::Worker, Value::Count, at(Count::H2ClientsOpen),
     "Client connections that are open and speak HTTP/2."},
    {"weir_worker_http2_connections_total", Type::Counter, Of::Worker, Value::Count, at(Count::H2ClientsAccepted),
     "Client connections that turned out to speak HTTP/2."},
    {"weir_worker_responses_total", Type::Counter, Of::Worker, Value::CountByClass, at(Count::Responses1xx),
     "Responses to clients, by the class of their status."},
    {"weir_worker_received_bytes_total", Type::Counter, Of::Worker, Value::Count, at(Count::BytesIn),
     "Bytes of requests received from clients."},
    {"weir_worker_sent_bytes_total", Type::Counter, Of::Worker, Value::Count, at(Count::BytesOut),
     "Bytes of responses sent to clients."},
    {"weir_worker_attempts_total", Type::Counter, Of::Worker, Value::Count, at(Count::Attempts),
     "Attempts to have a request answered by a server."},
    {"weir_worker_fields_dropped_total", Type::Counter, Of::Worker, Value::Count, at(Count::FieldsDropped),
     "Header fields of requests that were not passed on."},
    {"weir_worker_loop_lag_seconds", Type::Gauge, Of::Worker, Value::Seconds, at(Count::LongestTurn),
     "The longest turn of the loop of late: how late anything else may have been."},
    {"weir_worker_longest_call_seconds", Type::Gauge, Of::Worker, Value::LongestCall, at(Count::LongestCall),
     "The longest single call in the loop of late, and what it was made to."},
    {"weir_worker_requests_quarantined_total", Type::Counter, Of::Worker, Value::Count, at(Count::Quarantined),
     "Requests refused since their like has crashed workers."},
    {"weir_worker_body_memory_bytes", Type::Gauge, Of::Worker, Value::Count, at(Count::BodyMemory),
     "Memory that bodies take which are held for filters."},
    {"weir_worker_body_memory_refusals_total", Type::Counter, Of::Worker, Value::Count, at(Count::BodyRefusals),
     "Requests that failed since their bodies would have taken more than body_memory."},
    {"weir_worker_http2_resets_total", Type::Counter, Of::Worker, Value::CountBySender, at(Count::H2ResetsByClients),
     "HTTP/2 streams of clients that were reset, by who did."},
    {"weir_worker_http2_abuse_total", Type::Counter, Of::Worker, Value::CountByAbuse, at(Count::H2Resets),
     "HTTP/2 connections ended since their client did too much, by of what."},
    {"weir_worker_tls_handshakes_total", Type::Counter, Of::Worker, Value::CountByVersion, at(Count::HandshakesV12),
     "TLS handshakes with clients that went well, by the version agreed on."},
    {"weir_worker_tls_resumptions_total", Type::Counter, Of::Worker, Value::Count, at(Count::HandshakesResumed),
     "Those of them that resumed a session."},
    {"weir_worker_tls_failures_total", Type::Counter, Of::Worker, Value::CountByReason, at(Count::HandshakesClosed),
     "TLS handshakes with clients that failed, by reason."},
    {"weir_worker_log_lines_dropped_total", Type::Counter, Of::Worker, Value::LinesDropped, 0,
     "Log lines dropped since the writer did not keep up."},

    {"weir_listener_requests_total", Type::Counter, Of::Listener, Value::Tally, at(Tally::Requests),
     "Requests that came in at the listener."},
    {"weir_listener_responses_total", Type::Counter, Of::Listener, Value::TallyByClass, at(Tally::NoStatus),
     "How they ended, by the class of the status; none if without one."},
    {"weir_listener_received_bytes_total", Type::Counter, Of::Listener, Value::Tally, at(Tally::BytesIn),
     "Bytes of requests received from clients."},
    {"weir_listener_sent_bytes_total", Type::Counter, Of::Listener, Value::Tally, at(Tally::BytesOut),
     "Bytes of responses sent to clients."},
    {"weir_listener_failures_total", Type::Counter, Of::Listener, Value::Tally, at(Tally::Failures),
     "Requests on whose way something failed."},
    {"weir_listener_request_duration_seconds", Type::Histogram, Of::Listener, Value::Durations, at(Tally::Microseconds),
     "How long requests took."},

    {"weir_route_requests_total", Type::Counter, Of::Route, Value::Tally, at(Tally::Requests),
     "Requests that took the route; there are no samples before the first."},
    {"weir_route_responses_total", Type::Counter, Of::Route, Value::TallyByClass, at(Tally::NoStatus),
     "How they ended, by the class of the status; none if without one."},
    {"weir_route_received_bytes_total", Type::Counter, Of::Route, Value::Tally, at(Tally::BytesIn),
     "Bytes of requests received from clients."},
    {"weir_route_sent_bytes_total", Type::Counter, Of::Route, Value::Tally, at(Tally::BytesOut),
     "Bytes of responses sent to clients."},
    {"weir_route_failures_total", Type::Counter, Of::Route, Value::Tally, at(Tally::Failures),
     "Requests on whose way something failed."},
    {"weir_route_request_duration_seconds", Type::Histogram, Of::Route, Value::Durations, at(Tally::Microseconds),
     "How long requests took."},

    {"weir_backend_requests_total", Type::Counter, Of::Backend, Value::Tally, at(Tally::Requests),
     "Requests that were for the backend."},
    {"weir_backend_responses_total", Type::Counter, Of::Backend, Value::TallyByClass, at(Tally::NoStatus),
     "How they ended, by the class of the status; none if without one."},
    {"weir_backend_received_bytes_total", Type::Counter, Of::Backend, Value::Tally, at(Tally::BytesIn),
     "Bytes of requests received from clients."},
    {"weir_backend_sent_bytes_total", Type::Counter, Of::Backend, Value::Tally, at(Tally::BytesOut),
     "Bytes of responses sent to clients."},
    {"weir_backend_failures_total", Type::Counter, Of::Backend, Value::Tally, at(Tally::Failures),
     "Requests on whose way something failed."},
    {"weir_backend_attempts_total", Type::Counter, Of::Backend, Value::Tally, at(Tally::Attempts),
     "Attempts to have a request answered by one of its servers."},
    {"weir_backend_connect_errors_total", Type::Counter, Of::Backend, Value::Tally, at(Tally::ConnectErrors),
     "Attempts that got no connection."},
    {"weir_backend_queue_length", Type::Gauge, Of::Backend, Value::QueueLength, 0,
     "Requests that are waiting for a server of the backend, over all workers."},
    {"weir_backend_queued_requests_total", Type::Counter, Of::Backend, Value::Tally, at(Tally::Queued),
     "Requests that had to wait for a server."},
    {"weir_backend_request_duration_seconds", Type::Histogram, Of::Backend, Value::Durations, at(Tally::Microseconds),
     "How long requests took."},

    {"weir_server_requests_total", Type::Counter, Of::Server, Value::Tally, at(Tally::Requests),
     "Requests that the server was the last one to be tried for."},
    {"weir_server_responses_total", Type::Counter, Of::Server, Value::TallyByClass, at(Tally::NoStatus),
     "How they ended, by the class of the status; none if without one."},
    {"weir_server_attempts_total", Type::Counter, Of::Server, Value::Tally, at(Tally::Attempts),
     "Attempts to have a request answered by the server."},
    {"weir_server_connect_errors_total", Type::Counter, Of::Server, Value::Tally, at(Tally::ConnectErrors),
     "Attempts that got no connection."},
    {"weir_server_request_duration_seconds", Type::Histogram, Of::Server, Value::Durations, at(Tally::Microseconds),
     "How long requests took for which the server was tried last."},
    {"weir_server_requests_in_flight", Type::Gauge, Of::Server, Value::InFlight, 0,
     "Requests that the server has now, over all workers."},
    {"weir_server_weight", Type::Gauge, Of::Server, Value::Weight, 0,
     "The weight that is in force."},
    {"weir_server_up", Type::Gauge, Of::Server, Value::Up, 0,
     "1 if the server takes requests, else 0."},
    {"weir_server_addresses", Type::Gauge, Of::Server, Value::Addresses, 0,
     "Addresses of the server; 0 if its name has never resolved."},
    {"weir_server_use", Type::Gauge, Of::Server, Value::Use, 0,
     "1 for how the server may be used, 0 for all other ways."},
    {"weir_server_checks_total", Type::Counter, Of::Server, Value::ChecksByResult, at(ServerCount::ChecksPassed),
     "Health checks of the server, by result; only of backends with a check."},
    {"weir_server_ejections_total", Type::Counter, Of::Server, Value::Ejections, at(ServerCount::Ejections),
     "How often the server was ejected; only of backends with outlier."},
    {"weir_server_http2_connections_open", Type::Gauge, Of::Server, Value::H2, at(SharedCount::Connections),
     "Connections to the server that are open and speak HTTP/2."},
    {"weir_server_http2_connections_total", Type::Counter, Of::Server, Value::H2, at(SharedCount::Opened),
     "Connections to the server that came to speak HTTP/2."},
    {"weir_server_http2_streams_open", Type::Gauge, Of::Server, Value::H2, at(SharedCount::Streams),
     "Requests and tunnels that are on them, or wait for one to be opened."},
    {"weir_server_http2_goaways_total", Type::Counter, Of::Server, Value::H2, at(SharedCount::Goaways),
     "Those of them on which the server said that it takes no more requests."},
    {"weir_server_http2_resets_total", Type::Counter, Of::Server, Value::H2BySender, at(SharedCount::ResetsByServers),
     "Streams on them that were reset, by who did."},
    {"weir_server_http2_ping_timeouts_total", Type::Counter, Of::Server, Value::H2, at(SharedCount::PingTimeouts),
     "Those of them that were given up since the server had fallen silent."},
    {"weir_server_pipeline_connections_open", Type::Gauge, Of::Server, Value::Pipeline, at(SharedCount::Pipelines),
     "Pipelined connections to the server; only of backends with pipeline."},
    {"weir_server_pipeline_requests_total", Type::Counter, Of::Server, Value::Pipeline, at(SharedCount::Pipelined),
     "Requests that were sent on them."},
    {"weir_server_pipeline_moved_total", Type::Counter, Of::Server, Value::Pipeline, at(SharedCount::Moved),
     "Those of them that were sent again over a connection of their own."},
    {"weir_server_pipeline_faults_total", Type::Counter, Of::Server, Value::Pipeline, at(SharedCount::Faults),
     "How often something came on them that was no answer to what was asked."},
};
// clang-format on

/// The labels of what a family tells of, in the order of Of.
constexpr std::string_view labels_of[] = {
    "", "certificate", "worker", "listener", "listener route", "backend", "backend server"};
/// Which label a value adds.
struct Label {
  Value value;
  std::string_view name;
};
constexpr Label labels[] = {{Value::Version, "version"},    {Value::ReloadsByResult, "result"},
                            {Value::LinesLostByLog, "log"}, {Value::LinesDroppedByRole, "process"},
                            {Value::CountByClass, "class"}, {Value::CountByProtocol, "protocol"},
                            {Value::CountByAbuse, "kind"},  {Value::CountByVersion, "version"},
                            {Value::CountBySender, "by"},   {Value::CountByReason, "reason"},
                            {Value::LongestCall, "call"},   {Value::TallyByClass, "class"},
                            {Value::Durations, "le"},       {Value::Use, "use"},
                            {Value::H2BySender, "by"},      {Value::ChecksByResult, "result"}};
constexpr std::string_view type_names[] = {"counter", "gauge", "histogram"};

}  // namespace

std::span<const MetricFamily> metric_families() { return families; }

std::string_view type_name(const MetricFamily& family) {
  return type_names[static_cast<std::size_t>(family.type)];
}

std::string_view label_of(MetricFamily::Value value) {
  for (const Label& each : labels)
    if (each.value == value) return each.name;
  return {};
}

std::string metrics_mdoc() {
  std::string out = ".Bl -tag -width Ds\n";
  for (const MetricFamily& family : families) {
    const std::string_view whose = labels_of[static_cast<std::size_t>(family.of)];
    const std::string_view more = label_of(family.value);
    out += concat(".It Li ", family.name, " Pq ", type_name(family));
    if (!whose.empty() || !more.empty())
      out += concat(" by Va ", whose, whose.empty() || more.empty() ? "" : " ", more);
    out += concat("\n", family.help, "\n");
  }
  return out + ".El\n";
}

}  // namespace weir::proxy
