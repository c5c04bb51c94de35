// SPDX-License-Identifier: Apache-2.0
#include "config/route_block.h"

#include "base/text.h"
#include "config/foreign.h"
#include "config/matchers.h"
#include "config/units.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::config {

namespace {

constexpr std::array<std::uint16_t, 5> redirects = {301, 302, 303, 307, 308};
constexpr std::string_view no_action = "write forward, respond, redirect, metrics, ready or close";

class RouteBlock {
 public:
  RouteBlock(const Directive& directive, const Scope& scope, BackendNames& backends)
      : directive_(directive),
        values_(directive.values),
        scope_(scope),
        report_(scope.report),
        backends_(backends) {}

  Route build(const PolicyList& outer) {
    route_.place = directive_.at;
    const bool understood = name() && matchers();
    if (understood && next_ < values_.size()) inline_action();
    visit_statements(
        directive_.block, InRoute, scope_, route_.origins,
        [this](const DirectiveKind& kind, const Directive& inner) { take(kind, inner); });
    if (understood && !has_action_)
      report_.error(directive_.at, "the route has no action", hint_at_action());
    else if (understood)
      check_action();
    std::vector<const PolicyList*> chain;
    if (forwards_to_)
      for (const std::uint32_t backend : backends_.chains[*forwards_to_])
        chain.push_back(&backends_.policies[backend]);
    route_.policies = join(outer, chain, policies_);
    route_.cleared = std::move(policies_.cleared);
    return std::move(route_);
  }

 private:
  static bool is_word(const Value& value) { return value.bare && is_route_word(value.text); }

  // A first value that is no matcher and no action is the name; unless what follows is none either,
  // then it was probably meant to be one.
  bool name() {
    if (values_.empty() || is_word(values_[0])) return true;
    if (values_.size() > 1 && !is_word(values_[1])) return unknown(values_[0]);
    if (values_[0].text.starts_with('/')) {
      report_.error(values_[0].at, concat(in_quotes(values_[0].text), " without a matcher"),
                    values_[0].text == "/"
                        ? "a route without matchers takes everything: leave \"/\" out"
                        : concat("write path ", values_[0].text, ", or path ", values_[0].text,
                                 "/* for all below it"));
      return false;
    }
    route_.name = read_name(values_[0], "route", report_);
    ++next_;
    route_.named = true;
    return !route_.name.empty();
  }

  // `route deny`: what was meant to be an action was read as the name.
  std::string hint_at_action() const {
    const ForeignWord* foreign = find_foreign("matcher or action", route_.name);
    return std::string(foreign ? foreign->hint : no_action);
  }

  void check_action() {
    warn_of_name();
    refuse_false_tunnel();
  }

  // To the client any 2xx is a tunnel (RFC 9110 §9.3.6), which would go nowhere.
  void refuse_false_tunnel() {
    const bool takes_connect =
        std::any_of(route_.matchers.begin(), route_.matchers.end(), [](const Matcher& matcher) {
          return matcher.kind == Match::Method && !matcher.negated && matcher.value == "CONNECT";
        });
    const Action& action = route_.action;
    const bool is_2xx = action.kind == Act::Metrics || action.kind == Act::Ready ||
                        (action.kind == Act::Respond && action.status / 100 == 2);
    if (takes_connect && is_2xx)
      report_.error(action.place,
                    "the route answers CONNECT with a 2xx status, which opens a tunnel",
                    "write forward BACKEND, or another status such as 403, or the route without "
                    "method CONNECT");
  }

  // `route example.com forward a` is a route for everything.
  void warn_of_name() {
    const std::string& name = route_.name;
    if (const ForeignWord* word = find_foreign("matcher or action", name);
        word && (name == "if" || name == "unless"))
      report_.warning(values_[0].at, concat("the route is called ", in_quotes(name)),
                      std::string(word->hint));
    if (route_.matchers.empty() && name.find('.') != std::string::npos && is_host_name(name))
      report_.warning(values_[0].at,
                      concat("route ", in_quotes(name), " has no matcher and takes every host"),
                      concat("write route host ", name, " if that is meant"));
  }

  bool unknown(const Value& value) {
    if (is_word(value))
      report_.error(value.at, concat(in_quotes(value.text), " does not exist in this version"),
                    "the word is reserved for a later one");
    else if (find_directive(value.text, InRoute))
      report_.error(value.at, concat(in_quotes(value.text), " is no matcher and no action"),
                    concat("it stands in the block of the route: route ... { ", value.text,
                           " ...; forward BACKEND }"));
    else
      report_.unknown(value.at, "matcher or action", value.text, route_words());
    return false;
  }

