// SPDX-License-Identifier: Apache-2.0
//
// `trial CALLBACK VERDICT [WAIT [THEN]]`: a filter that says any verdict from any callback, for tests of what comes of it.
//
//   CALLBACK   request, request_body, request_whole, request_change, request_end, and the same with response_
//   VERDICT    continue, respond, refuse, reroute, suspend, abort; and against the contract: silent (respond without an answer),
//              hang (suspend for nothing), twice (two wakes), fire (fires all signals, and continues)
//   WAIT       timer, signal, never (a signal that nobody fires)
//   THEN       the verdict of on_wake
//
// How its stream has ended is noted as "finished"; to be called after that ends the process.
#include <weir/log.h>
#include <weir/module.h>
#include <weir/version.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace {

using namespace weir;

constexpr std::array<std::string_view, 10> callbacks = {
    "request",  "request_body",  "request_whole",  "request_change",  "request_end",
    "response", "response_body", "response_whole", "response_change", "response_end"};

// Those that wait for `fire`; of this worker.
std::vector<Waker>& wakers() {
  static std::vector<Waker> all;
  return all;
}

struct Trial final : FilterFactory {
  std::string callback, verdict, wait, then;

  bool is(std::string_view name) const { return callback == name; }
  Needs needs() const override {
    Needs needs;
    needs.request = is("request");
    needs.response = is("response");
    needs.trailers = is("request_end") || is("response_end");
    needs.finish = true;
    needs.request_body = kind("request_");
    needs.response_body = kind("response_");
    needs.whole_limit = 100'000;
    return needs;
  }
  Body kind(std::string prefix) const {
    if (is(prefix + "body")) return Body::Observe;
    if (is(prefix + "change")) return Body::Transform;
    return is(prefix + "whole") ? Body::Whole : Body::None;
  }
  Filter& make(Arena& arena) const override;
  // It does what it would do, on a view that does nothing of it.
  void explain(StreamView& stream, Explanation& explanation) const override {
    const Verdict then_said = say(stream, verdict, false);
    if (then_said == Verdict::Respond && verdict != "silent")
      explanation.answer(verdict == "refuse" ? 503 : 418, "trial");
    else
      explanation.say(verdict);
  }

  Verdict say(StreamView& stream, std::string_view what, bool may_wait) const {
    if (what == "respond") {
      stream.respond(418, "trial\n");
      return Verdict::Respond;
    }
    if (what == "refuse") {
      stream.refuse(Refusal::Overloaded);
      return Verdict::Respond;
    }
    if (what == "reroute") {
      stream.request().forward_path = "/rerouted";
      return Verdict::Reroute;
    }
    if (what == "fire") {
      for (const Waker& waker : std::exchange(wakers(), {})) {
        waker.fire();
        waker.fire();
      }
      return Verdict::Continue;
    }
    if (what == "suspend" && may_wait) {
      if (wait == "timer") stream.sleep(20);
      if (wait == "never") {
        (void)stream.signal();
        log(Level::Notice, "trial waits");
      }
      if (wait == "signal") wakers().push_back(stream.signal());
      return Verdict::Suspend;
    }
    if (what == "twice") {
      stream.sleep(1);
      (void)stream.signal();
      return Verdict::Suspend;
    }
    if (what == "abort") return Verdict::Abort;
    if (what == "silent") return Verdict::Respond;
    if (what == "hang") return Verdict::Suspend;
    return Verdict::Continue;
  }
  Verdict said(StreamView& stream) const { return say(stream, verdict, true); }
  Verdict piece(StreamView& stream, BodyPiece& piece) const {
    if (callback.ends_with("change")) {
      piece.write(piece.bytes());
      if (!piece.is_last()) return Verdict::Continue;
      piece.write(std::span<const char>("!", 1));
    }
    return said(stream);
  }
};

class TrialFilter final : public Filter {
 public:
  explicit TrialFilter(const Trial& trial) : trial_(trial) {}

  Verdict on_request(StreamView& stream) override { return said(stream); }
  Verdict on_request_body(StreamView& stream, BodyPiece& its) override {
    return piece(stream, its);
  }
  Verdict on_request_end(StreamView& stream, Headers&) override {
    return trial_.is("request_end") ? said(stream) : Verdict::Continue;
  }
  Verdict on_response(StreamView& stream) override { return said(stream); }
  Verdict on_response_body(StreamView& stream, BodyPiece& its) override {
    return piece(stream, its);
  }
  Verdict on_response_end(StreamView& stream, Headers&) override {
    return trial_.is("response_end") ? said(stream) : Verdict::Continue;
  }
  Verdict on_wake(StreamView& stream, const Wake&) override {
    must_live();
    return trial_.say(stream, trial_.then, false);
  }
  void on_finish(StreamView& stream, const Outcome& outcome) override {
    must_live();
    is_finished_ = true;
    stream.note("finished", outcome.is_rerouted       ? "rerouted"
                            : outcome.failure.empty() ? "well"
                                                      : outcome.failure);
  }

 private:
  void must_live() const {
    if (is_finished_) std::abort();
  }
  Verdict said(StreamView& stream) const {
    must_live();
    return trial_.said(stream);
  }
  Verdict piece(StreamView& stream, BodyPiece& its) const {
    must_live();
    return trial_.piece(stream, its);
  }

  const Trial& trial_;
  bool is_finished_ = false;
};

Filter& Trial::make(Arena& arena) const { return make_filter<TrialFilter>(arena, *this); }

Result<std::unique_ptr<FilterFactory>> build(const Statement& statement, const FilterContext&) {
  auto words = statement.values;
  words.resize(4);
  auto trial = std::make_unique<Trial>();
  trial->callback = words[0];
  trial->verdict = words[1];
  trial->wait = words[2];
  trial->then = words[3];
  if (std::find(callbacks.begin(), callbacks.end(), words[0]) == callbacks.end())
    return Error(Errc::Invalid, "trial has no callback \"" + words[0] + "\"");
  return std::unique_ptr<FilterFactory>(std::move(trial));
}

constexpr FilterKind filters[] = {{"trial", "says any verdict from any callback", build}};

}  // namespace

extern const weir::Module trial_module;
const weir::Module trial_module = {"trial", weir::module_abi, filters};
