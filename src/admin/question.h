// SPDX-License-Identifier: Apache-2.0
//
// Question: a request that somebody asks about, as words, and what a worker would understand of it.  What
// comes before the request, TLS and the version of HTTP, is part of it.
#pragma once

#include <weir/arena.h>
#include <weir/message.h>
#include <weir/result.h>

#include "http/h1_codec.h"
#include "net/address.h"
#include "proxy/route_table.h"
#include "tls/certificate.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::admin {

struct Question {
  /// Of a client at that address, which outlives it.  Lives as long as this does and is not changed.
  proxy::Peer peer(const net::Address& from) const;
  /// What there is to say of TLS: ", sni a.test, certificate CN=alice"; empty in the clear.
  std::string tls_text() const;

  std::string text;  ///< the request as on the wire, in HTTP/1 whatever `protocol` is
  Protocol protocol = Protocol::Http11;
  std::uint16_t port = 0;   ///< of the URL; 0 = it names none
  std::string listener;     ///< empty = by the port
  std::string server_name;  ///< of SNI
  bool shows_certificate = false;
  tls::ClientCertificate certificate;
  net::Address client;
  std::string scheme = "http";  ///< of the URL; https also if something of TLS is said
};

/// Out of METHOD URL [NAME=VALUE ...].  With an https URL SNI is its host, unless that is said.
/// Errc::Invalid says how it is written.
Result<void> read_question(std::span<const std::string> words, Question& question);

/// Takes one request apart as a worker does.
class RequestReader final : private http::MessageSink, private http::H1Events {
 public:
  explicit RequestReader(const http::HeadLimits& limits)
      : limits_(limits), codec_(http::H1Codec::Role::Server, limits_, *this) {}

  /// Null if it cannot be understood; `failure` says why.  Lives as long as this and the question do.
  RequestHead* read(Question& question);
  http::Failure failure() const { return failure_; }
  /// The request's.
  Arena& arena() override { return arena_; }

 private:
  void on_head(MessageHead& head) override { head_ = static_cast<RequestHead*>(&head); }
  bool wants_body() const override { return false; }
  void on_body(std::span<const char>) override {}
  void on_end(const Headers&) override {}
  http::MessageSink* sink() override { return this; }
  void on_broken(http::Failure why) override { failure_ = why; }

  Arena arena_;
  const http::HeadLimits limits_;
  http::H1Codec codec_;
  RequestHead* head_ = nullptr;
  http::Failure failure_ = http::Failure::None;
};

}  // namespace weir::admin