  bool matchers() {
    while (next_ < values_.size()) {
      const Value& word = values_[next_];
      const bool negated = word.bare && word.text == "not";
      if (negated && ++next_ == values_.size()) {
        report_.error(word.at, "\"not\" without a matcher", "write not MATCHER VALUE");
        return false;
      }
      const Value& subject = values_[next_];
      const MatcherKind* kind = subject.bare ? find_matcher(subject.text) : nullptr;
      if (!kind && negated) {
        report_.error(subject.at, "\"not\" stands before a matcher", "write not MATCHER VALUE");
        return false;
      }
      if (!kind) return true;
      if (values_.size() - next_ - 1 < kind->values) {
        report_.error(
            subject.at,
            concat(kind->word, kind->values == 1 ? " needs a value" : " needs a name and a value"),
            concat("write ", kind->word, kind->values == 1 ? " VALUE" : " NAME VALUE"));
        return false;
      }
      Matcher matcher = build_matcher(*kind, values_.subspan(next_ + 1, kind->values), scope_);
      matcher.negated = negated;
      matcher.place = word.at;
      route_.matchers.push_back(std::move(matcher));
      next_ += 1U + kind->values;
    }
    return true;
  }

  void inline_action() {
    const Value& word = values_[next_];
    const DirectiveKind* kind = word.bare ? find_directive(word.text, InRoute) : nullptr;
    const bool is_action = kind && kind->contexts == InRoute;
    if (!is_action) {
      unknown(word);
      has_action_ = true;  // whatever it was meant to be, it is not missing
      return;
    }
    const auto rest = values_.subspan(next_ + 1);
    if (rest.size() < kind->least)
      report_.error(word.at, concat(kind->name, " has too few values"),
                    concat("write ", kind->name, " ", kind->arguments));
    else if (rest.size() > kind->most)
      report_.error(rest[kind->most].at, "nothing may follow the action but a block",
                    "matchers stand before the action; quote a text of several words");
    else
      action(kind->word, word.at, rest);
    has_action_ = true;
  }

  void take(const DirectiveKind& kind, const Directive& directive) {
    if (build_policy(kind, directive, InRoute, scope_, route_.limits, policies_, route_.origins))
      return;
    if (has_action_) {
      report_.error(directive.at, "the route has an action already",
                    concat("a route has exactly one: ", no_action));
      return;
    }
    action(kind.word, directive.at, directive.values);
    has_action_ = true;
  }

  void action(Word word, const Place& at, std::span<const Value> values) {
    route_.action.place = at;
    switch (word) {
      case Word::Forward: forward(values[0]); break;
      case Word::Respond: respond(values); break;
      case Word::Redirect: redirect(values); break;
      case Word::Metrics: route_.action.kind = Act::Metrics; break;
      case Word::Ready: ready(values); break;
      default: route_.action.kind = Act::Close; break;
    }
  }

  void forward(const Value& value) {
    route_.action.kind = Act::Forward;
    const auto found = backends_.numbers.find(value.text);
    if (found != backends_.numbers.end()) {
      route_.action.backend = found->second;
      forwards_to_ = found->second;
      backends_.used[found->second] = true;
      return;
    }
    if (value.text.find("://") != std::string_view::npos || parse_endpoint(value.text))
      return report_.error(value.at, concat("there is no backend ", in_quotes(value.text)),
                           "forward takes the name of a backend: backend b { server s1 ADDRESS }");
    report_.unknown(value.at, "backend", value.text, backends_.words);
  }

  void respond(std::span<const Value> values) {
    route_.action.kind = Act::Respond;
    const auto status = read_number(values[0], 200, 599, report_);
    if (status) route_.action.status = static_cast<std::uint16_t>(*status);
    if (values.size() < 2) return;
    route_.action.text = read_template(values[1], report_);
    if (status && (*status == 204 || *status == 205 || *status == 304))
      report_.error(values[1].at, concat("an answer with status ", values[0].text, " has no text"),
                    "leave the text out");
  }

  // Which listener that is comes out when all are known.
  void ready(std::span<const Value> values) {
    route_.action.kind = Act::Ready;
    if (values.empty()) return;
    route_.action.text = read_name(values[0], "listener", report_);
    route_.action.place = values[0].at;
  }

  void redirect(std::span<const Value> values) {
    route_.action.kind = Act::Redirect;
    const auto status = to_number<std::uint16_t>(values[0].text);
    if (!status || std::find(redirects.begin(), redirects.end(), *status) == redirects.end())
      report_.error(values[0].at,
                    concat(in_quotes(values[0].text), " is not a status of a redirect"),
                    "one of 301 302 303 307 308");
    else
      route_.action.status = *status;
    route_.action.text = read_template(values[1], report_);
    const std::string_view url = values[1].text;
    if (url.empty() || url.find_first_of("\r\n\t ") != std::string_view::npos)
      report_.error(values[1].at, "a URL is not empty and has no blanks",
                    "write https://$host$request_uri, or a path");
  }

  const Directive& directive_;
  std::span<const Value> values_;
  const Scope& scope_;
  Reporter& report_;
  BackendNames& backends_;
  Route route_;
  PolicyList policies_;
  std::optional<std::uint32_t> forwards_to_;
  std::size_t next_ = 0;
  bool has_action_ = false;
};

}  // namespace

Route build_route(const Directive& directive, const Scope& scope, const PolicyList& outer,
                  BackendNames& backends) {
  return RouteBlock(directive, scope, backends).build(outer);
}

}  // namespace weir::config
