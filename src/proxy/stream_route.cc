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

constexpr int most_reroutes = 5;

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
  for (int tries = 0; tries <= most_reroutes; ++tries) {
    phase_ = Phase::Route;
    http::Failure failure = take_policy();
    if (failure != http::Failure::None) return fail(failure);
    phase_ = Phase::Request;
    const std::string_view before = request_->forward_path;
    const Verdict verdict = policy_->filters.run_request(*this);
    if (verdict == Verdict::Respond) {
      if (refusal_ != http::Failure::None) return fail(refusal_);
      return local_.head ? answer(*local_.head, local_.body) : fail(http::Failure::FilterBreach);
    }
    failure = check_rewritten(before);
    if (failure != http::Failure::None) return fail(failure);
    if (verdict == Verdict::Continue) return act();
    // Other routes look at the path that filters have made.
    if (const auto path = http::read_path(request_->forward_path, arena_)) {
      request_->path = path->plain;
      request_->has_path_readings = path->has_readings;
    }
  }
  fail(http::Failure::FilterFailed);
}

// A path that a filter has made goes out as one that a client has sent: without dot segments, and hiding none.
http::Failure Stream::check_rewritten(std::string_view before) {
  const std::string_view now = request_->forward_path;
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
