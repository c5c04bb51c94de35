// SPDX-License-Identifier: Apache-2.0
//
// FilterPreview: a request that somebody asks about, as factories see it that explain what their filters would do.  Nothing is
// counted, asked, awaited or answered, and what nobody can know of a request before it is there stays as it is written.
#pragma once

#include <weir/filter.h>

#include "config/variables.h"
#include "proxy/record.h"
#include "proxy/route_table.h"
#include "proxy/variables.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::proxy {

class FilterPreview final : public StreamView {
 public:
  /// Who would send it, and when.
  struct Scene {
    const Peer& peer;
    bool is_tls;
    std::uint64_t now;  ///< microseconds of the monotonic clock
  };

  /// All are referred to.  `record`: what is known of the request before it takes its way, with its route.
  FilterPreview(RequestHead& request, Arena& arena, const Record& record, const Scene& scene)
      : request_(request), arena_(arena), record_(record), scene_(scene) {}

  /// Whether texts are for the request, as at first, or for its answer, of which nothing is known.
  void look_at(Direction direction) { direction_ = direction; }

  /// A template filled in as far as that can be known.
  std::string_view expand(const config::Template& text, Safety safety);
  /// All of it can be known.
  bool knows(const config::Template& text) const;

  RequestHead& request() override { return request_; }
  const Received& received() override;
  std::string_view refusal() override { return {}; }
  ResponseHead& response() override { return response_; }
  Arena& arena() override { return arena_; }
  std::string_view expand(const Text& text) override;
  std::uint64_t now() override { return scene_.now; }
  void respond(std::uint16_t, std::string_view) override {}
  void respond(ResponseHead&, BodySource&) override {}
  void refuse(Refusal) override {}
  void ask(const Subrequest&) override {}
  void sleep(std::uint32_t) override {}
  Waker signal() override { return {}; }
  void want_whole(std::uint64_t, Over) override {}
  void skip_body() override {}
  void set_length(std::uint64_t) override {}
  void note(std::string_view, std::string_view) override {}

 private:
  std::optional<std::string_view> value(const config::Template::Part& part) const;
  std::optional<std::string_view> of_tls(config::Variable variable) const;

  RequestHead& request_;
  Received received_;
  ResponseHead response_;
  Arena& arena_;
  const Record& record_;
  const Scene scene_;
  Direction direction_ = Direction::Request;
};

}  // namespace weir::proxy
