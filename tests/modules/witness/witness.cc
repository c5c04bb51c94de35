// SPDX-License-Identifier: Apache-2.0
//
// `witness [VERDICT]`: a filter that tells what it was shown of a request, for tests: fields of the answer say what the client
// has sent and why weir refuses it, and the note "asked" for what it was called first.
//
//   X-Line      the request line; X-Whole: yes, or that the head is not complete
//   X-Fields    for each field line its name, "=" and its value, with "!" in front if it is dropped; joined by "|"
//   X-Known     method, target and host of request()
//   X-Refusal   the name of the failure
//   VERDICT     of on_request, for a request that is refused: respond, refuse, abort, and against the contract: silent (respond
//               without an answer), wait, reroute
#include <weir/module.h>
#include <weir/version.h>

#include <algorithm>
#include <string>
#include <utility>

namespace {

using namespace weir;

struct Witness final : FilterFactory, Filter {
  std::string verdict;

  Needs needs() const override { return {.request = true, .refused = true, .response = true}; }
  Filter& make(Arena&) const override { return const_cast<Witness&>(*this); }

  Verdict on_request(StreamView& stream) override {
    stream.note("asked", stream.refusal().empty() ? "request" : stream.refusal());
    return stream.refusal().empty() ? Verdict::Continue : say(stream);
  }
  Verdict on_response(StreamView& stream) override {
    const Received& received = stream.received();
    const RequestHead& head = stream.request();
    tell(stream, "X-Line", std::string(received.line));
    tell(stream, "X-Whole", received.is_complete ? "yes" : "no");
    std::string fields;
    for (const ReceivedField& field : received.fields) {
      fields.append(fields.empty() ? "" : "|").append(field.is_dropped ? "!" : "");
      fields.append(field.name).append("=").append(field.value);
    }
    tell(stream, "X-Fields", std::move(fields));
    std::string known(head.method_text);
    known.append(" ").append(head.target).append(" ").append(head.host);
    tell(stream, "X-Known", std::move(known));
    tell(stream, "X-Refusal", std::string(stream.refusal()));
    return Verdict::Continue;
  }

 private:
  // What may not stand in a field becomes "?".
  static void tell(StreamView& stream, std::string_view name, std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c == '\x7f'; }, '?');
    text.resize(std::min<std::size_t>(text.size(), 200));
    stream.response().headers.add(stream.arena(), name, stream.arena().copy(text));
  }
  Verdict say(StreamView& stream) const {
    if (verdict == "respond") {
      stream.respond(418, "seen\n");
      return Verdict::Respond;
    }
    if (verdict == "refuse") {
      stream.refuse(Refusal::Overloaded);
      return Verdict::Respond;
    }
    if (verdict == "wait") {
      stream.sleep(1);
      return Verdict::Suspend;
    }
    if (verdict == "abort") return Verdict::Abort;
    if (verdict == "silent") return Verdict::Respond;
    return verdict == "reroute" ? Verdict::Reroute : Verdict::Continue;
  }
};

Result<std::unique_ptr<FilterFactory>> build(const Statement& statement, const FilterContext&) {
  auto witness = std::make_unique<Witness>();
  if (!statement.values.empty()) witness->verdict = statement.values[0];
  return std::unique_ptr<FilterFactory>(std::move(witness));
}

constexpr FilterKind filters[] = {{"witness", "tells what it was shown of a request", build}};

}  // namespace

extern const weir::Module witness_module;
const weir::Module witness_module = {"witness", weir::module_abi, filters};
