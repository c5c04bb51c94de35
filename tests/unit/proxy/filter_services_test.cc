// SPDX-License-Identifier: Apache-2.0
//
// Services of factories: when they begin and end, whoever lets go of a factory; their timer; and subrequests without a stream,
// to a backend whose server is a scripted origin in the same loop.
#include "proxy/filter_services.h"

#include "base/logger.h"
#include "proxy/heart.h"

#include <gmock/gmock.h>

#include <array>
#include <thread>

namespace weir::proxy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// What a service was told, and what it does then.
struct Story {
  std::vector<std::string> calls;
  std::function<void(FilterWorker&)> start, timer, retire;
  std::function<void(FilterWorker&, const SubAnswer&)> answer;
  FilterWorker* worker = nullptr;
  bool is_calling = false;
  bool is_destroyed = false;

  template <typename Function, typename... Arguments>
  void tell(std::string what, const Function& then, Arguments&&... arguments) {
    EXPECT_FALSE(is_calling) << what << " from inside another callback";
    EXPECT_FALSE(is_destroyed) << what << " after the end";
    is_calling = true;
    calls.push_back(std::move(what));
    if (then) then(std::forward<Arguments>(arguments)...);
    is_calling = false;
  }
};

/// Has a service, and filters that hold every request until they are fired.
class Telling final : public FilterFactory, public Filter, public FilterService {
 public:
  explicit Telling(Story& story) : story_(story) {}
  ~Telling() override { story_.is_destroyed = true; }

  Needs needs() const override { return {.request = true}; }
  Filter& make(Arena&) const override { return const_cast<Telling&>(*this); }
  FilterService* service() const override { return const_cast<Telling*>(this); }

  void start(FilterWorker& worker) override {
    story_.worker = &worker;
    story_.tell("start", story_.start, worker);
  }
  void on_timer(FilterWorker& worker) override { story_.tell("timer", story_.timer, worker); }
  void on_answer(FilterWorker& worker, const SubAnswer& answer) override {
    const std::string said = answer.status == 0
                                 ? std::string(answer.failure)
                                 : std::to_string(answer.status) + " " + std::string(answer.body);
    story_.tell(std::to_string(answer.tag) + ": " + said, story_.answer, worker, answer);
  }
  void retire(FilterWorker& worker) override { story_.tell("retire", story_.retire, worker); }

  Verdict on_request(StreamView& stream) override {
    wakers.push_back(stream.signal());
    return Verdict::Suspend;
  }
  std::vector<Waker> wakers;

 private:
  Story& story_;
};

const std::string fine = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

struct FilterServicesTest : Heart {
  ~FilterServicesTest() override { context.services.end(); }

  std::vector<ServiceEntry> entries(std::string place = "weir.conf:1") {
    return {{used.use, "telling", std::move(place)}};
  }
  void begin() { context.services.adopt(entries()); }
  /// A generation without it, and nobody else refers to it.
  void leave() {
    context.services.adopt({});
    used = {};
  }
  void pass(std::uint64_t us) {
    clock.advance(us);
    turn(3);
  }
  static Subrequest question(std::uint32_t tag = 0) {
    Subrequest asked;
    asked.path = "/state?full";
    asked.tag = tag;
    return asked;
  }
  void ask(std::uint32_t tag = 0) { EXPECT_TRUE(story.worker->ask(question(tag))); }
  void until_calls(std::size_t count) {
    until([this, count] { return story.calls.size() >= count; });
  }

  static constexpr std::uint64_t a_while = 200'000;
  Story story;
  UsedFactory used = UsedFactory::of(std::make_shared<Telling>(story));
};

TEST_F(FilterServicesTest, BeginOnceAndEndOnce) {
  begin();
  EXPECT_THAT(story.calls, ElementsAre("start"));
  begin();
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start"));
  leave();
  EXPECT_THAT(story.calls, ElementsAre("start")) << "not from inside of anything";
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start", "retire"));
  EXPECT_TRUE(story.is_destroyed);
  EXPECT_EQ(context.services.size(), 0U);
}

TEST_F(FilterServicesTest, EndNotBeforeTheLastReference) {
  begin();
  context.services.adopt({});
  pass(a_while);
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start"));
  used.use = nullptr;  // the factory holds it too
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start"));
  used.factory = nullptr;
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start", "retire"));
}

