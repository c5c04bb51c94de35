// SPDX-License-Identifier: Apache-2.0
#include "filter/headers.h"

#include "base/text.h"
#include "http/field.h"
#include "http/path.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace weir::filter {

namespace {

enum class Change { Set, Add, Remove };

class HeaderFilter final : public Filter, public FilterFactory {
 public:
  HeaderFilter(bool on_request, Change change, std::string name, std::unique_ptr<const Text> value)
      : change_(change),
        name_(std::move(name)),
        value_(std::move(value)),
        on_request_(on_request),
        is_location_(!on_request && field_name(name_) == FieldName::Location) {}

  Needs needs() const override {
    Needs needs;
    (on_request_ ? needs.request : needs.response) = true;
    return needs;
  }
  Filter& make(Arena&) const override { return const_cast<HeaderFilter&>(*this); }

  Verdict on_request(StreamView& stream) override {
    apply(stream, stream.request());
    return Verdict::Continue;
  }
  Verdict on_response(StreamView& stream) override {
    apply(stream, stream.response());
    return Verdict::Continue;
  }

  void explain(StreamView& stream, Explanation& explanation) const override {
    explanation.say(concat(on_request_ ? "" : "on the answer: ", change_text(stream)));
    if (on_request_) apply(stream, stream.request());
  }

 private:
  std::string_view value(StreamView& stream) const {
    const std::string_view value = stream.expand(*value_);
    return is_location_ ? http::reduce_slashes(value, stream.arena()) : value;
  }

  std::string change_text(StreamView& stream) const {
    if (change_ == Change::Remove) {
      const bool is_missing = on_request_ && !stream.request().headers.find(name_);
      return is_missing ? concat("there is no ", name_) : concat("removes ", name_);
    }
    const std::string_view now = value(stream);
    if (!http::is_field_value(now))
      return concat("leaves ", name_, " alone: the value may not stand in a field");
    return concat(change_ == Change::Set ? "sets " : "adds ", name_, ": ", now);
  }

  void apply(StreamView& stream, MessageHead& head) const {
    if (change_ == Change::Remove) {
      head.headers.remove(name_);
      return;
    }
    const std::string_view now = value(stream);
    if (!http::is_field_value(now)) return;
    if (change_ == Change::Set)
      head.headers.set(stream.arena(), name_, now);
    else
      head.headers.add(stream.arena(), name_, now);
  }

  Change change_;
  std::string name_;
  std::unique_ptr<const Text> value_;  ///< null for Remove
  bool on_request_, is_location_;
};

bool is_ours(std::string_view name) {
  switch (field_name(name)) {
    case FieldName::Connection:
    case FieldName::ContentLength:
    case FieldName::Expect:
    case FieldName::KeepAlive:
    case FieldName::ProxyConnection:
    case FieldName::Te:
    case FieldName::Trailer:
    case FieldName::TransferEncoding:
    case FieldName::Upgrade: return true;
    default: return false;
  }
}

// `header X-Version 2` is what Caddy would understand.
Error unknown_change(const std::string& word, const std::vector<std::string>& values) {
  static constexpr std::string_view changes[] = {"set", "add", "remove", "none"};
  static constexpr std::string_view meant_to_remove[] = {"delete", "del", "unset", "hide"};
  const bool removes = std::find(std::begin(meant_to_remove), std::end(meant_to_remove),
                                 values[0]) != std::end(meant_to_remove);
  const auto near = removes ? std::optional(changes[2]) : nearest(values[0], changes);
  return Error(
      Errc::Invalid,
      near ? concat("unknown change ", in_quotes(values[0]), "; did you mean \"", *near, "\"?")
           : concat("unknown change ", in_quotes(values[0]), "; write ", word, " set ",
                    values.size() > 1 ? values[0] : "NAME", " VALUE"));
}

Result<std::unique_ptr<FilterFactory>> make(const Statement& statement, bool on_request,
                                            const FilterContext& context) {
  const auto& values = statement.values;
  std::string word(statement.word);
  if (values.empty())
    return Error(Errc::Invalid, word + " wants: set NAME VALUE, add NAME VALUE or remove NAME");
  Change change;
  if (values[0] == "set")
    change = Change::Set;
  else if (values[0] == "add")
    change = Change::Add;
  else if (values[0] == "remove")
    change = Change::Remove;
  else
    return unknown_change(word, values);
  std::size_t wanted = change == Change::Remove ? 2 : 3;
  if (values.size() != wanted)
    return Error(Errc::Invalid, word + " " + values[0] + " wants " +
                                    (wanted == 2 ? "a name" : "a name and a value"));
  if (!is_token(values[1]))
    return Error(Errc::Invalid,
                 concat("\"", values[1], "\" is not a field name",
                        values[1].ends_with(':') ? "; write it without the colon" : ""));
  if (is_ours(values[1]))
    return Error(Errc::Invalid,
                 "\"" + values[1] + "\" belongs to the connection and is set by weir itself");
  std::unique_ptr<const Text> value;
  if (change != Change::Remove) {
    if (!http::is_field_value(values[2]))
      return Error(Errc::Invalid, "the value holds a control character");
    auto text = context.text(values[2]);
    if (!text) return text.error();
    value = std::move(*text);
  }
  return std::unique_ptr<FilterFactory>(
      std::make_unique<HeaderFilter>(on_request, change, values[1], std::move(value)));
}

}  // namespace

Result<std::unique_ptr<FilterFactory>> build_request_header(const Statement& statement,
                                                            const FilterContext& context) {
  return make(statement, true, context);
}
Result<std::unique_ptr<FilterFactory>> build_response_header(const Statement& statement,
                                                             const FilterContext& context) {
  return make(statement, false, context);
}

}  // namespace weir::filter
