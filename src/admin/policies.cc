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

/// The walk of a request through the policies that it meets first at one backend of its route's chain.
class Walk {
 public:
  Walk(std::span<const RouteFilters::Built> filters, const std::vector<config::Policy>& policies,
       std::size_t place, proxy::FilterPreview& preview)
      : filters_(filters),
        policies_(policies),
        place_(place),
        preview_(preview),
        lines_(policies.size()) {}

  /// The way there: until one of them answers.
  Passed request() {
    Passed passed;
    const bool is_body_gone = has_been_read();
    for (std::size_t i = 0; i < filters_.size(); ++i) {
      if (!is_new(i)) {
        lines_[i].say("only at a fallback");
      } else if (!filters_[i]) {
        lines_[i].say(concat("cannot be told: ", filters_[i].error().text()));
      } else if (is_body_gone && wants_body(i)) {
        lines_[i].say("needs the body, which has been read: the backend is not used");
        passed.failure = http::Failure::NoServer;
      } else if (!sees_only_answers(**filters_[i])) {
        if (passed.by) {
          lines_[i].say("the request does not come here");
          continue;
        }
        (*filters_[i])->explain(preview_, lines_[i]);
        if (lines_[i].has_answered())
          passed = {passed.failure, &policies_[i], lines_[i].status(), lines_[i].why()};
      }
    }
    return passed;
  }

  /// And back.
  void answer() {
    preview_.look_at(Direction::Response);
    for (std::size_t i = filters_.size(); i-- > 0;)
      if (is_new(i) && filters_[i] && sees_only_answers(**filters_[i]))
        (*filters_[i])->explain(preview_, lines_[i]);
    preview_.look_at(Direction::Request);
  }

  void tell(Story& story) const {
    for (std::size_t i = 0; i < lines_.size(); ++i)
      if (place_ == 0 || is_new(i))
        story.add("policy", config::policy_text(policies_[i]), lines_[i].text(),
                  &policies_[i].place);
  }

 private:
  unsigned before() const { return (1U << place_) - 1; }
  /// It holds at this backend, and at none before it.
  bool is_new(std::size_t i) const {
    return (policies_[i].backends >> place_ & 1U) != 0 && (policies_[i].backends & before()) == 0;
  }
  /// A filter that held before wants all of the body before a server is looked for.
  bool has_been_read() const {
    if (preview_.request().framing.end == BodyEnd::None) return false;
    for (std::size_t i = 0; i < filters_.size(); ++i)
      if ((policies_[i].backends & before()) != 0 && filters_[i] &&
          (*filters_[i])->needs().request_body == weir::Body::Whole)
        return true;
    return false;
  }
  bool wants_body(std::size_t i) const {
    const Needs needs = (*filters_[i])->needs();
    return needs.request_body != weir::Body::None || needs.trailers;
  }

  std::span<const RouteFilters::Built> filters_;
  const std::vector<config::Policy>& policies_;
  const std::size_t place_;
  proxy::FilterPreview& preview_;
  std::vector<Line> lines_;
};

}  // namespace

Passed tell_policies(const Fleet& fleet, const config::Listener& listener,
                     const config::Route& route, std::size_t place, proxy::FilterPreview& preview,
                     Story& story) {
  if (route.policies.empty()) return {};
  Walk walk(fleet.view->filters->of(fleet.config(), route), route.policies, place, preview);
  RequestHead& request = preview.request();
  const std::string_view entered = request.forward_path;
  Passed passed = walk.request();
  if (!passed.by && passed.failure == http::Failure::None)
    passed.failure =
        proxy::check_path(request, entered, proxy::path_check(listener, route), preview.arena());
  walk.answer();
  walk.tell(story);
  return passed;
}

}  // namespace weir::admin
