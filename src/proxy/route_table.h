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

#include <weir/message.h>
#include <weir/regex.h>

#include "config/config.h"
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

/// What the client speaks, as ALPN and the matcher `protocol` call it.
std::string_view protocol_of(const RequestHead& request);

/// What `match` found, and how much it looked at.
struct Decision {
  const config::Route* route = nullptr;  ///< null: no route matches
  std::uint32_t position = 0;            ///< of that route among those the table was built of
  std::uint32_t tried = 0;               ///< routes whose conditions were tried
};

class RouteTable {
 public:
  /// Compiles routes, which must outlive the table.  Errors name their place.
  static Result<RouteTable> build(std::vector<const config::Route*> routes);
  static Result<RouteTable> build(const config::Listener& listener);

  Decision match(const RequestHead& request, const Peer& peer) const;

  /// The first matcher of a route that does not hold for the request, or null if the route matches.
  /// Looks at all of them, also at host and path.
  const config::Matcher* failing(const config::Route& route, const RequestHead& request,
                                 const Peer& peer) const;

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
  struct Search {
    const RequestHead& request;
    const Peer& peer;
    std::uint32_t best;
    std::uint32_t tried;
  };

  std::uint32_t group_for(const std::string& host);
  Bucket& bucket_for(std::uint32_t group, PathKind kind, const std::string& path);
  std::int32_t find_group(std::string_view host) const;
  std::int32_t find_bucket(std::uint32_t group, PathKind kind, std::string_view path) const;
  void search_group(std::uint32_t group, Search& search) const;
  void search_bucket(std::int32_t bucket, Search& search) const;
  bool holds(const config::Matcher& matcher, const RequestHead& request, const Peer& peer) const;

  std::vector<const config::Route*> routes_;
  std::vector<Group> groups_;
  std::vector<Bucket> buckets_;
  std::vector<Slot> group_slots_, bucket_slots_;
  std::vector<std::pair<const config::Matcher*, Regex>> regexes_;  ///< sorted by matcher
  std::vector<bool> plain_;  ///< the route has no condition but one kind of host and path
  bool has_suffixes_ = false;
};

}  // namespace weir::proxy
