// SPDX-License-Identifier: Apache-2.0
//
// Config: everything the operator said, checked and complete, as plain values.  Made by the loader
// and by nobody else; never changed afterwards.  Names that refer to something are resolved to
// indices here, so no reader can meet a dangling one.
#pragma once

#include <weir/protocol.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::config {

using Milliseconds = std::chrono::milliseconds;

/// A time limit; nothing = `none`, no limit.
using Limit = std::optional<Milliseconds>;

/// Where a statement stands, for every message and explanation: "conf.d/a.conf:12".
struct Place {
  std::uint32_t file = 0;  ///< index into Config::files
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

/// Where a single value was written, by the words it was said with ("max_header", "timeout body"; static
/// texts).  What has no origin is a default.
struct Origin {
  std::string_view of;
  Place place;
};
using Origins = std::vector<Origin>;

/// An address as written.  Numeric forms are checked here; names are looked up at run time.
struct Endpoint {
  enum class Kind : std::uint8_t { Ip4, Ip6, Unix, Name };
  Kind kind = Kind::Ip4;
  std::string host;  ///< IP without brackets, path, or name
  std::uint16_t port = 0;
  std::string text;  ///< as written
};

/// An address range, network byte order, IPv4 in the first 4 bytes.
struct Cidr {
  bool v6 = false;
  std::uint8_t bytes[16] = {};
  std::uint8_t bits = 0;
  std::string text;
  Place place;
};

/// `trusted_proxies`: peers that stand in front of weir, and the fields about their clients that they are known
/// to overwrite.
struct TrustedProxy {
  bool local = false;  ///< every peer on a Unix socket; `range` means nothing then
  Cidr range;
  std::vector<std::string> fields;  ///< in lower case, sorted, each once
  Place place;
};

struct Bind {
  Endpoint at;
  bool tls = false;
  std::uint32_t mode = 0666;  ///< Unix sockets only: permissions of the file
  std::string group;          ///< Unix sockets only; empty = the master's
  Place place;
  bool shared = false;  ///< another instance may listen there, too
};

/// A file that the configuration names, with what it held when it was loaded.
struct NamedFile {
  bool is_set() const { return text != nullptr || !hash.empty(); }
  std::string_view contents() const { return text ? std::string_view(*text) : std::string_view(); }

