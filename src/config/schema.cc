// SPDX-License-Identifier: Apache-2.0
#include "config/schema.h"

#include <array>

namespace weir::config {

namespace {

constexpr std::uint16_t everywhere = InMain | InListener | InBackend | InRoute;
constexpr std::uint16_t in_policies = InListener | InBackend | InRoute;
constexpr std::uint8_t any = DirectiveKind::any;

// clang-format off
constexpr DirectiveKind kinds[] = {
    {Word::AccessLog, "access_log", InMain, Times::Once, Block::Never, 1, 3,
     "off | PATH | stderr | syslog [format json | combined | NAME]", "off",
     "Where a line for each finished request goes, and in which form (json without a format)."},
    {Word::Admin, "admin", InMain, Times::Many, Block::May, 1, 1, "unix:PATH", "",
     "A socket for weirctl(8) and programs; several may be declared, each with a level of its own."},
    {Word::Backend, "backend", InMain, Times::Many, Block::Must, 1, 1, "NAME", "",
     "A named set of servers and how requests are spread over them."},
    {Word::Balance, "balance", InBackend, Times::Once, Block::Never, 1, any,
     "p2c | round_robin | least_request | random", "p2c",
     "How a server is chosen: the better of two random ones, in turn, the least busy, or any."},
    {Word::Bind, "bind", InListener, Times::Many, Block::May, 1, 3, "ADDRESS [tls] [shared]", "",
     "An address to listen on: IP:PORT, [IPv6]:PORT or unix:/path; with tls, clients speak TLS there; shared lets another instance listen there, too; the block is for Unix sockets."},
    {Word::Body, "body", InCheck, Times::Many, Block::Never, 2, 2, "contains TEXT | regex REGEX", "",
     "What the first 64k of an answer's body must contain."},
    {Word::Ca, "ca", InBackendTls, Times::Once, Block::Never, 1, 1, "FILE | system", "system",
     "The certificates of those who may vouch for servers, in PEM; system: the roots this machine trusts."},
    {Word::Certificate, "certificate", InListenerTls, Times::Many, Block::Never, 2, 4,
     "CHAIN KEY [ocsp FILE]", "",
     "A certificate with those that lead to its root, and its key, in PEM; which one a client gets follows from the name it asks for, and from the kinds of keys it knows.  ocsp: an answer of its authority, in DER, for the client."},
    {Word::Certificate, "certificate", InBackendTls, Times::Once, Block::Never, 2, 2, "CHAIN KEY", "",
     "The certificate that weir shows to servers, and its key, in PEM."},
    {Word::Check, "check", InBackend, Times::Once, Block::May, 1, 3,
     "tcp | http [METHOD] PATH | grpc [SERVICE]", "",
     "How the servers are checked; one that has not passed takes no traffic."},
    {Word::Chroot, "chroot", InMain, Times::Once, Block::Never, 1, 1, "DIRECTORY", "",
     "The directory that becomes the root of unprivileged processes."},
    {Word::Ciphers, "ciphers", InListenerTls | InBackendTls, Times::Once, Block::Never, 1, any, "NAME ...",
     "those with forward secrecy and AEAD",
     "The ciphers that may be used, by their names in OpenSSL; those of TLS 1.3 begin with TLS_."},
    {Word::ClientCa, "client_ca", InListenerTls, Times::Once, Block::Never, 1, 3,
     "FILE [verify optional | required]", "",
     "Asks clients for a certificate of one of these authorities, in PEM; optional: those without one are served too."},
    {Word::ClientClose, "client_close", InListener | InRoute, Times::Once, Block::Never, 1, 1, "abort | finish", "abort",
     "What to do when an HTTP/1 client ends its direction before its answer is complete: cancel the request, or finish it."},
    {Word::Close, "close", InRoute, Times::Once, Block::Never, 0, 0, "", "",
     "Action: closes the connection without an answer."},
    {Word::ConnectErrors, "connect_errors", InOutlier, Times::Once, Block::Never, 1, 1, "N | none", "3",
     "So many failed connects in a row, over all workers, eject a server."},
    {Word::Down, "down", InCheck, Times::Once, Block::Never, 1, 1, "TIME", "as interval",
     "From one check to the next while the server is down."},
    {Word::DrainDelay, "drain_delay", InMain, Times::Once, Block::Never, 1, 1, "TIME | none", "none",
     "How long readiness says no while everything is still served, before weir stops to accept."},
    {Word::EarlyData, "early_data", InRoute, Times::Once, Block::Never, 1, 1, "on | off", "off",
     "Whether requests that a trusted proxy marks with Early-Data: 1 are taken; otherwise they get 425 and come again."},
    {Word::Eject, "eject", InOutlier, Times::Once, Block::Never, 1, 1, "TIME", "30s",
     "How long an ejected server is left alone the first time; each further time twice as long."},
    {Word::ErrorLog, "error_log", InMain, Times::Once, Block::Never, 1, 3,
     "PATH | stderr | syslog [level debug | info | notice | warn | error]", "stderr level info",
     "Where messages of weir itself go, and from which level on."},
    {Word::Expect, "expect", InCheck, Times::Once, Block::Never, 1, any, "STATUS | FROM-TO ...", "200-399",
     "The status codes of a good answer."},
    {Word::Fall, "fall", InCheck, Times::Once, Block::Never, 1, 1, "N", "3",
     "Failed checks in a row that take a server down."},
    {Word::Fallback, "fallback", InBackend, Times::Once, Block::Never, 1, 1, "BACKEND", "",
     "The backend that takes the requests when this one has no server left."},
    {Word::Fast, "fast", InCheck, Times::Once, Block::Never, 1, 1, "TIME", "as interval",
     "From one check to the next while results are counted towards rise or fall."},
    {Word::Fields, "fields", InTrustedProxies, Times::Once, Block::Never, 1, any, "NAME ...",
     "x-forwarded-for x-forwarded-proto",
     "The fields that these peers are known to overwrite: x-forwarded-for, x-forwarded-proto, x-forwarded-host, forwarded, x-real-ip, or another x-forwarded-NAME."},
    {Word::Forward, "forward", InRoute, Times::Once, Block::Never, 1, 1, "BACKEND", "",
     "Action: sends the request to a server of that backend."},
    {Word::Group, "group", InMain, Times::Once, Block::Never, 1, 1, "NAME", "",
     "The group of unprivileged processes; without it the user's."},
    {Word::Group, "group", InAdmin | InBind, Times::Once, Block::Never, 1, 1, "NAME", "",
     "The group that owns the socket."},
    {Word::Groups, "groups", InListenerTls | InBackendTls, Times::Once, Block::Never, 1, any, "NAME ...",
     "X25519 P-256 P-384",
     "The groups for the exchange of keys, the preferred one first, by their names in OpenSSL."},
    {Word::Policy, "header", in_policies, Times::Many, Block::Never, 1, any,
     "set NAME TEXT | add NAME TEXT | remove NAME | none", "",
     "Changes a field of the request before it is forwarded; none clears what came from outside."},
    {Word::Header, "header", InCheck, Times::Many, Block::Never, 2, 2, "NAME VALUE", "",
     "A further field of the check's request."},
    {Word::Host, "host", InCheck, Times::Once, Block::Never, 1, 1, "NAME", "",
     "The Host of the check's request, instead of the server's name or address."},
    {Word::Include, "include", everywhere, Times::Many, Block::Never, 1, 2, "PATTERN [isolated]", "",
     "Reads other files here, sorted bytewise; an isolated one with errors is left out with a warning."},
    {Word::Interval, "interval", InCheck, Times::Once, Block::Never, 1, 1, "TIME", "2s",
     "From one check to the next."},
    {Word::Jit, "jit", InMain, Times::Once, Block::Never, 1, 1, "on | off", "on",
     "Whether regular expressions may become machine code; off denies executable memory."},
    {Word::Jitter, "jitter", InCheck, Times::Once, Block::Never, 1, 1, "PERCENT", "10%",
     "By how much each interval differs at random, so that checks spread."},
    {Word::Keepalive, "keepalive", InBackend, Times::Once, Block::Never, 1, 1, "N | none", "128",
     "Idle connections kept per server, over all workers; none closes each after its answer."},
    {Word::Level, "level", InAdmin, Times::Once, Block::Never, 1, 1, "read | operate | admin", "admin",
     "What commands the socket takes: looking, also changing servers, or everything."},
    {Word::Listener, "listener", InMain, Times::Many, Block::Must, 1, 1, "NAME", "",
     "Addresses to listen on, and the routes of what arrives there."},
    {Word::LogFormat, "log_format", InMain, Times::Many, Block::Never, 2, 2, "NAME TEXT", "",
     "A form for lines of the access log, a text with variables."},
    {Word::MaxBody, "max_body", in_policies, Times::Once, Block::Never, 1, 1, "SIZE | none", "none",
     "The largest request body; more is answered with 413."},
    {Word::MaxConnections, "max_connections", InMain, Times::Once, Block::Never, 1, 1, "N | none", "none",
     "Client connections over all workers; with none, as many as there are descriptors for."},
    {Word::MaxEject, "max_eject", InOutlier, Times::Once, Block::Never, 1, 1, "TIME", "5m",
     "The longest that an ejected server is left alone."},
    {Word::MaxEjected, "max_ejected", InOutlier, Times::Once, Block::Never, 1, 1, "PERCENT", "50%",
     "How many of a backend's servers may be ejected at a time."},
    {Word::MaxFields, "max_fields", InBackend, Times::Once, Block::Never, 1, 1, "N", "200",
     "Header fields of one answer, 1 to 1000; for an answer with more the client gets 502."},
    {Word::MaxFields, "max_fields", InListener, Times::Once, Block::Never, 1, 1, "N", "100",
     "Header fields of one request; more is answered with 431."},
    {Word::MaxHeader, "max_header", InBackend, Times::Once, Block::Never, 1, 1, "SIZE", "64k",
     "Bytes of an answer's head, 1k to 1m; for an answer with more the client gets 502."},
    {Word::MaxHeader, "max_header", InListener, Times::Once, Block::Never, 1, 1, "SIZE", "32k",
     "Bytes of a request's head, 1k to 1m; more is answered with 431."},
    {Word::MaxLifetime, "max_lifetime", InListener, Times::Once, Block::Never, 1, 1, "TIME | none", "none",
     "How long a client connection may live; it ends after the answer then under way."},
    {Word::MaxLine, "max_line", InBackend, Times::Once, Block::Never, 1, 1, "SIZE", "32k",
     "Bytes of the status line or one field of an answer, 1k to 64k; for more the client gets 502."},
    {Word::MaxLine, "max_line", InListener, Times::Once, Block::Never, 1, 1, "SIZE", "8k",
     "Bytes of a request line or one field, 1k to 64k; more is answered with 414, 501 (a method) or 431."},
    {Word::MaxQueue, "max_queue", InBackend, Times::Once, Block::Never, 1, 1, "N", "1024",
     "Requests of one worker that may wait for a free server; more are answered with 503."},
    {Word::MaxRequests, "max_requests", InListener, Times::Once, Block::Never, 1, 1, "N | none", "none",
     "Requests on one client connection."},
    {Word::MaxStreams, "max_streams", InListener, Times::Once, Block::Never, 1, 1, "N", "128",
     "Requests that an HTTP/2 client may have open at a time on a connection, 1 to 1000."},
    {Word::Metrics, "metrics", InRoute, Times::Once, Block::Never, 0, 0, "", "",
     "Action: answers with all counters in Prometheus' text format."},
    {Word::MinVersion, "min_version", InListenerTls | InBackendTls, Times::Once, Block::Never, 1, 1,
     "1.2 | 1.3", "1.2", "The lowest version of TLS that is spoken."},
    {Word::Mode, "mode", InAdmin, Times::Once, Block::Never, 1, 1, "OCTAL", "0600",
     "The permissions of the socket."},
    {Word::Mode, "mode", InBind, Times::Once, Block::Never, 1, 1, "OCTAL", "0666",
     "The permissions of the socket; clients need the right to write."},
    {Word::Nameserver, "nameserver", InMain, Times::Many, Block::Never, 1, 1, "IP[:PORT]", "/etc/resolv.conf",
     "A DNS server to ask for the names of servers, one of up to 8; the next one is asked when one fails."},
    {Word::Outlier, "outlier", InBackend, Times::Once, Block::May, 0, 0, "", "",
     "Ejects servers for a while when requests to them fail, and lets them back in with one request."},
    {Word::Panic, "panic", InBackend, Times::Once, Block::Never, 1, 1, "PERCENT | none", "none",
     "With less than this share of its weight usable, a backend uses all its servers."},
    {Word::PathCheck, "path_check", InListener | InRoute, Times::Once, Block::Never, 1, 1, "on | strict | off", "on",
     "What becomes of a path that servers may read in several ways: on serves it if all of them take the same route, strict refuses it, off does not look."},
    {Word::PidFile, "pid_file", InMain, Times::Once, Block::Never, 1, 1, "PATH", "",
     "A file for the process id of the master process."},
    {Word::Pin, "pin", InBackendTls, Times::Many, Block::Never, 1, 1, "BASE64", "",
     "The SHA-256 of a public key that a server may have; with some, every other key is refused."},
    {Word::Port, "port", InCheck, Times::Once, Block::Never, 1, 1, "N", "",
     "The port to check, instead of the server's."},
    {Word::Protocol, "protocol", InBackend, Times::Once, Block::Never, 1, 1, "http/1.1 | h2 | auto", "http/1.1",
     "What is spoken to the servers; auto lets them choose under TLS, and is http/1.1 in clear text."},
    {Word::Protocol, "protocol", InListener, Times::Once, Block::Never, 1, 1, "http", "http",
     "What kind of listener it is."},
    {Word::Protocols, "protocols", InListener, Times::Once, Block::Never, 1, any, "h2 | http/1.1 ...", "h2 http/1.1",
     "The versions of HTTP spoken with clients; in clear text HTTP/2 is known by its preface."},
    {Word::Ready, "ready", InRoute, Times::Once, Block::Never, 0, 1, "[LISTENER]", "",
     "Action: answers 200 while clients should be sent here, 503 when that listener or weir leaves the pool."},
    {Word::Redirect, "redirect", InRoute, Times::Once, Block::Never, 2, 2, "STATUS URL", "",
     "Action: answers with 301, 302, 303, 307 or 308 and a Location, a text with variables."},
    {Word::Respond, "respond", InRoute, Times::Once, Block::Never, 1, 2, "STATUS [TEXT]", "",
     "Action: answers with this status, 200 to 599, and a text with variables."},
    {Word::Policy, "response_header", in_policies, Times::Many, Block::Never, 1, any,
     "set NAME TEXT | add NAME TEXT | remove NAME | none", "",
     "Changes a field of the answer; none clears what came from outside."},
    {Word::Retry, "retry", in_policies, Times::Once, Block::Never, 1, 3,
     "N [on CONDITION,...] | none", "2 on connect_error",
     "How often a request may be tried again, up to 10, and after what: connect_error, or a status if "
     "the method is idempotent."},
    {Word::Policy, "rewrite", in_policies, Times::Many, Block::Never, 1, any,
     "path REGEX TEXT | none", "",
     "Replaces the path where the expression matches; $1 to $9 in the text are what its groups caught."},
    {Word::Rise, "rise", InCheck, Times::Once, Block::Never, 1, 1, "N", "2",
     "Passed checks in a row that bring a server up again."},
    {Word::Route, "route", InListener, Times::Many, Block::May, 0, any,
     "[NAME] [[not] MATCHER VALUE ...] [ACTION]", "",
     "What to do with requests that match; the first route that does wins."},
    {Word::Server, "server", InBackend, Times::Many, Block::Never, 2, any,
     "NAME ADDRESS [weight N] [max_in_flight N | none] [backup]", "",
     "A server: IP:PORT, NAME:PORT or unix:/path; weight 0 to 1000; a backup serves when no other can."},
    {Word::ServerName, "server_name", InBackendTls, Times::Once, Block::Never, 1, 1, "NAME",
     "the server's own name or address",
     "The name that servers are asked for and that must be in their certificate; Unix sockets have none of their own."},
    {Word::ShutdownTimeout, "shutdown_timeout", InMain, Times::Once, Block::Never, 1, 1, "TIME", "30s",
     "How long requests under way may take to end when weir is drained or stopped."},
    {Word::StallTimeout, "stall_timeout", InMain, Times::Once, Block::Never, 1, 1, "TIME | none", "5s",
     "A worker whose loop does not turn for so long is ended, with a report, and replaced."},
    {Word::StartDelay, "start_delay", InCheck, Times::Once, Block::Never, 1, 1, "TIME", "",
     "How long a server that was added is left alone before its first check."},
    {Word::StateFile, "state_file", InMain, Times::Once, Block::Never, 1, 1, "PATH", "",
     "Where changes made at run time are kept; a second file, PATH.alt, lies next to it."},
    {Word::Status, "status", InOutlier, Times::Once, Block::Never, 1, 2, "STATUS,... [N] | none", "503 3",
     "So many answers with one of these in a row, over all workers, eject a server."},
    {Word::StreamBuffer, "stream_buffer", InListener, Times::Once, Block::Never, 1, 1, "SIZE", "64k",
     "Bytes of an answer kept for an HTTP/2 client that does not take it, 16k to 512k; more is left with the server."},
    {Word::StreamWindow, "stream_window", InListener, Times::Once, Block::Never, 1, 1, "SIZE", "1m",
     "How far the window of an HTTP/2 request grows from 64k while its server keeps up, 64k to 16m."},
    {Word::TcpKeepalive, "tcp_keepalive", InListener | InBackend, Times::Once, Block::Never, 1, 1, "TIME | none", "30s",
     "How long a TCP connection may be silent before the kernel probes the other host, 1s to 9h; 3 lost probes, a third of "
     "that time apart, end it."},
    {Word::Tickets, "tickets", InListenerTls, Times::Once, Block::Never, 1, 1, "on | off", "on",
     "Whether clients may resume a session by a ticket; all workers share its keys, which change every few hours."},
    {Word::Timeout, "timeout", in_policies, Times::Many, Block::Never, 2, any,
     "NAME TIME | none [NAME TIME | none ...]", "",
     "Limits of time, by name."},
    {Word::Timeout, "timeout", InCheck, Times::Once, Block::Never, 1, 1, "TIME", "1s",
     "How long a check may take."},
    {Word::Tls, "tls", InListener, Times::Once, Block::Must, 0, 0, "", "",
     "Certificates for the addresses that are bound with tls, and what is asked of clients."},
    {Word::Tls, "tls", InBackend, Times::Once, Block::May, 0, 0, "", "",
     "Speaks TLS to the servers, and checks who they are."},
    {Word::TrustedProxies, "trusted_proxies", InMain, Times::Many, Block::May, 1, any, "CIDR | unix: ...", "",
     "Peers that are believed what they say of their clients, in the fields that they are known to overwrite; unix: is every peer on a Unix socket."},
    {Word::UpgradeTimeout, "upgrade_timeout", InMain, Times::Once, Block::Never, 1, 1, "TIME", "30s",
     "How long the processes of another binary may take to come up, before the former one comes back."},
    {Word::User, "user", InMain, Times::Once, Block::Never, 1, 1, "NAME", "nobody when started as root",
     "The user of unprivileged processes."},
    {Word::Verify, "verify", InBackendTls, Times::Once, Block::Never, 1, 1, "on | off", "on",
     "Whether a server's certificate is checked; off lets anybody answer in its place."},
    {Word::Workers, "workers", InMain, Times::Once, Block::Never, 1, 1, "auto | N", "auto",
     "Processes that serve traffic, 1 to 64; auto means one per processor core."},
};

constexpr TimeoutKind timeouts[] = {
    {"timeout body", in_policies, &Limits::body, "30s", "between two reads of a request body"},
    {"timeout connect", in_policies, &Limits::connect, "3s", "to connect to a server"},
    {"timeout filter", in_policies, &Limits::filter, "5s",
     "what a filter waits for; then 504 filter_timeout"},
    {"timeout first_byte", in_policies, &Limits::first_byte, "60s",
     "from the request sent to the first byte of the answer"},
    {"timeout handshake", InListener, &Limits::handshake, "5s", "a client's TLS handshake"},
    {"timeout header", InListener, &Limits::header, "10s",
     "from the first byte of a request to the end of its head"},
    {"timeout idle", InListener, &Limits::idle, "60s", "between two requests of a client connection"},
    {"timeout idle", InBackend, &Limits::server_idle, "60s", "an idle pooled connection to a server"},
    {"timeout ping", in_policies, &Limits::ping, "10s",
     "until an HTTP/2 server that says nothing is asked for a sign of life, and then until it is given up"},
    {"timeout queue", in_policies, &Limits::queue, "5s", "waiting for a free server"},
    {"timeout read", in_policies, &Limits::read, "60s", "between two reads of an answer"},
    {"timeout request", in_policies, &Limits::request, "none", "the whole exchange; tunnels are exempt"},
    {"timeout send", InListener | InRoute, &Limits::send, "30s", "without progress in writing to the client"},
    {"timeout send", InBackend, &Limits::server_send, "30s",
     "without progress in writing a request to a server; then 504 server_send_timeout"},
    {"timeout tunnel", in_policies, &Limits::tunnel, "1h", "idle time of an upgraded connection"},
};
// clang-format on

}  // namespace

std::span<const DirectiveKind> directive_kinds() { return kinds; }

std::span<const TimeoutKind> timeout_kinds() { return timeouts; }

const DirectiveKind* find_directive(std::string_view name, std::uint16_t contexts) {
  for (const DirectiveKind& kind : kinds)
    if (kind.name == name && (kind.contexts & contexts) != 0) return &kind;
  return nullptr;
}

Limits default_limits() {
  Limits limits;
  limits.handshake = std::chrono::seconds(5);
  limits.header = std::chrono::seconds(10);
  limits.body = std::chrono::seconds(30);
  limits.send = std::chrono::seconds(30);
  limits.server_send = std::chrono::seconds(30);
  limits.idle = std::chrono::seconds(60);
  limits.request.emplace(std::nullopt);
  limits.tunnel = std::chrono::hours(1);
  limits.connect = std::chrono::seconds(3);
  limits.first_byte = std::chrono::seconds(60);
  limits.read = std::chrono::seconds(60);
  limits.server_idle = std::chrono::seconds(60);
  limits.ping = std::chrono::seconds(10);
  limits.queue = std::chrono::seconds(5);
  limits.filter = std::chrono::seconds(5);
  limits.max_body.emplace(std::nullopt);
  limits.retry = Retry{};
  limits.client_close = ClientClose::Abort;
  limits.tcp_keepalive = std::chrono::seconds(30);
  limits.path_check = PathCheck::On;
  return limits;
}

}  // namespace weir::config
