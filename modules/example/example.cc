// SPDX-License-Identifier: Apache-2.0
//
// A module with one filter of each kind, to copy from:
//
//   example_count                  Observe: counts the bytes of both bodies, for the log
//   example_upper                  Transform: makes the letters of answers upper case
//   example_sum LIMIT              Whole: adds X-Body-Sum to requests before a server sees them
//   example_ask BACKEND PATH       Suspend: asks a backend whether a request may pass
//
// and one with a life of its own beside streams:
//
//   example_switch BACKEND PATH INTERVAL_MS    asks a backend every now and then, and tells servers its answer in X-Switch
//
// weir-modules(7) tells what each callback may do.
#include <weir/module.h>
#include <weir/version.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

namespace {

using namespace weir;

std::string_view text_of(std::uint64_t number, Arena& arena) {
  std::array<char, 20> digits;
  const char* const end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  return arena.copy({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

// ---- Observe: a filter with a state of its own, in the stream's arena ---------------------------

class Count final : public Filter {
 public:
  Verdict on_request_body(StreamView&, BodyPiece& piece) override {
    in_ += piece.bytes().size();
    return Verdict::Continue;
  }
  Verdict on_response_body(StreamView&, BodyPiece& piece) override {
    out_ += piece.bytes().size();
    return Verdict::Continue;
  }
  // Of a request that goes on without this filter, the log tells without it.
  void on_finish(StreamView& stream, const Outcome& outcome) override {
    if (outcome.is_rerouted) return;
    stream.note("body_in", text_of(in_, stream.arena()));
    stream.note("body_out", text_of(out_, stream.arena()));
  }

 private:
  std::uint64_t in_ = 0, out_ = 0;
};

struct CountFactory final : FilterFactory {
  Needs needs() const override {
    Needs needs;
    needs.request_body = needs.response_body = Body::Observe;
    needs.finish = true;
    return needs;
  }
  Filter& make(Arena& arena) const override { return make_filter<Count>(arena); }
  void explain(StreamView&, Explanation& explanation) const override {
    explanation.say("counts the bytes of both bodies for the log");
  }
};

Result<std::unique_ptr<FilterFactory>> build_count(const Statement& statement,
                                                   const FilterContext&) {
  if (!statement.values.empty()) return Error(Errc::Invalid, "example_count takes no words");
  return std::unique_ptr<FilterFactory>(std::make_unique<CountFactory>());
}

// ---- Transform: one without state, which all streams share --------------------------------------

class Upper final : public Filter, public FilterFactory {
 public:
  Needs needs() const override {
    Needs needs;
    needs.response = true;
    needs.response_body = Body::Transform;
    return needs;
  }
  Filter& make(Arena&) const override { return const_cast<Upper&>(*this); }

  // Only what is text; and its length does not change.
  Verdict on_response(StreamView& stream) override {
    const ResponseHead& head = stream.response();
    if (!head.headers.get(FieldName::ContentType).starts_with("text/")) {
      stream.skip_body();
    } else if (head.framing.end == BodyEnd::Length) {
      stream.set_length(head.framing.length);
    }
    return Verdict::Continue;
  }
  Verdict on_response_body(StreamView&, BodyPiece& piece) override {
    std::array<char, 4096> upper;
    for (std::span<const char> rest = piece.bytes(); !rest.empty();) {
      const std::span<const char> part = rest.first(std::min(rest.size(), upper.size()));
      std::transform(part.begin(), part.end(), upper.begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
      piece.write(std::span(upper).first(part.size()));
      rest = rest.subspan(part.size());
    }
    return Verdict::Continue;
  }
  void explain(StreamView&, Explanation& explanation) const override {
    explanation.say("makes the letters of the answer upper case if it is text");
  }
};

Result<std::unique_ptr<FilterFactory>> build_upper(const Statement& statement,
                                                   const FilterContext&) {
  if (!statement.values.empty()) return Error(Errc::Invalid, "example_upper takes no words");
  return std::unique_ptr<FilterFactory>(std::make_unique<Upper>());
}

// ---- Whole -------------------------------------------------------------------------------------

class Sum final : public Filter, public FilterFactory {
 public:
  explicit Sum(std::uint64_t limit) : limit_(limit) {}
  Needs needs() const override {
    Needs needs;
    needs.request_body = Body::Whole;
    needs.whole_limit = limit_;
    return needs;
  }
  Filter& make(Arena&) const override { return const_cast<Sum&>(*this); }

  // Called once, before a server is chosen: the head may still be changed.
  Verdict on_request_body(StreamView& stream, BodyPiece& piece) override {
    std::uint64_t sum = 0;
    for (const std::span<const char> span : piece.spans())
      for (const char byte : span) sum += static_cast<unsigned char>(byte);
    stream.request().headers.set(stream.arena(), "X-Body-Sum", text_of(sum, stream.arena()));
    return Verdict::Continue;
  }
  void explain(StreamView& stream, Explanation& explanation) const override {
    if (stream.request().framing.end == BodyEnd::None)
      return explanation.say("the request has no body to sum up");
    explanation.say("sets X-Body-Sum when it has the body, of at most " + std::to_string(limit_) +
                    " bytes");
  }

 private:
  std::uint64_t limit_;
};

Result<std::unique_ptr<FilterFactory>> build_sum(const Statement& statement, const FilterContext&) {
  std::uint64_t limit = 0;
  if (statement.values.size() == 1) {
    const std::string& text = statement.values[0];
    std::from_chars(text.data(), text.data() + text.size(), limit);
  }
  if (limit == 0) return Error(Errc::Invalid, "example_sum wants: LIMIT, a number of bytes");
  return std::unique_ptr<FilterFactory>(std::make_unique<Sum>(limit));
}

// ---- Suspend -----------------------------------------------------------------------------------

class Ask final : public Filter, public FilterFactory {
 public:
  Ask(std::uint32_t backend, std::string name, std::string path)
      : backend_(backend), name_(std::move(name)), path_(std::move(path)) {}
  Needs needs() const override {
    Needs needs;
    needs.request = true;
    return needs;
  }
  Filter& make(Arena&) const override { return const_cast<Ask&>(*this); }

  Verdict on_request(StreamView& stream) override {
    Subrequest question;
    question.backend = backend_;
    question.path = path_;
    question.fields = stream.request().headers.fields();
    stream.ask(question);
    return Verdict::Suspend;
  }
  Verdict on_wake(StreamView& stream, const Wake& wake) override {
    const SubAnswer& answer = wake.answers[0];
    if (answer.status / 100 == 2) return Verdict::Continue;
    stream.note("asked", answer.status == 0 ? answer.failure : "refused");
    stream.respond(answer.status == 0 ? 503 : 403, "refused\n");
    return Verdict::Respond;
  }
  // Not what the answer would be: nobody is asked.
  void explain(StreamView&, Explanation& explanation) const override {
    explanation.say("would ask " + name_ + " " + path_);
  }

 private:
  std::uint32_t backend_;
  std::string name_, path_;
};

Result<std::unique_ptr<FilterFactory>> build_ask(const Statement& statement,
                                                 const FilterContext& context) {
  if (statement.values.size() != 2) return Error(Errc::Invalid, "example_ask wants: BACKEND PATH");
  const auto backend = context.backend(statement.values[0]);
  if (!backend) return Error(Errc::NotFound, "there is no backend \"" + statement.values[0] + "\"");
  return std::unique_ptr<FilterFactory>(
      std::make_unique<Ask>(*backend, statement.values[0], statement.values[1]));
}

// ---- A service: what one factory learns for all its streams -------------------------------------

class Switch final : public Filter, public FilterFactory, public FilterService {
 public:
  Switch(std::uint32_t backend, std::string path, std::uint32_t interval_ms)
      : backend_(backend), path_(std::move(path)), interval_ms_(interval_ms) {}
  Needs needs() const override {
    Needs needs;
    needs.request = true;
    return needs;
  }
  Filter& make(Arena&) const override { return const_cast<Switch&>(*this); }
  FilterService* service() const override { return const_cast<Switch*>(this); }

  void start(FilterWorker& worker) override {
    worker.log(Level::Info, "asks " + path_);
    ask(worker);
  }
  void on_timer(FilterWorker& worker) override { ask(worker); }
  // The next question a while after the answer, whatever that was: a backend that is down is not asked faster.
  void on_answer(FilterWorker& worker, const SubAnswer& answer) override {
    std::string state(answer.failure);
    if (answer.status != 0) state = std::to_string(answer.status);
    if (state != state_) worker.log(Level::Notice, "now " + state);
    state_ = std::move(state);
    worker.wake_in(interval_ms_);
  }
  void retire(FilterWorker& worker) override {
    worker.log(Level::Info, "asks " + path_ + " no more");
  }

  Verdict on_request(StreamView& stream) override {
    // A copy: another answer may come while the request is on its way.
    stream.request().headers.set(stream.arena(), "X-Switch", stream.arena().copy(state_));
    return Verdict::Continue;
  }

 private:
  void ask(FilterWorker& worker) {
    Subrequest question;
    question.backend = backend_;
    question.path = path_;
    if (!worker.ask(question)) worker.wake_in(interval_ms_);
  }

  std::uint32_t backend_;
  std::string path_;
  std::uint32_t interval_ms_;
  std::string state_ = "unknown";
};

Result<std::unique_ptr<FilterFactory>> build_switch(const Statement& statement,
                                                    const FilterContext& context) {
  std::uint32_t interval_ms = 0;
  if (statement.values.size() == 3) {
    const std::string& text = statement.values[2];
    const char* const end = text.data() + text.size();
    if (std::from_chars(text.data(), end, interval_ms).ptr != end) interval_ms = 0;
  }
  if (interval_ms == 0)
    return Error(Errc::Invalid, "example_switch wants: BACKEND PATH INTERVAL_MS");
  const auto backend = context.backend(statement.values[0]);
  if (!backend) return Error(Errc::NotFound, "there is no backend \"" + statement.values[0] + "\"");
  return std::unique_ptr<FilterFactory>(
      std::make_unique<Switch>(*backend, statement.values[1], interval_ms));
}

constexpr FilterKind filters[] = {
    {"example_count", "counts the bytes of bodies for the log", build_count},
    {"example_upper", "makes the letters of answers upper case", build_upper},
    {"example_sum", "adds X-Body-Sum to requests", build_sum},
    {"example_ask", "asks a backend whether a request may pass", build_ask},
    {"example_switch", "tells servers in X-Switch what a backend said last", build_switch},
};

}  // namespace

extern const weir::Module example_module;
const weir::Module example_module = {"example", weir::module_abi, filters};
