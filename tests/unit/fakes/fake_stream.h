// SPDX-License-Identifier: Apache-2.0
//
// FakeStream: what a filter sees of a stream.  Variables are those that the test names; what a filter
// answers is kept.
#pragma once

#include <weir/filter.h>

#include "config/parsed_text.h"
#include "fakes/fake_context.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace weir::test {

class FakeStream final : public StreamView {
 public:
  /// "$name" and what it is worth; only whole texts are variables here.
  std::map<std::string, std::string, std::less<>> variables;
  RequestHead request_head;
  Received received_head;
  ResponseHead response_head;
  std::uint16_t status = 0;  ///< of `respond`; 0 = it was not called
  std::string answer;
  std::optional<Refusal> refused;  ///< by `refuse`
  std::map<std::string, std::string> notes;

  RequestHead& request() override { return request_head; }
  const Received& received() override { return received_head; }
  std::string_view refusal() override { return {}; }
  ResponseHead& response() override { return response_head; }
  Arena& arena() override { return arena_; }
  std::string_view expand(const Text& from) override {
    const std::string text = written(from);
    auto found = variables.find(text);
    return arena_.copy(found == variables.end() ? text : found->second);
  }
  std::uint64_t now() override { return 0; }
  void respond(std::uint16_t code, std::string_view text) override {
    status = code;
    answer = text;
  }
  void respond(ResponseHead& head, BodySource&) override { status = head.status; }
  void refuse(Refusal why) override { refused = why; }
  void ask(const Subrequest&) override {}
  void sleep(std::uint32_t) override {}
  Waker signal() override { return {}; }
  void want_whole(std::uint64_t, Over) override {}
  void skip_body() override {}
  void set_length(std::uint64_t) override {}
  void note(std::string_view name, std::string_view value) override { notes.emplace(name, value); }

  /// Sets both forms of the path and the query as a request has them: "/a?b".
  void set_target(std::string_view target) {
    const std::size_t mark = target.find('?');
    request_head.has_query = mark != std::string_view::npos;
    request_head.path = request_head.forward_path = arena_.copy(target.substr(0, mark));
    request_head.query =
        request_head.has_query ? arena_.copy(target.substr(mark + 1)) : std::string_view();
  }
  /// What goes out.
  std::string target() const {
    std::string text(request_head.forward_path);
    if (request_head.has_query) text.append("?").append(request_head.query);
    return text;
  }

 private:
  // A text as it stands in the test, or weir's own if it is one variable.
  static std::string written(const Text& from) {
    if (const auto* fake = dynamic_cast<const FakeText*>(&from)) return fake->text;
    const auto& part = dynamic_cast<const config::ParsedText&>(from).parts.parts.at(0);
    for (const config::VariableKind& kind : config::variable_kinds())
      if (kind.variable == part.variable) return "$" + std::string(kind.name) + part.name;
    return part.text;
  }

  Arena arena_;
};

/// "Name: value" lines of a head's fields, joined by "|".
inline std::string fields(const MessageHead& head) {
  std::string all;
  for (const Field& field : head.headers)
    all.append(all.empty() ? "" : "|").append(field.name).append(": ").append(field.value);
  return all;
}

}  // namespace weir::test
