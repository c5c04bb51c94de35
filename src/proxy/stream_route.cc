// SPDX-License-Identifier: Apache-2.0
//
// Which route a stream takes, and whether its request may take it: before filters, and after them.
#include "http/path_readings.h"
#include "proxy/client_side.h"
#include "proxy/stream.h"

#include <string_view>
#include <utility>

namespace weir::proxy {

namespace {

constexpr std::uint8_t most_reroutes = 5;

}  // namespace

// Finds the policy of the request's route, and whether it is to be served at all.
http::Failure Stream::take_policy() {
  const auto [policy, failure] =
      session_.listener().rules().match(*request_, {client_, session_.tls()}, arena_);
  record_.route = policy ? &policy->route : nullptr;
  if (policy_) former_policies_.push_back(std::move(policy_));
  if (policy) {
    policy_ = PolicyPin(*policy);
    session_.set_timeouts(policy_->client);
  }
  if (request_->method == Method::Connect && !(policy && policy->allows_connect))
    return http::Failure::MethodNotAllowed;
  if (failure != http::Failure::None) return failure;
  if (is_early() && !policy_->early_data) return http::Failure::EarlyData;
  if (body_.is_over(policy_->max_body)) return http::Failure::RequestBodyTooLarge;
  return http::Failure::None;
}

void Stream::route() {
  phase_ = Phase::Route;
  const http::Failure failure = take_policy();
  if (policy_) enter_filters();  // also for the answer to a request that is refused
  if (failure != http::Failure::None) return fail(failure);
  phase_ = Phase::Request;
  entered_path_ = request_->forward_path;
  on_request_pass(filters_ ? filters_->run_request() : Pass::Through);
}

// A path that a filter has made goes out as one that a client has sent: without dot segments, and hiding none.
http::Failure Stream::check_rewritten() {
  const std::string_view before = entered_path_, now = request_->forward_path;
  if (now.data() == before.data() && now.size() == before.size()) return http::Failure::None;
  const auto path = http::read_path(now, arena_);
  if (!path) return http::Failure::RequestTarget;
  request_->forward_path = path->forwarded;
  if (policy_->path_check == config::PathCheck::Off) return http::Failure::None;
  switch (http::find_hidden(*path, arena_)) {
    case http::Hidden::Nothing: return http::Failure::None;
    case http::Hidden::Control: return http::Failure::RequestTarget;
    default: return http::Failure::AmbiguousPath;
  }
}

}  // namespace weir::proxy