  std::string path;                         ///< as written
  std::shared_ptr<const std::string> text;  ///< null: a secret that is not given to this process
  std::string hash;                         ///< SHA-256 of the contents in hex
  Place place;
};

/// `certificate CHAIN KEY [ocsp FILE]`.
struct Certificate {
  NamedFile chain, key, ocsp;
};

enum class TlsVersion : std::uint8_t { V1_2, V1_3 };
enum class ClientVerify : std::uint8_t { Off, Optional, Required };

/// What the `tls` blocks of listeners and backends have in common.  Names are OpenSSL's, joined by colons;
/// an empty text stands for weir's own choice.
struct TlsTerms {
  TlsVersion min_version = TlsVersion::V1_2;
  std::string ciphers, groups;
  Place place, groups_place, ciphers_place;
  Origins origins;
};

/// `tls` of a listener.
struct ListenerTls : TlsTerms {
  std::vector<Certificate>
      certificates;  ///< the first one is for clients that name none of the others
  NamedFile client_ca;
  ClientVerify verify = ClientVerify::Off;
  bool tickets = true;
};

/// `tls` of a backend.
struct BackendTls : TlsTerms {
  bool verify = true;
  NamedFile ca;  ///< not set if nothing is verified
  std::string
      server_name;  ///< for SNI and the check of names; empty = the server's own name or address
  std::optional<Certificate> certificate;
  std::vector<std::string> pins;  ///< SHA-256 of a public key, base64; any of them; empty = any key
};

enum class Match : std::uint8_t {
  Host,
  Path,
  PathRegex,
  Method,
  Header,
  Query,
  Cookie,
  Client,
  Sni,
  ClientCert,
  Protocol
};

/// One matcher.  Same kind repeated (and not negated) means or; different kinds mean and.  Each
/// negated matcher must fail on its own.
struct Matcher {
  Match kind = Match::Host;
  bool negated = false;
  std::string name;  ///< header, query, cookie and client_cert only; header names lower case
  /// Host lower case ("*.x" = suffix), path ("/a/*" = prefix), regex, method, protocol as ALPN says it ...
  std::string value;
  Cidr cidr;  ///< client only
  Place place;
};

enum class Act : std::uint8_t { Forward, Respond, Redirect, Metrics, Ready, Close };

struct Action {
  Act kind = Act::Close;
  std::uint32_t backend = 0;   ///< Forward: index into Config::backends
  std::uint16_t status = 0;    ///< Respond, Redirect
  std::uint32_t listener = 0;  ///< Ready: index into Config::listeners, whose readiness it tells
  std::string text;  ///< Respond: body; Redirect: URL; both for parse_template.  Ready: as written
  Place place;
};

/// A list policy: `header set NAME VALUE`, `rewrite path RE TO`, or a module's word.  Values that are
/// texts (those of the three words of weir itself from the third on) are ready for parse_template.
struct Policy {
  std::string word;
  std::vector<std::string> values;
  Place place;
  bool inherited = false;      ///< in a route: it stands outside, in the listener or in a backend
  std::uint16_t backends = 1;  ///< in a route: those of its chain for which it holds, a bit each
};

/// The most backends of a chain of fallbacks, the first one included.
inline constexpr std::size_t most_chained = 16;

/// `retry N on ...`: what may be tried again.  Without a statement: connect errors, twice.
struct Retry {
  std::uint32_t attempts = 2;
  bool on_connect_error = true;
  std::vector<std::uint16_t> on_status;
};

/// `client_close`: what it means that a client of HTTP/1 ends its direction (FIN, or close_notify over TLS) while its
/// request is with a server, or waits for one.
enum class ClientClose : std::uint8_t {
  Abort,   ///< it has gone: the request is cancelled
  Finish,  ///< it still reads: the request is served to its end
};

/// What happens to a request whose path servers may read in more than one way.
enum class PathCheck : std::uint8_t {
  On,      ///< it is served if all readings take the same route
  Strict,  ///< it is refused
  Off      ///< nobody looks: it takes the route of its plain reading
};

/// Single-valued policies; looked up in the route, then the backend, then the listener.
struct Limits {
  std::optional<Limit> handshake, header, body, send, idle, request, tunnel;  ///< client side
  std::optional<Limit> connect, first_byte, read, server_send, server_idle, queue,
      ping;                                              ///< server side
  std::optional<Limit> filter;                           ///< a filter that waits
  std::optional<std::optional<std::uint64_t>> max_body;  ///< bytes
  std::optional<Retry> retry;
  std::optional<ClientClose> client_close;
  std::optional<Limit>
      tcp_keepalive;  ///< of a listener's clients, or of a backend's servers; never inherited
  std::optional<bool> early_data;  ///< requests that a trusted proxy got as early data are taken
  std::optional<PathCheck> path_check;
};

struct Route {
  std::string name;    ///< as written, else made of its matchers (route_names.h)
  bool named = false;  ///< the name was written
  std::uint32_t number =
      0;  ///< in shared memory; as written over all listeners, until it is assigned
  std::vector<Matcher> matchers;
  Action action;
  Limits limits;
  /// All that apply, outermost (listener's) first, `none` worked in: for the backend that it names, and for the
  /// fallbacks of that.
  std::vector<Policy> policies;
  std::vector<std::string_view> cleared;  ///< by a `none` of its own; words that live for ever
  Place place;
  Origins origins;
};

/// How large the head of a message may be.
struct HeadSizes {
  std::uint32_t header;  ///< bytes of all of it
  std::uint32_t fields;
  std::uint32_t line;  ///< bytes of the first line, or of one field
};

/// A listener but for its routes: what its clients' connections go by.
struct ListenerTerms {
  std::string name;
  std::uint32_t number = 0;  ///< in shared memory; as written, until it is assigned
  std::vector<Bind> binds;
  std::optional<ListenerTls> tls;  ///< there if any address is for TLS
  Limits limits;                   ///< complete: what nobody said is the default
  HeadSizes head{32 * 1024, 100, 8 * 1024};
  std::uint32_t max_streams = 128;  ///< of HTTP/2, open at a time on a connection
  std::uint32_t stream_window = 1024 * 1024,
                stream_buffer = 64 * 1024;  ///< of HTTP/2: bytes of each
  bool http1 = true, http2 = true;          ///< which versions of HTTP are spoken with clients
  std::uint64_t max_requests = 0;           ///< per connection; 0 = `none`
  Limit max_lifetime;
  /// Its own; each route has those that apply to it.  By themselves they hold for answers of weir that no
  /// route gives.
  std::vector<Policy> policies;
  Place place;
  Origins origins;
};

struct Listener : ListenerTerms {
  std::vector<Route> routes;
};

struct Server {
  std::string name;
  Endpoint at;
  std::uint32_t weight = 1;         ///< 0–1000; 0 takes no new requests
  std::uint32_t max_in_flight = 0;  ///< over all workers; 0 = `none`
  bool backup = false;
  Place place;
};

/// An inclusive range of status codes.
struct StatusRange {
  std::uint16_t from = 200, to = 399;
};

/// `check`: how control finds out, once for all workers, whether a server can be used.
struct Check {
  enum class Kind : std::uint8_t { Tcp, Http, Grpc };
  Kind kind = Kind::Tcp;
  std::string method = "GET", path = "/";
  std::string service;  ///< grpc: empty = the server as a whole
  std::string host;     ///< empty = the server's address
  std::vector<std::pair<std::string, std::string>> headers;  ///< in addition
  std::vector<StatusRange> expect{{200, 399}};               ///< any of them
  std::string body_contains, body_regex;                     ///< empty = the body does not matter
  Milliseconds interval{2000};
  std::optional<Milliseconds> fast, down;  ///< while counting to rise or fall; while down
  Milliseconds timeout{1000}, start_delay{0};
  std::uint8_t jitter = 10;  ///< percent of an interval, at random, plus or minus
  std::uint32_t rise = 2, fall = 3;
  std::uint16_t port = 0;  ///< instead of the server's; 0 = the server's
  Place place;
  Origins origins;
};

/// `outlier`: when traffic itself shows that a server is no good.
struct Outlier {
  std::uint32_t connect_errors = 3;              ///< in a row, over all workers
  std::vector<std::uint16_t> statuses{503};      ///< that count as failures
  std::uint32_t status_errors = 3;               ///< in a row, over all workers
  Milliseconds eject{30000}, max_eject{300000};  ///< the first time, and the longest
  std::uint8_t max_ejected = 50;                 ///< percent of the backend's servers
  Place place;
  Origins origins;
};

/// `pipeline`: how requests without a body share connections to a server.
struct Pipeline {
  std::uint32_t connections = 1;  ///< of each worker to each server
  std::uint32_t depth = 128;      ///< unanswered requests on one of them
  std::uint64_t body = 4096;      ///< bytes of an answer that may hold up others
  Milliseconds slow{50};          ///< that a request may wait behind another one
  bool credentials = false;       ///< requests with Cookie or Authorization, too
  Place place;
  Origins origins;
};

/// `balance`: the word of a policy (include/weir/balancer.h), and the values behind it.
struct Balance {
  std::string word = "p2c";
  std::vector<std::string> values;

