// SPDX-License-Identifier: Apache-2.0
//
// What the master makes of turns, deaths and last words, and how a dying process leaves them.
#include "process/supervision.h"

#include "fakes/fake_kernel.h"
#include "process/crash.h"
#include "proxy/last_words.h"
#include "shm/child.h"
#include "shm/server_table.h"
#include "shm/worker_state.h"

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <functional>
#include <list>
#include <utility>

namespace weir::process {
namespace {

constexpr std::uint64_t look = Pulse::look_us;

shm::Segment make_segment() {
  auto segment = shm::Segment::create({.workers = 2});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

TEST(Pulse, CountsOnlyTheSameTurn) {
  Pulse pulse;
  for (int i = 0; i < 100; ++i) pulse.look(0, false, look);
  EXPECT_EQ(pulse.held_us(), 0U);
  for (std::uint64_t turn = 1; turn < 100; ++turn) pulse.look(turn, false, look);
  EXPECT_EQ(pulse.held_us(), 0U);
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(pulse.is_late());
    pulse.look(99, false, look);
  }
  EXPECT_TRUE(pulse.is_late());
  EXPECT_EQ(pulse.held_us(), 4 * look);
  pulse.look(100, false, look);
  EXPECT_FALSE(pulse.is_late());
}

TEST(Pulse, WhoIsStoppedDoesNotTurn) {
  Pulse pulse;
  for (int i = 0; i < 4; ++i) pulse.look(0, true, look);
  EXPECT_TRUE(pulse.is_late());
  pulse.look(0, false, look);
  EXPECT_FALSE(pulse.is_late());
}

TEST(Pulse, AMasterThatWasLateSeesNobodyStall) {
  Pulse pulse;
  pulse.look(7, false, look);
  pulse.look(7, false, 3600 * std::uint64_t{1'000'000});
  EXPECT_EQ(pulse.held_us(), 2 * look);
  EXPECT_FALSE(pulse.is_late());
}

TEST(BackOff, DoublesUpToTenSeconds) {
  EXPECT_EQ(back_off_us(0), 0U);
  EXPECT_EQ(back_off_us(1), 0U);
  EXPECT_EQ(back_off_us(2), 100'000U);
  EXPECT_EQ(back_off_us(3), 200'000U);
  EXPECT_EQ(back_off_us(8), 6'400'000U);
  EXPECT_EQ(back_off_us(9), 10'000'000U);
  EXPECT_EQ(back_off_us(UINT32_MAX), 10'000'000U);
}

// Dies in some way, with last words; how it died.
int status_of_dying(const shm::Segment& segment, const std::function<void()>& die) {
  shm::Child child([&] {
    rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    event::Loop loop;
    leave_last_words(loop, shm::BlackBox(segment, 1), proxy::write_last_words);
    loop.begin_call("something");
    die();
  });
  return child.wait();
}

TEST(LastWords, OfEachFatalSignal) {
  shm::Segment segment = make_segment();
  shm::BlackBox box(segment, 1);
  // SIGSEGV and its like have a handler of their own under a sanitizer, which comes after ours.
  for (int signal : {
         SIGILL, SIGABRT
#if !defined(__SANITIZE_ADDRESS__)
             ,
             SIGSEGV, SIGBUS, SIGFPE
#endif
       }) {
    int status = status_of_dying(segment, [signal] { raise(signal); });
    ASSERT_TRUE(WIFSIGNALED(status)) << signal;
    EXPECT_EQ(WTERMSIG(status), signal);
    ASSERT_EQ(box.reached(), shm::BlackBox::Part::Trace) << signal;
    EXPECT_EQ(box.read().signal, signal);
    EXPECT_STREQ(box.read().call, "something");
    EXPECT_FALSE(box.read().has_client);
    EXPECT_FALSE(tell_trace(box.read()).empty());
    box.clear();
  }
}

#if !defined(__SANITIZE_ADDRESS__)
// Deeper than any stack.
[[gnu::noinline]] int recurse(volatile char* from, std::uint64_t depth) {
  if (depth == 0) return 0;
  volatile char more[4096];
  more[0] = from ? from[0] : 'x';
  return recurse(more, depth - 1) + more[0];
}

TEST(LastWords, WithoutAnyStackLeft) {
  shm::Segment segment = make_segment();
  int status = status_of_dying(segment, [] { recurse(nullptr, UINT64_MAX); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  EXPECT_GE(shm::BlackBox(segment, 1).reached(), shm::BlackBox::Part::Client);
}

TEST(LastWords, ASecondFaultEndsItAndWhatWasSaidCounts) {
  shm::Segment segment = make_segment();
  shm::Child child([&] {
    rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    event::Loop loop;
    leave_last_words(loop, shm::BlackBox(segment, 1), proxy::write_last_words);
    // A session where there is none.
    event::About about(loop, reinterpret_cast<const event::Subject*>(64));
    abort();
  });
  int status = child.wait();
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  shm::LastWords words = shm::BlackBox(segment, 1).read();
  EXPECT_EQ(words.signal, SIGABRT);
  EXPECT_FALSE(words.has_client);
}
#endif

class Deaths : public ::testing::Test {
 protected:
  Deaths() {
    child_.index = 1;
    child_.pid = 1;
    child_.ready = true;
  }

  // It crashes in a request with that fingerprint; what is told of it.
  std::string crash(std::uint64_t fingerprint) {
    shm::BlackBox box(segment_, 1);
    shm::LastWords& words = box.words();
    words = {};
    words.has_client = words.has_request = true;
    words.fingerprint = fingerprint;
    words.turn_us = 12'345;
    words.line = 9;
    shm::set_text(words.call, "connection");
    shm::set_text(words.client, "192.0.2.1:4711");
    shm::set_text(words.listener, "web");
    shm::set_text(words.phase, "relay");
    shm::set_text(words.method, "GET");
    shm::set_text(words.host, "example");
    shm::set_text(words.path, "/x");
    shm::set_text(words.route, "api");
    shm::set_text(words.file, "weir.conf");
    box.reached(shm::BlackBox::Part::Request);
    return supervision_.tell_end(child_, SIGSEGV);
  }

  shm::Segment segment_ = make_segment();
  test::FakeKernel kernel_;
  Supervision supervision_{segment_, kernel_, 5'000'000};
  Child child_;
};

TEST_F(Deaths, AreToldWithAllThatIsKnown) {
  EXPECT_EQ(crash(0x123),
            "crashed (signal 11) in stream GET /x of listener web, route api (weir.conf:9), phase "
            "relay, host example, client 192.0.2.1:4711, fingerprint 0000000000000123, call "
            "connection, turn of 12 ms");
  EXPECT_EQ(supervision_.tell_end(child_, SIGKILL), "ended: signal 9");
  EXPECT_EQ(supervision_.tell_end(child_, 1 << 8), "ended: exit status 1");
  shm::BlackBox box(segment_, 1);
  box.words() = {};
  box.reached(shm::BlackBox::Part::Call);
  EXPECT_EQ(supervision_.tell_end(child_, SIGABRT),
            "crashed (signal 6) outside of any stream, turn of 0 ms");
}

TEST_F(Deaths, TwiceIsTooOften) {
  shm::Quarantine quarantine(segment_);
  crash(1);
  crash(2);
  EXPECT_EQ(quarantine.size(), 0U);
  crash(1);
  EXPECT_EQ(quarantine.size(), 1U);
  EXPECT_TRUE(quarantine.holds(1, kernel_.monotonic_us()));
  EXPECT_STREQ(quarantine.at(0).path, "/x");
}

TEST_F(Deaths, OfStoppedWorkersBlameNobody) {
  shm::Quarantine quarantine(segment_);
  child_.pid = test::FakeKernel::first_pid;
  for (int deaths = 0; deaths < 2; ++deaths) {
    supervision_.note_stop(child_, SIGSTOP);
    std::list<Child> children;
    children.push_back({});
    children.front().index = 1;
    children.front().ready = true;
    children.front().pid = child_.pid;
    std::uint64_t now = supervision_.next_us();
    for (int looks = 0; looks < 20; ++looks, now += look) supervision_.look(children, now);
    std::string told = crash(7);
    EXPECT_TRUE(told.starts_with("stalled for 5.0 s and ended: signal 11 in stream GET /x"))
        << told;
  }
  EXPECT_EQ(quarantine.size(), 0U);
}

TEST_F(Deaths, ALateWorkerIsNoticedAndComesBack) {
  std::list<Child> children;
  children.push_back({});
  children.front().index = 1;
  children.front().ready = true;
  children.front().pid = getpid();
  shm::WorkerState state(segment_, 1);
  state.turn() = 5;
  std::uint64_t now = supervision_.next_us();
  int changes = 0;
  for (int looks = 0; looks < 5; ++looks, now += look) changes += supervision_.look(children, now);
  EXPECT_EQ(changes, 1);
  EXPECT_TRUE(supervision_.is_late(children.front()));
  EXPECT_FALSE(supervision_.look(children, now));
  EXPECT_FALSE(supervision_.look(children, now)) << "too early";
  state.turn() = 6;
  EXPECT_TRUE(supervision_.look(children, now + look));
  EXPECT_FALSE(supervision_.is_late(children.front()));
}

TEST_F(Deaths, WhoeverSleepsIsLookedAtLessOften) {
  std::list<Child> children;
  children.push_back({});
  children.front().index = 1;
  children.front().pid = getpid();
  shm::WorkerState state(segment_, 1);
  std::uint64_t now = supervision_.next_us();
  supervision_.look(children, now);
  EXPECT_EQ(supervision_.next_us(), now + Pulse::rest_us);
  state.turn() = 5;
  now = supervision_.next_us();
  supervision_.look(children, now);
  EXPECT_EQ(supervision_.next_us(), now + look);
}

TEST_F(Deaths, AStopIsLookedAtSoon) {
  std::list<Child> children;
  children.push_back({});
  children.front().index = 1;
  children.front().pid = getpid();
  // Later than any clock says in this test, so that only the looks count.
  const std::uint64_t now = supervision_.next_us() + 3600 * std::uint64_t{1'000'000};
  supervision_.look(children, now);
  EXPECT_EQ(supervision_.next_us(), now + Pulse::rest_us);
  supervision_.note_stop(children.front(), SIGSTOP);
  EXPECT_EQ(supervision_.next_us(), now + look);
}

// ---- Who does not turn -------------------------------------------------------------------------

struct Stalled : Deaths {
  Stalled() {
    Child& child = children.emplace_back();
    child.index = 1;
    child.ready = true;
    child.pid = pid;
    shm::WorkerState(segment_, 1).turn() = 5;
  }
  /// Looks for so long.
  void look_for(std::uint64_t us) {
    for (const std::uint64_t until = now + us; now < until; now += look)
      supervision_.look(children, now);
  }

  static constexpr pid_t pid = test::FakeKernel::first_pid;
  std::list<Child> children;
  std::uint64_t now = supervision_.next_us();
};

TEST_F(Stalled, IsAskedForItsLastWordsAndThenKilled) {
  look_for(5'000'000);
  EXPECT_TRUE(kernel_.kills.empty());
  look_for(look);
  using Kill = std::pair<pid_t, int>;
  EXPECT_EQ(kernel_.kills, (std::vector{Kill(pid, SIGABRT), Kill(pid, SIGCONT)}));
  look_for(700'000);
  EXPECT_EQ(kernel_.kills.size(), 2U);
  look_for(60'000'000);
  ASSERT_EQ(kernel_.kills.size(), 3U) << "once";
  EXPECT_EQ(kernel_.kills[2], Kill(pid, SIGKILL));
  EXPECT_EQ(supervision_.tell_end(children.front(), SIGKILL),
            "stalled for 5.0 s and ended: signal 9");
}

// It may have a tracer that keeps the signal from it.
TEST_F(Stalled, IsKilledEvenIfItTurnsMeanwhile) {
  look_for(5'000'000 + look);
  shm::WorkerState(segment_, 1).turn() = 6;
  look_for(1'500'000);
  EXPECT_TRUE(kernel_.was_killed(pid, SIGKILL));
}

TEST_F(Stalled, IsLeftAloneWithoutALimit) {
  supervision_.set_limit(0);
  look_for(3600 * std::uint64_t{1'000'000});
  EXPECT_TRUE(supervision_.is_late(children.front()));
  EXPECT_TRUE(kernel_.kills.empty());
}

TEST_F(Stalled, ItsSuccessorBeginsAnew) {
  look_for(5'000'000 + look);
  (void)supervision_.tell_end(children.front(), SIGABRT);
  EXPECT_FALSE(supervision_.is_late(children.front()));
  kernel_.kills.clear();
  look_for(4'000'000);
  EXPECT_TRUE(kernel_.kills.empty());
}

struct NotWatched {
  const char* name;
  void (*make)(Child&);
};
struct NobodyElse : Stalled, testing::WithParamInterface<NotWatched> {};
INSTANTIATE_TEST_SUITE_P(
    Children, NobodyElse,
    testing::Values(NotWatched{"Control", [](Child& child) { child.role = Role::Control; }},
                    NotWatched{"Writer", [](Child& child) { child.role = Role::Writer; }},
                    NotWatched{"OfOtherMemory", [](Child& child) { child.stranger = true; }},
                    NotWatched{"NotRunning", [](Child& child) { child.pid = 0; }}),
    [](const auto& each) { return each.param.name; });

TEST_P(NobodyElse, IsWatched) {
  GetParam().make(children.front());
  supervision_.note_stop(children.front(), SIGSTOP);
  look_for(60'000'000);
  EXPECT_TRUE(kernel_.kills.empty());
  EXPECT_FALSE(supervision_.is_late(children.front()));
}

TEST_F(Deaths, OfControlTellItsErrand) {
  child_.role = Role::Control;
  auto box = shm::BlackBox::of_control(segment_);
  EXPECT_EQ(supervision_.tell_end(child_, SIGKILL), "ended: signal 9");
  box.words() = {};
  shm::set_text(box.words().call, "admin session");
  box.reached(shm::BlackBox::Part::Call);
  EXPECT_EQ(supervision_.tell_end(child_, SIGSEGV),
            "crashed (signal 11) outside of any command or check, call admin session");
  box.words() = {};
  shm::set_text(box.words().errand, "the command show servers");
  box.reached(shm::BlackBox::Part::Request);
  EXPECT_TRUE(supervision_.tell_end(child_, SIGSEGV)
                  .starts_with("crashed (signal 11) in the command show servers"));
  EXPECT_EQ(supervision_.tell_end(child_, 0), "ended: exit status 0") << "told once";
}

TEST(Tell, TheTraceBeginsWhereTheSignalCame) {
  shm::LastWords words;
  EXPECT_EQ(tell_trace(words), "");
  words.frames = 5;
  words.trace[0] = 0x10;
  words.trace[2] = 0xabc;
  words.trace[4] = 0xdef;
  EXPECT_EQ(tell_trace(words), "0xabc 0xdef");
}

}  // namespace
}  // namespace weir::process
