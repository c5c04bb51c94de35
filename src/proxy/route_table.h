// SPDX-License-Identifier: Apache-2.0
//
// RouteTable: which Route a request takes: the first in written order whose conditions all hold.
//
// Hosts and paths are looked up, not tried one by one, so that ten thousand routes cost what ten cost:
// each route stands in a bucket for every (host, path) it names, and a request looks into the few
// buckets that can match it.
//
//   host   exact | *.suffix (one look-up a label) | any
//   path   exact | prefix (one look-up a segment, of the depths in use) | any
//
// Within a bucket routes keep their order; of all buckets the lowest number wins.  Everything else
// (method, header, query, cookie, client, regex, TLS, not) is a condition, tried only there.
#pragma once

#include <weir/arena.h>
#include <weir/message.h>
#include <weir/regex.h>

#include "config/config.h"
#include "http/failure.h"
#include "net/address.h"
#include "tls/transport.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

/// Who sends a request, as far as routes ask.
class Peer {
 public:
  /// `over`: null in the clear.
  Peer(const net::Address& from, const tls::Transport* over = nullptr)
      : client_(from), tls_(over) {}
  /// Somebody who only might be: with that name for SNI and that certificate, null for none.
  Peer(const net::Address& from, std::string_view server_name,
       const tls::ClientCertificate* certificate)
      : client_(from), server_name_(server_name), certificate_(certificate) {}

  const net::Address& client() const { return client_; }
  std::string_view server_name() const { return tls_ ? tls_->server_name() : server_name_; }
  const tls::ClientCertificate* certificate() const {
    return tls_ ? tls_->client_certificate() : certificate_;
  }

 private:
  const net::Address& client_;
  const tls::Transport* tls_ = nullptr;
  std::string_view server_name_;
  const tls::ClientCertificate* certificate_ = nullptr;
};

/// What `decide` found, and how much it looked at.
struct Decision {
  /// The first route that matches the plain path; null: none does.  For RegexLimit: the one it is unknown of.
  const config::Route* route = nullptr;
  std::uint32_t position = 0;  ///< of that route among those the table was built of
  std::uint32_t tried = 0;     ///< routes whose conditions were tried
  /// None, or why the request is refused nevertheless: AmbiguousPath, RegexLimit, RequestTarget.
  http::Failure failure = http::Failure::None;
  std::string_view reading;  ///< AmbiguousPath: the first that takes another route; in the arena
  const config::Route* other = nullptr;  ///< that route, null if none matches
};

/// Whether a route matches.
struct Judgement {
  const config::Matcher* failing = nullptr;  ///< the first that does not hold; null: all do
  const config::Matcher* unknown = nullptr;  ///< if none fails: a regex that reached its step limit
};

class RouteTable {
 public:
  /// Compiles routes, which must outlive the table, of a listener with that path_check.  Errors name
  /// their place.
  static Result<RouteTable> build(std::vector<const config::Route*> routes,
                                  config::PathCheck path_check);
  static Result<RouteTable> build(const config::Listener& listener);

  /// The route of a request, unless servers could read its path as one of another route: then, as the
  /// route's or the listener's path_check says, the request is refused.  A path without readings is
  /// matched once.  `arena`: for readings, and what the decision says of them.
  Decision decide(const RequestHead& request, const Peer& peer, Arena& arena) const;

  /// Whether a route matches the request by its plain path.  Looks at all matchers, also at host and path.
  Judgement judge(const config::Route& route, const RequestHead& request, const Peer& peer) const {
    return judge(route, {request, request.path, peer});
  }

 private:
  enum class PathKind : std::uint8_t { Exact, Prefix, Any };

  struct Bucket {
    std::uint32_t group;
    PathKind kind;
    std::string path;
    std::vector<std::uint32_t> routes;  ///< ascending
  };
  struct Group {
    std::string host;          ///< "" = any; ".example.com" = suffix
    std::uint64_t depths = 0;  ///< bit n: there is a prefix of n segments (63 = that or more)
    bool has_exact = false;
    std::int32_t any = -1;  ///< bucket for any path
  };
  /// One entry of an open-addressing table.
  struct Slot {
    std::uint64_t hash = 0;
    std::int32_t index = -1;
  };
  /// What matchers look at.
  struct Subject {
    const RequestHead& request;
    std::string_view path;  ///< in the reading that is matched
    const Peer& peer;
  };
  struct Search {
    const Subject& subject;
    std::uint32_t best;
    std::uint32_t tried;
    bool is_unknown;  ///< whether `best` matches: a regex reached its step limit
  };
  enum class Truth : std::uint8_t { No, Yes, Unknown };

  std::uint32_t group_for(const std::string& host);
  Bucket& bucket_for(std::uint32_t group, PathKind kind, const std::string& path);
  std::int32_t find_group(std::string_view host) const;
  std::int32_t find_bucket(std::uint32_t group, PathKind kind, std::string_view path) const;
  void search_group(std::uint32_t group, Search& search) const;
  void search_bucket(std::int32_t bucket, Search& search) const;
  Decision match(const Subject& subject) const;
  Judgement judge(const config::Route& route, const Subject& subject) const;
  Truth holds(const config::Matcher& matcher, const Subject& subject) const;
  Truth holds_any(const std::vector<config::Matcher>& matchers, std::size_t first,
                  const Subject& subject) const;
  void compare_readings(const Subject& subject, Decision& decision, Arena& arena) const;

  std::vector<const config::Route*> routes_;
  std::vector<Group> groups_;
  std::vector<Bucket> buckets_;
  std::vector<Slot> group_slots_, bucket_slots_;
  std::vector<std::pair<const config::Matcher*, Regex>> regexes_;  ///< sorted by matcher
  std::vector<bool> plain_;  ///< the route has no condition but one kind of host and path
  bool has_suffixes_ = false;
  std::size_t longest_path_ = 0;  ///< so much of a path decides, in bytes; more with a regex
  config::PathCheck path_check_ = config::PathCheck::On;  ///< for routes that say nothing of it
};

}  // namespace weir::proxy