  bool operator==(const Balance&) const = default;
};

/// What is spoken to servers; `Auto`: HTTP/2 if they agree on it under TLS, else HTTP/1.1.
enum class ServerProtocol : std::uint8_t { Http1, Http2, Auto };

/// The words of ServerProtocol, in its order.
inline constexpr std::array<std::string_view, 3> server_protocols = {
    alpn_of(Protocol::Http11), alpn_of(Protocol::Http2), "auto"};

inline std::string_view word_of(ServerProtocol protocol) {
  return server_protocols[static_cast<std::size_t>(protocol)];
}

struct Backend {
  std::string name;
  std::uint32_t number = 0;  ///< in shared memory; as written, until it is assigned
  Balance balance;
  ServerProtocol protocol = ServerProtocol::Http1;
  std::vector<Server> servers;
  std::uint32_t keepalive = 128;              ///< idle connections per server, over all workers
  std::uint32_t max_queue = 1024;             ///< requests waiting for a server, per worker
  HeadSizes head{64 * 1024, 200, 32 * 1024};  ///< of answers
  std::optional<Check> check;
  std::optional<Outlier> outlier;
  std::optional<Pipeline> pipeline;
  std::optional<BackendTls> tls;
  std::optional<std::uint32_t> fallback;  ///< backend to use when this one has no server left
  std::uint8_t panic =
      0;  ///< percent of weight that must be usable, else all servers are used; 0 = none
  Limits limits;
  std::vector<Policy> policies;  ///< its own; routes that forward to it have those that apply
  std::vector<std::string_view> cleared;  ///< by a `none` of its own; words that live for ever
  Place place;
  Origins origins;
};

enum class LogTo : std::uint8_t { Off, File, Stderr, Syslog };

/// How long lines may wait before they are written.
struct LogBuffer {
  std::uint64_t size = 0;    ///< until so many bytes of one process wait
  Milliseconds flush{1000};  ///< until so much time has passed since the first of them
};
constexpr std::uint64_t least_log_buffer = 4 << 10, most_log_buffer = 4 << 20;

struct LogTarget {
  LogTo to = LogTo::Stderr;
  std::string path;            ///< File only
  std::string format;          ///< access log: "json", "combined", or the text of a named format
  std::string level = "info";  ///< error log: debug info notice warn error
  std::optional<LogBuffer> buffer = {};  ///< access log in a file; none = lines do not wait
  Place place;
};

/// Who may do what over an admin socket.
enum class AdminLevel : std::uint8_t { Read, Operate, Admin };

/// `admin`: a Unix socket for weirctl and programs.
struct AdminSocket {
  Endpoint at;
  std::uint32_t mode = 0600;
  std::string group;  ///< empty = the master's
  AdminLevel level = AdminLevel::Admin;
  Place place;
  Origins origins;
};

/// How much there may be of what grows with the number of clients.
struct Capacity {
  std::uint64_t max_connections = 0;  ///< of clients, over all workers; 0 = as descriptors allow
  std::uint64_t body_memory =
      256 << 20;  ///< bytes that bodies held for filters take, in each worker
};

struct Config {
  std::vector<std::string> files;  ///< [0] is the main file
  std::uint32_t workers = 1;       ///< `auto` already counted
  std::string user;                ///< empty = default (nobody when root)
  std::string group;
  std::string chroot;
  std::string pid_file;
  LogTarget error_log;
  LogTarget access_log{LogTo::Off, {}, "json", "info", {}, {}};
  Capacity capacity;
  Milliseconds shutdown_timeout{30000};
  Limit drain_delay;                         ///< between "not ready" and the end of accepting
  Limit stall_timeout = Milliseconds(5000);  ///< of one turn of a worker's loop
  Milliseconds upgrade_timeout{30000};
  std::vector<TrustedProxy> trusted_proxies;
  std::vector<AdminSocket> admin;
  std::string state_file;             ///< overrides are kept there; empty = only in memory
  std::vector<Endpoint> nameservers;  ///< empty = /etc/resolv.conf
  bool jit = true;
  std::vector<Listener> listeners;
  std::vector<Backend> backends;
  std::uint32_t server_count = 0;
  Origins origins;
};

/// A backend and those that take over one after the other when the one before has no server left, as indices.  What is
/// behind one more than `most_chained` is cut off.
std::vector<std::uint32_t> chain_of(const Config& config, std::uint32_t backend);

/// The defaults of config.md's table, complete: every member holds a value.
Limits default_limits();

/// The first value that is set, looked up in this order; `pick(&Limits::body, route, backend, listener, defaults)`.
template <typename T, typename... Others>
const T& pick(std::optional<T> Limits::*which, const Limits& first, const Others&... others) {
  if ((first.*which).has_value()) return *(first.*which);
  if constexpr (sizeof...(others) > 0) return pick(which, others...);
  std::abort();
}

}  // namespace weir::config