TEST_F(FilterServicesTest, EndOnTheLoopWhoeverLetsGoOfThem) {
  begin();
  context.services.adopt({});
  std::thread([this] { used = {}; }).join();
  EXPECT_FALSE(story.is_destroyed);
  EXPECT_THAT(story.calls, ElementsAre("start"));
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start", "retire"));
  EXPECT_TRUE(story.is_destroyed);
}

TEST_F(FilterServicesTest, AreNotStartedByAGenerationThatDoesNotHold) {
  std::thread([this] { used = {}; }).join();
  EXPECT_TRUE(story.is_destroyed);
  EXPECT_THAT(story.calls, IsEmpty());
}

TEST_F(FilterServicesTest, GoOnWhenTheyComeBackInTime) {
  begin();
  context.services.adopt({});
  pass(a_while);
  begin();
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start"));
  leave();
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start", "retire"));
}

TEST_F(FilterServicesTest, AreKeptByAStream) {
  begin();
  auto& filter = static_cast<Telling&>(const_cast<FilterFactory&>(*used.factory));
  policy().filters =
      FilterChain({{used.factory, used.factory->needs(), "telling", "weir.conf:1", 1, used.use}});
  origin.answer({{fine}});
  auto& one = client();
  one.ask();
  until([&] { return !filter.wakers.empty(); });
  context.snapshot = snapshot(2);
  context.services.adopt(context.snapshot->services);
  listener->adopt(context.snapshot->listeners[0]);
  used = {};
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start"));
  filter.wakers[0].fire();
  until([&] { return one.is_over(); });
  one.its().log();
  EXPECT_EQ(one.status, 200);
  clients.clear();
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start", "retire"));
}

TEST_F(FilterServicesTest, EndWithTheWorkerThoughTheyAreInUse) {
  begin();
  context.services.end();
  EXPECT_THAT(story.calls, ElementsAre("start", "retire"));
  EXPECT_EQ(context.services.size(), 0U);
  pass(a_while);
  used = {};
  EXPECT_TRUE(story.is_destroyed);
}

