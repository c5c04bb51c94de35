// SPDX-License-Identifier: Apache-2.0
#include "admin/policies.h"

#include "admin/route_filters.h"
#include "base/text.h"
#include "config/properties.h"
#include "proxy/route_policy.h"
#include "proxy/routing.h"

#include <span>
#include <string_view>
#include <vector>

namespace weir::admin {

namespace {

/// What one statement has to say.
class Line final : public Explanation {
 public:
  void say(std::string_view text) override {
    text_.append(text_.empty() || text.empty() ? "" : "; ").append(text);
  }
  void answer(std::uint16_t status, std::string_view text) override {
    if (has_answered_) return;
    has_answered_ = true;
    status_ = status;
    why_ = text;
    say(concat(status == 0 ? "closes the connection" : "answers " + std::to_string(status),
               text.empty() ? "" : ": ", text));
  }

  const std::string& text() const { return text_; }
  bool has_answered() const { return has_answered_; }
  std::uint16_t status() const { return status_; }
  const std::string& why() const { return why_; }

 private:
  std::string text_, why_;
  std::uint16_t status_ = 0;
  bool has_answered_ = false;
};

bool sees_only_answers(const FilterFactory& factory) {
  const Needs needs = factory.needs();
  const bool sees_requests = needs.request || needs.request_body != weir::Body::None;
  return !sees_requests && (needs.response || needs.response_body != weir::Body::None);
}

/// The walk of a request through the policies of its route.
class Walk {
 public:
  Walk(std::span<const RouteFilters::Built> filters, const std::vector<config::Policy>& policies,
       proxy::FilterPreview& preview)
      : filters_(filters), policies_(policies), preview_(preview), lines_(policies.size()) {}

  /// The way there: until one of them answers.
  Passed request() {
    Passed passed;
    for (std::size_t i = 0; i < filters_.size(); ++i) {
      if (!holds_at_first(i)) {
        lines_[i].say("only at a fallback");
      } else if (!filters_[i]) {
        lines_[i].say(concat("cannot be told: ", filters_[i].error().text()));
      } else if (!sees_only_answers(**filters_[i])) {
        if (passed.by) {
          lines_[i].say("the request does not come here");
          continue;
        }
        (*filters_[i])->explain(preview_, lines_[i]);
        if (lines_[i].has_answered())
          passed = {http::Failure::None, &policies_[i], lines_[i].status(), lines_[i].why()};
      }
    }
    return passed;
  }

  /// And back.
  void answer() {
    preview_.look_at(Direction::Response);
    for (std::size_t i = filters_.size(); i-- > 0;)
      if (holds_at_first(i) && filters_[i] && sees_only_answers(**filters_[i]))
        (*filters_[i])->explain(preview_, lines_[i]);
    preview_.look_at(Direction::Request);
  }

  void tell(Story& story) const {
    for (std::size_t i = 0; i < lines_.size(); ++i)
      story.add("policy", config::policy_text(policies_[i]), lines_[i].text(), &policies_[i].place);
  }

 private:
  /// At the backend that the route names, and not only at fallbacks of it.
  bool holds_at_first(std::size_t i) const { return (policies_[i].backends & 1U) != 0; }

  std::span<const RouteFilters::Built> filters_;
  const std::vector<config::Policy>& policies_;
  proxy::FilterPreview& preview_;
  std::vector<Line> lines_;
};

}  // namespace

Passed tell_policies(const Fleet& fleet, const config::Listener& listener,
                     const config::Route& route, proxy::FilterPreview& preview, Story& story) {
  if (route.policies.empty()) return {};
  Walk walk(fleet.view->filters->of(fleet.config(), route), route.policies, preview);
  RequestHead& request = preview.request();
  const std::string_view entered = request.forward_path;
  Passed passed = walk.request();
  if (!passed.by)
    passed.failure =
        proxy::check_path(request, entered, proxy::path_check(listener, route), preview.arena());
  walk.answer();
  walk.tell(story);
  return passed;
}

}  // namespace weir::admin
