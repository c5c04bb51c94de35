// SPDX-License-Identifier: Apache-2.0
#include "config/foreign.h"

#include "base/mdoc.h"
#include "base/text.h"

#include <algorithm>
#include <array>

namespace weir::config {

namespace {

constexpr std::string_view nginx = "nginx", haproxy = "HAProxy", caddy = "Caddy",
                           traefik = "Traefik", nginx_haproxy = "nginx, HAProxy",
                           caddy_traefik = "Caddy, Traefik";

constexpr std::string_view files_hint =
    "weir serves no files: forward to a server that does, as in route path /static/* forward files";
constexpr std::string_view later_cache = "weir has no cache in this version";
constexpr std::string_view later_limit = "weir has no rate limits in this version";
constexpr std::string_view later_auth =
    "weir checks no passwords in this version; client certificates: tls { client_ca FILE }, and "
    "the "
    "matcher client_cert";
constexpr std::string_view later_gzip =
    "weir does not compress in this version; what servers compress passes unchanged";
constexpr std::string_view later_sticky =
    "weir has no sticky sessions in this version; a route may match a cookie: route cookie NAME "
    "VALUE "
    "forward BACKEND";
constexpr std::string_view later_pages = "weir's error pages cannot be replaced in this version";
constexpr std::string_view no_sections =
    "weir has no such block: its statements stand at the top level of the file";
constexpr std::string_view streams =
    "nothing to set: weir streams bodies and waits for the slower side";
constexpr std::string_view use_route =
    "write a route in the listener: route host api.example.com path /v1/* forward BACKEND";

// clang-format off
constexpr ForeignWord directives[] = {
    // Where traffic comes in.
    {"listen", nginx, "write bind ADDRESS, as in bind 0.0.0.0:443 tls", InListener},
    {"listen", haproxy, "write a listener and a backend: listener web { bind ...; route forward api } backend api { server ... }"},
    {"frontend", haproxy, "write listener NAME { ... }"},
    {"entrypoints", traefik, "write listener NAME { bind ADDRESS }"},
    {"entrypoint", traefik, "write listener NAME { bind ADDRESS }"},
    {"server", nginx, "nginx's server { } is a listener here: listener web { bind 0.0.0.0:80; route forward BACKEND }", InMain},
    {"server", nginx, "servers stand in a backend: backend api { server a1 10.0.0.11:8080 }, and a route forwards to it", InListener},
    {"server_name", nginx, "write the matcher host: route host www.example.com forward BACKEND", InMain | InListener | InRoute},
    {"default_server", nginx, "a route without matchers takes everything else: route forward BACKEND, as the last one"},
    {"http", nginx, no_sections, InMain},
    {"http2", nginx, "HTTP/2 is on by default; protocols h2 http/1.1 in the listener says what is spoken"},
    {"alpn", haproxy, "write protocols h2 http/1.1 in the listener, which is the default"},
    {"events", nginx, no_sections},
    {"stream", nginx, "weir has no TCP or UDP listeners in this version"},
    {"mode", haproxy, "a listener speaks HTTP: leave it out", InMain | InListener | InBackend},
    {"global", haproxy, no_sections},
    {"defaults", haproxy, "weir has no defaults block: every timeout and limit has a default, see weir help directives"},
    {"accept_proxy", haproxy, "weir does not read the PROXY protocol in this version"},
    {"proxy_protocol", nginx, "weir does not read or send the PROXY protocol in this version"},
    {"reuseport", nginx, "nothing to set: all workers share every address"},

    // Where it goes.
    {"location", nginx, "write a route in the listener: route path /api/* forward BACKEND"},
    {"handle", caddy, "write a route in the listener: route path /api/* forward BACKEND"},
    {"handle_path", caddy, "write a route: route path /api/* { rewrite path \"^/api/(.*)\" \"/$1\"; forward BACKEND }"},
    {"acl", haproxy, use_route},
    {"use_backend", haproxy, use_route},
    {"default_backend", haproxy, "write as the last route: route forward BACKEND"},
    {"routers", traefik, use_route},
    {"router", traefik, use_route},
    {"rule", traefik, use_route},
    {"virtual_hosts", "Envoy", use_route},
    {"if", nginx, "weir has no conditions: write a route with matchers, as in route method POST path /a forward BACKEND"},
    {"map", nginx_haproxy, "weir has no maps: write a route for each case"},
    {"set", nginx, "weir has no variables to set; header set NAME TEXT changes a field of the request"},
    {"upstream", nginx, "write backend NAME { server NAME ADDRESS }"},
    {"services", traefik, "write backend NAME { server NAME ADDRESS }"},
    {"service", traefik, "write backend NAME { server NAME ADDRESS }"},
    {"loadbalancer", traefik, "write backend NAME { server NAME ADDRESS }"},
    {"cluster", "Envoy", "write backend NAME { server NAME ADDRESS }"},
    {"clusters", "Envoy", "write backend NAME { server NAME ADDRESS }"},
    {"pool", "others", "write backend NAME { server NAME ADDRESS }"},
    {"proxy_pass", nginx, "write the action forward BACKEND: route path /api/* forward api, and backend api { server a1 10.0.0.11:8080 }"},
    {"reverse_proxy", caddy, "write the action forward BACKEND: route forward api, and backend api { server a1 10.0.0.11:8080 }"},
    {"grpc_pass", nginx, "write the action forward BACKEND, and protocol h2 in that backend"},
    {"fastcgi_pass", nginx, "weir speaks HTTP to servers only, not FastCGI"},
    {"uwsgi_pass", nginx, "weir speaks HTTP to servers only: let uWSGI listen with http-socket"},
    {"dispatch", haproxy, "write backend NAME { server NAME ADDRESS }"},
    {"servers", "others", "write a line for each: server NAME ADDRESS"},
    {"to", caddy, "write a line for each server in a backend: server NAME ADDRESS"},
    {"return", nginx, "write an action of a route: respond 403 \"text\", or redirect 301 https://$host$request_uri"},
    {"deny", nginx, "write a route: route client 10.0.0.0/8 respond 403"},
    {"allow", nginx, "write routes in order: route client 10.0.0.0/8 forward BACKEND, then route respond 403"},
    {"redir", caddy, "write the action redirect: route path /old/* redirect 301 \"/new\""},
    {"http-request", haproxy, "write header set|add|remove, rewrite path, or a route with respond or redirect"},
    {"http-response", haproxy, "write response_header set|add|remove"},
    {"middlewares", traefik, "write in the route's block: header, response_header, rewrite, retry, timeout"},
    {"stripprefix", traefik, "write rewrite path \"^/api/(.*)\" \"/$1\""},
    {"strip_prefix", caddy, "write rewrite path \"^/api/(.*)\" \"/$1\""},
    {"uri", caddy, "write rewrite path REGEX TEXT"},
    {"root", nginx, files_hint},
    {"alias", nginx, files_hint},
    {"index", nginx, files_hint},
    {"try_files", nginx, files_hint},
    {"file_server", caddy, files_hint},

    // Servers, balancing, checks.
    {"least_conn", nginx, "write balance least_request"},
    {"ip_hash", nginx, later_sticky},
    {"hash", nginx, later_sticky},
    {"sticky", nginx, later_sticky},
    {"cookie", haproxy, later_sticky},
    {"stick-table", haproxy, later_sticky},
    {"stick", haproxy, later_sticky},
    {"lb_policy", caddy, "write balance METHOD"},
    {"zone", nginx, "nothing to set: all workers share what is known of servers"},
    {"default-server", haproxy, "weir has no default server options: write them in each server's line"},
    {"server-template", haproxy, "write a line for each: server NAME ADDRESS"},
    {"health_check", nginx, "write check http GET /healthz { interval 2s; fall 3 }"},
    {"healthcheck", traefik, "write check http GET /healthz { interval 2s; fall 3 }"},
    {"health_uri", caddy, "write check http GET /healthz { interval 2s; fall 3 }"},
    {"health_interval", caddy, "write interval TIME in the block of check"},
    {"http-check", haproxy, "write check http GET /healthz { expect 200-299 }"},
    {"option", haproxy, "weir has no options: check http is httpchk, X-Forwarded-For is always sent, access_log is httplog, retry is redispatch"},
    {"inter", haproxy, "write interval TIME in the block of check"},
    {"retries", haproxy, "write retry N on connect_error"},
    {"proxy_next_upstream", nginx, "write retry 2 on connect_error,503"},
    {"max_fails", nginx, "write outlier { connect_errors 3; status 503 3; eject 30s }"},
    {"circuitbreaker", traefik, "write outlier { connect_errors 3; status 503 3; eject 30s }"},
    {"circuit_breakers", "Envoy", "write max_in_flight N behind each server, and max_queue N in the backend"},
    {"outlier_detection", "Envoy", "write outlier { connect_errors 3; status 503 3; eject 30s }"},
    {"observe", haproxy, "write outlier { connect_errors 3; status 503 3; eject 30s }"},
    {"maxqueue", haproxy, "write max_queue N"},
    {"fullconn", haproxy, "write max_in_flight N behind each server"},
    {"keepalive_requests", nginx, "write max_requests N in the listener"},
    {"http-reuse", haproxy, "nothing to set: connections to servers are shared; keepalive N says how many idle ones are kept"},
    {"resolver", nginx, "write nameserver IP, or nothing to use /etc/resolv.conf"},
    {"resolvers", haproxy, "write nameserver IP, or nothing to use /etc/resolv.conf"},
    {"proxy_http_version", nginx, "write protocol http/1.1, h2 or auto in the backend"},

    // Fields and bodies.
    {"proxy_set_header", nginx, "write header set NAME TEXT; Host passes unchanged and X-Forwarded-* are set by themselves"},
    {"header_up", caddy, "write header set NAME TEXT"},
    {"requestheaders", traefik, "write header set NAME TEXT"},
    {"reqadd", haproxy, "write header add NAME TEXT"},
    {"add_header", nginx, "write response_header add NAME TEXT"},
    {"more_set_headers", nginx, "write response_header set NAME TEXT"},
    {"proxy_hide_header", nginx, "write response_header remove NAME"},
    {"header_down", caddy, "write response_header set NAME TEXT"},
    {"rspadd", haproxy, "write response_header add NAME TEXT"},
    {"expires", nginx, "write response_header set Cache-Control \"max-age=3600\""},
    {"client_max_body_size", nginx, "write max_body SIZE"},
    {"request_body", caddy, "write max_body SIZE"},
    {"large_client_header_buffers", nginx, "write max_header SIZE and max_line SIZE"},
    {"client_header_buffer_size", nginx, "write max_header SIZE"},
    {"underscores_in_headers", nginx, "fields with _ in their name are always dropped, and counted"},
    {"proxy_buffering", nginx, streams},
    {"proxy_buffers", nginx, streams},
    {"proxy_buffer_size", nginx, streams},
    {"proxy_request_buffering", nginx, streams},
    {"flush_interval", caddy, streams},
    {"set_real_ip_from", nginx, "write trusted_proxies CIDR"},
    {"real_ip_header", nginx, "write trusted_proxies CIDR: X-Forwarded-For is read from those peers"},
    {"forwardedheaders", traefik, "write trusted_proxies CIDR"},

    // Time limits.
    {"proxy_connect_timeout", nginx, "write timeout connect 3s"},
    {"proxy_read_timeout", nginx, "write timeout first_byte 60s read 60s"},
    {"proxy_send_timeout", nginx, "write timeout send 30s"},
    {"keepalive_timeout", nginx, "write timeout idle 60s"},
    {"client_header_timeout", nginx, "write timeout header 10s"},
    {"client_body_timeout", nginx, "write timeout body 30s"},
    {"send_timeout", nginx, "write timeout send 30s"},
    {"worker_shutdown_timeout", nginx, "write shutdown_timeout TIME"},
    {"hard-stop-after", haproxy, "write shutdown_timeout TIME"},
    {"timeouts", caddy_traefik, "write timeout NAME TIME; weir help directive timeout lists them"},

    // TLS.
    {"ssl", nginx, "write bind ADDRESS tls, and tls { certificate CHAIN KEY }"},
    {"ssl_certificate", nginx, "write tls { certificate CHAIN KEY } in the listener"},
    {"ssl_certificate_key", nginx, "write tls { certificate CHAIN KEY } in the listener"},
    {"crt", haproxy, "write tls { certificate CHAIN KEY } in the listener"},
    {"key", "others", "the key stands behind its chain: certificate CHAIN KEY"},
    {"cert", "others", "write certificate CHAIN KEY"},
    {"ssl_protocols", nginx, "write tls { min_version 1.2 }"},
    {"ssl_ciphers", nginx, "write tls { ciphers NAME ... }"},
    {"ssl_prefer_server_ciphers", nginx, "nothing to set"},
    {"ssl_session_cache", nginx, "nothing to set: clients resume by tickets that all workers share"},
    {"ssl_session_timeout", nginx, "nothing to set: ticket keys change every few hours"},
    {"ssl_session_tickets", nginx, "write tls { tickets off }"},
    {"ssl_client_certificate", nginx, "write tls { client_ca FILE verify required }"},
    {"ssl_verify_client", nginx, "write tls { client_ca FILE verify required }"},
    {"ssl_trusted_certificate", nginx, "write tls { client_ca FILE } in the listener, or tls { ca FILE } in the backend"},
    {"ssl_stapling", nginx, "write tls { certificate CHAIN KEY ocsp FILE }"},
    {"ssl-default-bind-options", haproxy, "write tls { min_version 1.2 } in the listener"},
    {"ssl-default-bind-ciphers", haproxy, "write tls { ciphers NAME ... } in the listener"},
    {"certresolver", traefik, "weir does not fetch certificates in this version: write tls { certificate CHAIN KEY }"},
    {"acme", "others", "weir does not fetch certificates in this version: write tls { certificate CHAIN KEY }"},
    {"proxy_ssl_verify", nginx, "write tls { verify on } in the backend, which is the default"},
    {"proxy_ssl_name", nginx, "write tls { server_name NAME } in the backend"},
    {"proxy_ssl_server_name", nginx, "nothing to set: servers are asked for their name"},
    {"proxy_ssl_trusted_certificate", nginx, "write tls { ca FILE } in the backend"},
    {"proxy_ssl_certificate", nginx, "write tls { certificate CHAIN KEY } in the backend"},
    {"transport", caddy, "write tls { } in the backend to speak TLS to servers"},
    {"hsts", "others", "write response_header set Strict-Transport-Security \"max-age=31536000\""},

    // The process.
    {"worker_processes", nginx, "write workers N, or workers auto"},
    {"nbproc", haproxy, "write workers N, or workers auto"},
    {"nbthread", haproxy, "write workers N, or workers auto"},
    {"cpu-map", haproxy, "weir does not pin workers to cores"},
    {"worker_cpu_affinity", nginx, "weir does not pin workers to cores"},
    {"worker_connections", nginx, "write max_connections N, over all workers"},
    {"worker_rlimit_nofile", nginx, "write max_connections N: the limit of descriptors follows from it"},
    {"maxconn", haproxy, "write max_connections N at the top level, or max_in_flight N behind a server"},
    {"pid", nginx, "write pid_file PATH"},
    {"pidfile", haproxy, "write pid_file PATH"},
    {"daemon", nginx_haproxy, "leave it out; weir -d goes into the background"},
    {"uid", haproxy, "write user NAME"},
    {"gid", haproxy, "write group NAME"},
    {"log", haproxy, "write access_log PATH and error_log PATH", InMain | InListener | InBackend},
    {"log-format", haproxy, "write log_format NAME \"TEXT\" and access_log PATH format NAME"},
    {"accesslog", traefik, "write access_log PATH format json"},
    {"load_module", nginx, "modules are built in: ./configure --with-module=DIRECTORY"},
    {"import", caddy, "write include \"conf.d/*.conf\""},
    {"stats", haproxy, "write admin unix:/run/weir/admin.sock for weirctl, and a route with the action metrics"},
    {"stub_status", nginx, "write a route: route path /metrics metrics"},
    {"prometheus", traefik, "write a route: route path /metrics metrics"},
    {"monitor-uri", haproxy, "write a route: route path /healthz ready"},
    {"ping", traefik, "write a route: route path /healthz ready"},
    {"dashboard", traefik, "weir has no dashboard in this version: weirctl shows all, and a route with the action metrics"},
    {"api", traefik, "write admin unix:/run/weir/admin.sock, and see weirctl(8)"},
    {"peers", haproxy, "weir shares nothing between machines"},

    // What there is not.
    {"proxy_cache", nginx, later_cache},
    {"proxy_cache_path", nginx, later_cache},
    {"cache", "others", later_cache},
    {"limit_req", nginx, later_limit},
    {"limit_req_zone", nginx, later_limit},
    {"limit_conn", nginx, later_limit},
    {"limit_conn_zone", nginx, later_limit},
    {"rate_limit", "others", later_limit},
    {"limit", "others", later_limit},
    {"discover", "others", "names of servers are looked up again and again: server NAME HOST:PORT"},
    {"split", "others", "weir does not split a route by weight in this version"},
    {"send_proxy", "others", "weir does not send the PROXY protocol in this version"},
    {"auth_basic", nginx, later_auth},
    {"auth_request", nginx, later_auth},
    {"basicauth", caddy_traefik, later_auth},
    {"basic_auth", caddy, later_auth},
    {"forward_auth", caddy, later_auth},
    {"gzip", nginx, later_gzip},
    {"compression", haproxy, later_gzip},
    {"encode", caddy, later_gzip},
    {"compress", traefik, later_gzip},
    {"error_page", nginx, later_pages},
    {"errorfile", haproxy, later_pages},
    {"handle_errors", caddy, later_pages},
    {"lua", "others", "weir has no Lua in this version"},
    {"waf", "others", "weir has no web application firewall in this version"},
    {"modsecurity", nginx, "weir has no web application firewall in this version"},
};

constexpr ForeignWord balances[] = {
    {"roundrobin", haproxy, "write round_robin, weighted and in turn"},
    {"leastconn", haproxy, "did you mean \"least_request\"?"},
    {"least_conn", nginx, "did you mean \"least_request\"?"},
    {"first", haproxy, "weir has none that fills servers one after the other; write least_request"},
    {"source", haproxy, later_sticky},
    {"uri", haproxy, later_sticky},
    {"hdr", haproxy, later_sticky},
    {"ip_hash", nginx, later_sticky},
    {"hash", nginx, later_sticky},
    {"maglev", "Envoy", later_sticky},
    {"wrr", traefik, "write round_robin, weighted and in turn"},
    {"random_choose", caddy, "write p2c, the better of two random ones"},
};

constexpr ForeignWord server_options[] = {
    {"check", haproxy, "checks are the backend's: check http GET /healthz, or check tcp, on a line of its own"},
    {"inter", haproxy, "checks are the backend's: check http GET /healthz { interval 2s }"},
    {"rise", haproxy, "checks are the backend's: check http GET /healthz { rise 2 }"},
    {"fall", haproxy, "checks are the backend's: check http GET /healthz { fall 3 }"},
    {"port", haproxy, "checks are the backend's: check http GET /healthz { port 8081 }"},
    {"ssl", haproxy, "TLS is the backend's: tls { ca FILE }, on a line of its own"},
    {"tls", "others", "TLS is the backend's: tls { ca FILE }, on a line of its own"},
    {"verify", haproxy, "TLS is the backend's: tls { verify on }"},
    {"sni", haproxy, "TLS is the backend's: tls { server_name NAME }"},
    {"ca-file", haproxy, "TLS is the backend's: tls { ca FILE }"},
    {"maxconn", haproxy, "write max_in_flight N"},
    {"max_conns", nginx, "write max_in_flight N"},
    {"max_fails", nginx, "write in the backend: outlier { connect_errors 3; eject 30s }"},
    {"fail_timeout", nginx, "write in the backend: outlier { connect_errors 3; eject 30s }"},
    {"cookie", haproxy, later_sticky},
    {"disabled", haproxy, "write weight 0, or weirctl server set BACKEND/NAME state down"},
    {"down", nginx, "write weight 0, or weirctl server set BACKEND/NAME state down"},
    {"slow_start", nginx, "weir does not start servers slowly in this version"},
    {"slowstart", haproxy, "weir does not start servers slowly in this version"},
    {"resolvers", haproxy, "names are always looked up again; nameserver IP at the top level says where"},
    {"resolve", nginx, "names are always looked up again"},
    {"init-addr", haproxy, "nothing to set: weir starts also when a name does not resolve"},
    {"send-proxy", haproxy, "weir does not send the PROXY protocol in this version"},
    {"send-proxy-v2", haproxy, "weir does not send the PROXY protocol in this version"},
    {"proto", haproxy, "write protocol h2 in the backend"},
    {"alpn", haproxy, "write protocol h2 or auto in the backend"},
    {"on-marked-down", haproxy, "requests on a server that goes down end by its time limits"},
};

constexpr ForeignWord bind_options[] = {
    {"ssl", nginx_haproxy, "write bind ADDRESS tls, and tls { certificate CHAIN KEY } in the listener"},
    {"crt", haproxy, "write bind ADDRESS tls, and tls { certificate CHAIN KEY } in the listener"},
    {"http2", nginx, "leave it out: HTTP/2 is on by default, see protocols"},
    {"alpn", haproxy, "leave it out: see protocols"},
    {"proto", haproxy, "leave it out: see protocols"},
    {"default_server", nginx, "leave it out: a route without matchers takes everything else"},
    {"reuseport", nginx, "leave it out: all workers share every address"},
    {"backlog", nginx_haproxy, "leave it out: the kernel's limit net.core.somaxconn holds"},
    {"proxy_protocol", nginx, "weir does not read the PROXY protocol in this version"},
    {"accept-proxy", haproxy, "weir does not read the PROXY protocol in this version"},
    {"interface", haproxy, "bind to an address of the interface"},
    {"name", haproxy, "leave it out: listeners have names, addresses have none"},
};

constexpr ForeignWord route_words[] = {
    {"host_regex", "others", "hosts are matched exactly or by *.SUFFIX"},
    {"prefix", "others", "write path /a/*"},
    {"pathprefix", traefik, "write path /a/*"},
    {"path_beg", haproxy, "write path /a/*"},
    {"path_reg", haproxy, "write path_regex REGEX"},
    {"url", haproxy, "write path /a, or query NAME VALUE"},
    {"url_beg", haproxy, "write path /a/*"},
    {"hdr", haproxy, "write header NAME VALUE, or host NAME"},
    {"headers", traefik, "write header NAME VALUE"},
    {"src", haproxy, "write client CIDR"},
    {"remote_ip", caddy, "write client CIDR"},
    {"clientip", traefik, "write client CIDR"},
    {"ssl_fc_sni", haproxy, "write sni NAME"},
    {"hostsni", traefik, "write sni NAME"},
    {"if", haproxy, "the matchers stand before the action: route path /api/* forward BACKEND"},
    {"unless", haproxy, "write not before a matcher: route not path /api/* forward BACKEND"},
    {"~", nginx, "write path_regex REGEX"},
    {"~*", nginx, "write path_regex (?i)REGEX"},
    {"=", nginx, "a path without * is exact: path /a"},
    {"^~", nginx, "write path /a/*; the first route that matches wins"},
    {"proxy_pass", nginx, "write forward BACKEND"},
    {"backend", haproxy, "write forward BACKEND"},
    {"use_backend", haproxy, "write forward BACKEND"},
    {"to", "others", "write forward BACKEND"},
    {"proxy", "others", "write forward BACKEND"},
    {"return", nginx, "write respond STATUS, or redirect STATUS URL"},
    {"deny", haproxy, "write respond 403"},
    {"reject", haproxy, "write close"},
    {"redir", caddy, "write redirect STATUS URL"},
    {"status", "others", "write respond STATUS"},
    {"root", nginx, files_hint},
};

constexpr ForeignWord timeouts[] = {
    {"client", haproxy, "write timeout body 30s send 30s"},
    {"server", haproxy, "write timeout first_byte 60s read 60s"},
    {"http-request", haproxy, "write timeout header 10s"},
    {"http-keep-alive", haproxy, "write timeout idle 60s"},
    {"keepalive", "others", "write timeout idle 60s"},
    {"client-fin", haproxy, "nothing to set"},
    {"server-fin", haproxy, "nothing to set"},
    {"check", haproxy, "write timeout TIME in the block of check"},
    {"write", "others", "write timeout send 30s"},
    {"response", "others", "write timeout first_byte 60s"},
    {"backend", "others", "write timeout first_byte 60s"},
};

constexpr ForeignWord protocols[] = {
    {"http2", nginx, "write h2"},
    {"http/2", "others", "write h2"},
    {"h2c", "others", "write h2: in clear text it is h2c"},
    {"grpc", "others", "write h2"},
    {"http1", "others", "write http/1.1"},
    {"h1", "others", "write http/1.1"},
    {"http", "others", "write http/1.1"},
    {"https", "others", "TLS is a block: tls { } in a backend, bind ADDRESS tls in a listener"},
    {"tcp", haproxy, "weir has no TCP listeners in this version"},
    {"udp", "others", "weir has no UDP listeners in this version"},
};

constexpr ForeignWord checks[] = {
    {"httpchk", haproxy, "write check http GET /healthz"},
    {"https", "others", "write check http GET /healthz; it speaks TLS if the backend has a tls block"},
    {"ping", "others", "write check tcp"},
    {"ssl-hello-chk", haproxy, "write check tcp in a backend with a tls block"},
};

constexpr ForeignWord variables[] = {
    {"remote_addr", nginx, "write $client_addr"},
    {"binary_remote_addr", nginx, "write $client_addr"},
    {"remote_port", nginx, "write $client_port"},
    {"remote_host", caddy, "write $client_addr"},
    {"proxy_add_x_forwarded_for", nginx, "leave the field out: weir sets X-Forwarded-For by itself"},
    {"request", nginx, "write $method $request_uri $protocol"},
    {"request_method", nginx, "write $method"},
    {"uri", nginx, "write $path"},
    {"document_uri", nginx, "write $path"},
    {"args", nginx, "write $query"},
    {"http_host", nginx, "write $header_host"},
    {"http_user_agent", nginx, "write $user_agent"},
    {"http_referer", nginx, "write $referer"},
    {"server_protocol", nginx, "write $protocol"},
    {"server_name", nginx, "write $host"},
    {"bytes_sent", nginx, "write $bytes_out"},
    {"body_bytes_sent", nginx, "write $body_bytes_out"},
    {"request_length", nginx, "write $bytes_in"},
    {"request_time", nginx, "write $duration"},
    {"time_local", nginx, "write $time"},
    {"time_iso8601", nginx, "write $time"},
    {"msec", nginx, "write $time"},
    {"upstream_addr", nginx, "write $server_addr"},
    {"upstream_status", nginx, "write $status"},
    {"upstream_response_time", nginx, "write $t_first_byte"},
    {"upstream_connect_time", nginx, "write $t_connect"},
    {"upstream_header_time", nginx, "write $t_first_byte"},
    {"ssl_protocol", nginx, "write $tls_version"},
    {"ssl_cipher", nginx, "write $tls_cipher"},
    {"ssl_server_name", nginx, "write $tls_server_name"},
    {"ssl_client_s_dn", nginx, "write $client_cert_subject"},
    {"ssl_client_fingerprint", nginx, "write $client_cert_fingerprint"},
    {"remote_user", nginx, "weir knows no user names"},
};
// clang-format on

constexpr ForeignTable tables[] = {{"directive", directives},
                                   {"matcher or action", route_words},
                                   {"balance method", balances},
                                   {"option of a server", server_options},
                                   {"option of an address", bind_options},
                                   {"timeout", timeouts},
                                   {"protocol", protocols},
                                   {"version of HTTP", protocols},
                                   {"kind of check", checks},
                                   {"variable", variables}};

}  // namespace

std::span<const ForeignTable> foreign_tables() { return tables; }

const ForeignWord* find_foreign(std::string_view what, std::string_view word,
                                std::uint16_t context) {
  if (word.size() > 64) return nullptr;
  const std::string lower = to_lower(word);
  for (const ForeignTable& table : tables) {
    if (table.what != what) continue;
    for (const ForeignWord& each : table.words)
      if (each.word == lower && (each.contexts & context) != 0) return &each;
  }
  return nullptr;
}

std::string foreign_mdoc() {
  std::string out;
  for (const ForeignTable& table : tables) {
    const char first = to_upper(table.what[0]);
    out += concat(".Ss ", std::string(1, first), table.what.substr(1),
                  "\n.Bl -tag -width Ds -compact\n");
    for (const ForeignWord& each : table.words)
      out += concat(".It Li ", each.word, " Pq ", each.from, "\n", mdoc_text(each.hint), "\n");
    out += ".El\n";
  }
  return out;
}

}  // namespace weir::config