TEST_F(FilterServicesTest, HaveOneTimer) {
  begin();
  story.worker->wake_in(100);
  story.worker->wake_in(500);
  EXPECT_EQ(story.worker->now(), clock.monotonic_us());
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start"));
  pass(2 * a_while);
  EXPECT_THAT(story.calls, ElementsAre("start", "timer"));
  pass(5 * a_while);
  EXPECT_THAT(story.calls, ElementsAre("start", "timer"));
  story.timer = [](FilterWorker& worker) { worker.wake_in(20); };
  story.worker->wake_in(0);
  pass(20'000);
  pass(40'000);
  EXPECT_THAT(story.calls, ElementsAre("start", "timer", "timer", "timer"));
}

TEST_F(FilterServicesTest, AskABackend) {
  origin.answer({{"HTTP/1.1 201 Created\r\nX-State: on\r\nContent-Length: 5\r\n\r\nhe", "llo"}});
  story.answer = [](FilterWorker&, const SubAnswer& answer) {
    const Field* const state = answer.fields->find("x-state");
    ASSERT_NE(state, nullptr);
    EXPECT_EQ(state->value, "on");
    EXPECT_FALSE(answer.is_cut);
  };
  begin();
  ask(7);
  EXPECT_TRUE(origin.requests().empty());
  until_calls(2);
  EXPECT_THAT(story.calls, ElementsAre("start", "7: 201 hello"));
  EXPECT_THAT(origin.requests()[0], HasSubstr("GET /state?full HTTP/1.1\r\n"));
  EXPECT_EQ(in_flight(), 0U);
  EXPECT_EQ(journal.connects, 1);
}

// As in a generation that is taken over before the servers of its backends are known.
TEST_F(FilterServicesTest, MayAskWhileTheyStart) {
  origin.answer({{fine}});
  serve(0, shm::Use::Down);
  story.start = [](FilterWorker& worker) { EXPECT_TRUE(worker.ask(question())); };
  begin();
  serve();
  until_calls(2);
  EXPECT_THAT(story.calls, ElementsAre("start", "0: 200 hello"));
}

TEST_F(FilterServicesTest, AskEightAtATime) {
  origin.answer({{fine}});
  begin();
  for (std::uint32_t tag = 1; tag <= 8; ++tag) ask(tag);
  EXPECT_FALSE(story.worker->ask(question(9)));
  bool has_asked = false;
  story.answer = [&has_asked](FilterWorker& worker, const SubAnswer&) {
    if (!std::exchange(has_asked, true)) {
      EXPECT_TRUE(worker.ask(question(10)));
    }
  };
  until_calls(10);
  turn(10);
  EXPECT_THAT(story.calls, SizeIs(10));
  EXPECT_EQ(story.calls.back(), "10: 200 hello");
  EXPECT_EQ(in_flight(), 0U);
}

TEST_F(FilterServicesTest, HearThatNobodyIsThere) {
  begin();
  serve(0, shm::Use::Down);
  ask(3);
  Subrequest nowhere = question(4);
  nowhere.backend = 99;
  EXPECT_TRUE(story.worker->ask(nowhere));
  EXPECT_THAT(story.calls, ElementsAre("start")) << "not from inside of ask";
  until_calls(3);
  EXPECT_THAT(story.calls, ElementsAre("start", "3: no_server", "4: no_server"));
}

TEST_F(FilterServicesTest, HearThatNobodyListens) {
  begin();
  origin.close();
  ask();
  until_calls(2);
  EXPECT_THAT(story.calls, ElementsAre("start", "0: connect_refused"));
  EXPECT_EQ(in_flight(), 0U);
}

TEST_F(FilterServicesTest, WaitForAnAnswerUntilTheirTimeIsUp) {
  begin();
  for (const std::uint32_t timeout_ms : {300U, 0U}) {
    Subrequest asked = question();
    asked.timeout_ms = timeout_ms;
    story.calls.clear();
    EXPECT_TRUE(story.worker->ask(asked));
    until([this] { return in_flight() == 1; });
    EXPECT_THAT(story.calls, IsEmpty());
    pass(timeout_ms * 1000ULL + 20'000);
    EXPECT_THAT(story.calls, ElementsAre("0: first_byte_timeout"));
    EXPECT_EQ(in_flight(), 0U);
  }
}

TEST_F(FilterServicesTest, WaitForABusyServer) {
  origin.answer({{fine}});
  serve(1);
  begin();
  ask(1);
  ask(2);
  until([this] { return in_flight() == 1; });
  until_calls(3);
  EXPECT_THAT(story.calls, ElementsAre("start", "1: 200 hello", "2: 200 hello"));
}

TEST_F(FilterServicesTest, TakeTheirQuestionsAlong) {
  serve(2);
  begin();
  for (std::uint32_t tag = 0; tag < 3; ++tag) ask(tag);
  until([this] { return in_flight() == 2; });
  story.worker->wake_in(10);
  story.retire = [this](FilterWorker& worker) {
    EXPECT_EQ(in_flight(), 0U);
    EXPECT_FALSE(worker.ask(question()));
    worker.wake_in(1);
  };
  story.timer = [this](FilterWorker&) { leave(); };
  pass(20'000);
  pass(a_while);
  EXPECT_THAT(story.calls, ElementsAre("start", "timer", "retire"));
  pass(10 * a_while);
  EXPECT_THAT(story.calls, SizeIs(3));
}

// One whose answer has come, but was not told yet.
TEST_F(FilterServicesTest, AreNotToldOfAnswersAfterTheEnd) {
  begin();
  serve(0, shm::Use::Down);
  ask();
  context.services.end();
  turn(5);
  EXPECT_THAT(story.calls, ElementsAre("start", "retire"));
}

std::vector<std::string> logged;

TEST_F(FilterServicesTest, SayInTheLogWhoTheyAre) {
  logged.clear();
  set_logger("weir", Level::Info, [](std::string_view line) { logged.emplace_back(line); });
  begin();
  story.worker->log(Level::Warn, "out of keys");
  context.services.adopt(entries("weir.conf:7:3"));
  story.worker->log(Level::Warn, "again");
  set_logger("weir", Level::Info, nullptr);
  EXPECT_THAT(logged, ElementsAre(HasSubstr("filter telling (weir.conf:1): out of keys"),
                                  HasSubstr("filter telling (weir.conf:7:3): again")));
}

TEST(UsedFactory, CostsOthersNothing) {
  const UsedFactory used = UsedFactory::of(std::make_shared<ScriptedFilter>());
  EXPECT_EQ(used.use, nullptr);
  EXPECT_EQ(used.factory.use_count(), 1);
}

}  // namespace
}  // namespace weir::proxy
