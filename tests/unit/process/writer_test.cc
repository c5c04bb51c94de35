// SPDX-License-Identifier: Apache-2.0
//
// What the writer says is on the disk is there, also when the master dies meanwhile.
#include "process/writer.h"

#include "base/text.h"
#include "process/log_port.h"
#include "process/setup.h"
#include "process/state_files.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace weir::process {
namespace {

using shm::LogRing;
using shm::RingOf;

void wait_until(const std::function<bool()>& holds) {
  while (!holds()) ::poll(nullptr, 0, 1);
}

Fd memory_file(const char* name) { return Fd(::memfd_create(name, MFD_CLOEXEC)); }

// A writer in a process of its own; the test is its master, control and a worker that lives on.
class WriterProcess : public ::testing::Test {
 protected:
  WriterProcess()
      : segment_(*shm::Segment::create({.workers = 1})), ring_(segment_, RingOf::control) {
    auto pair = net::Channel::make_pair();
    master_ = std::move(pair->first);
    pid_ = ::fork();
    if (pid_ == 0) {
      master_.close();
      ::_exit(run_writer(net::Channel(std::move(pair->second))));
    }
    pair->second.reset();
    EXPECT_TRUE(send_setup(master_, all()));
    EXPECT_EQ(receive().type, net::MessageType::Ready);
    segment_.show_use();
  }
  ~WriterProcess() override {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  process::Setup all() {
    process::Setup setup;
    setup.role = Role::Writer;
    setup.plan.error_log.to = config::LogTo::File;
    setup.plan.error_log.level = "info";
    setup.plan.workers = 1;
    setup.shared = copy(segment_.fd());
    setup.bundle = memory_file("bundle");
    for (std::size_t i = 0; i < WakerOf::count(1); ++i)
      setup.wakers.emplace_back(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    waker_ = copy(setup.writer_waker());
    setup.error_log = copy(log_.get());
    for (const Fd& file : files_) setup.state.push_back(copy(file.get()));
    return setup;
  }

  net::Message receive() {
    pollfd wait{master_.fd(), POLLIN, 0};
    ::poll(&wait, 1, -1);
    return std::move(*master_.receive());
  }

  void write(std::string_view record) {
    ring_.push(LogRing::Kind::State, record);
    wake(waker_.get());
  }
  void wait_read() {
    wait_until([this] { return ring_.tail() == ring_.head(); });
  }
  /// Access lines go there from here on, and wait for an hour.
  void send_access_log(const Fd& file) {
    Plan plan;
    plan.error_log.to = plan.access_log.to = config::LogTo::File;
    plan.access_log.buffer = config::LogBuffer{65536, std::chrono::hours(1)};
    const std::vector<int> files = {log_.get(), file.get()};
    EXPECT_TRUE(master_.send(net::MessageType::Logs, "ea\n" + write_plan(plan), files));
  }
  void say(LogRing::Kind kind, std::string_view line) {
    (void)of_worker_.push(kind, line);
    wake(waker_.get());
  }
  /// Nobody tells when the writer has taken a message: a line that does not wait shows it.
  void say_until_in(const Fd& file, std::string_view line) {
    wait_until([&] {
      (void)of_worker_.push(LogRing::Kind::Access, line);
      say(LogRing::Kind::Error, "now");
      return read_whole(file).find(line) != std::string::npos;
    });
    wait_until([this] { return sleeps(); });
  }
  /// The writer has nothing to do.
  bool sleeps() const {
    std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
    std::string pid, name, state;
    stat >> pid >> name >> state;
    return state == "S";
  }
  bool log_has(std::string_view text) { return read_whole(log_).find(text) != std::string::npos; }

  static Fd copy(int fd) { return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

  shm::Segment segment_;
  LogRing ring_, of_worker_{segment_, RingOf::worker(0)};
  net::Channel master_;
  Fd waker_;
  Fd log_ = memory_file("error log");
  std::array<Fd, 2> files_ = {memory_file("state"), memory_file("state.alt")};
  pid_t pid_ = 0;
};

TEST_F(WriterProcess, SaysWhatIsOnTheDisk) {
  write("one");
  wait_until([this] { return ring_.synced() == ring_.head(); });
  EXPECT_EQ(read_whole(files_[0]), "\none\n");
}

// More than one ring, and more than one piece: lines of each ring stay in order, and none is lost or told twice.
TEST_F(WriterProcess, WritesTheLinesOfAllRingsInLargePieces) {
  LogRing other(segment_, RingOf::worker(0));
  const std::string rest(1000, 'x');
  std::string of_control, of_worker;
  ::kill(pid_, SIGSTOP);
  for (int i = 0; i < 1500; ++i) {
    const std::string number = std::to_string(i) + rest;
    ring_.push(LogRing::Kind::Error, "c" + number);
    other.push(LogRing::Kind::Error, "w" + number);
    of_control += "c" + number + "\n";
    of_worker += "w" + number + "\n";
  }
  ::kill(pid_, SIGCONT);
  wake(waker_.get());
  wait_read();
  wait_until([&other] { return other.tail() == other.head(); });
  const std::string all = read_whole(log_);
  std::string control, worker;
  for (const std::string_view line : split(all, '\n')) {
    if (line.starts_with('c')) control.append(line) += '\n';
    if (line.starts_with('w')) worker.append(line) += '\n';
  }
  EXPECT_EQ(control, of_control);
  EXPECT_EQ(worker, of_worker);
}

TEST_F(WriterProcess, WritesWhatWaitsBeforeItWritesToAnotherFile) {
  const Fd first = memory_file("first"), second = memory_file("second");
  send_access_log(first);
  say_until_in(first, "before");
  say(LogRing::Kind::Access, "one");
  send_access_log(second);
  wait_until([this] { return of_worker_.tail() == of_worker_.head(); });
  EXPECT_NE(read_whole(first).find("one\n"), std::string::npos);
  say_until_in(second, "after");
  EXPECT_EQ(read_whole(second).find("one\n"), std::string::npos);
}

TEST_F(WriterProcess, ARecordDoesNotWaitWithAccessLines) {
  const Fd access = memory_file("access");
  send_access_log(access);
  say_until_in(access, "before");
  say(LogRing::Kind::Access, "one");
  write("record");
  wait_until([this] { return ring_.synced() == ring_.head(); });
  EXPECT_EQ(read_whole(files_[0]), "\nrecord\n");
}

TEST_F(WriterProcess, SaysNothingOfRecordsAfterTheMastersDeath) {
  write("one");
  wait_until([this] { return ring_.synced() == ring_.head(); });
  const std::uint64_t before = ring_.synced();
  master_.close();
  wait_until([this] { return log_has("the master has died"); });
  write("two");
  wait_read();
  EXPECT_EQ(ring_.synced(), before);
  EXPECT_EQ(read_whole(files_[0]), "\none\n");
}

TEST_F(WriterProcess, SaysNothingOfARecordThatComesWithTheMastersDeath) {
  ::kill(pid_, SIGSTOP);
  write("one");
  master_.close();
  ::kill(pid_, SIGCONT);
  wait_read();
  wait_until([this] { return log_has("the master has died"); });
  EXPECT_EQ(ring_.synced(), 0U);
}

}  // namespace
}  // namespace weir::process
