// SPDX-License-Identifier: Apache-2.0
//
// What processes tell each other arrives whole, and what they gave up cannot be had back.
#include "net/channel.h"
#include "process/history.h"
#include "process/plan.h"
#include "process/privileges.h"
#include "process/setup.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace weir::process {
namespace {

// Runs `body` in a child that has given up its rights; returns how it ended.
int status_of_locked_child(const std::function<void()>& body) {
  pid_t pid = fork();
  if (pid == 0) {
    process::Setup setup;
    if (!lock_down(setup)) _exit(99);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

TEST(Privileges, AllowedCallsGoOn) {
  EXPECT_EQ(status_of_locked_child([] { (void)getpid(); }), 0);
}

TEST(Privileges, ADeniedCallEndsTheProcess) {
  for (long call : {SYS_execve, SYS_mount, SYS_unlink, SYS_chmod, SYS_setuid, SYS_pivot_root}) {
    int status = status_of_locked_child([call] { syscall(call, 0, 0, 0, 0, 0); });
    ASSERT_TRUE(WIFSIGNALED(status)) << call;
    EXPECT_EQ(WTERMSIG(status), SIGSYS) << call;
  }
}

TEST(Plan, ReadsWhatItWrote) {
  Plan plan;
  plan.workers = 7;
  plan.backends = 3;
  plan.uid = 65534;
  plan.drop = true;
  plan.max_connections = 1'000'000;
  plan.stall_ms = 0;
  plan.pid_file = "/run/with blank.pid";
  plan.error_log.to = config::LogTo::File;
  plan.error_log.path = "/var/log/a b";
  plan.error_log.level = "warn";
  plan.access_log.to = config::LogTo::File;
  plan.access_log.buffer = config::LogBuffer{65536, config::Milliseconds(250)};
  plan.binds.push_back({2, {config::Endpoint::Kind::Ip6, "::1", 8080, "[::1]:8080"}});
  plan.binds.push_back(
      {0, {config::Endpoint::Kind::Unix, "/run/a b.sock", 0, "unix:/run/a b.sock"}});
  auto read = read_plan(write_plan(plan));
  ASSERT_TRUE(read);
  EXPECT_EQ(write_plan(*read), write_plan(plan));
  EXPECT_EQ(read->binds[1].at.host, "/run/a b.sock");
  ASSERT_TRUE(read->access_log.buffer);
  EXPECT_EQ(read->access_log.buffer->size, 65536U);
  EXPECT_EQ(read->access_log.buffer->flush, config::Milliseconds(250));
  EXPECT_FALSE(read->error_log.buffer);
  EXPECT_FALSE(read_plan("workers 1\nnonsense 2\n"));
}

TEST(SetupMessage, CarriesHundredsOfDescriptors) {
  auto pair = net::Channel::make_pair();
  ASSERT_TRUE(pair);
  net::Channel theirs(std::move(pair->second));
  auto open_null = [] { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); };
  process::Setup setup;
  setup.index = 3;
  setup.shared = open_null();
  setup.bundle = open_null();
  for (int i = 0; i < 5; ++i) setup.wakers.push_back(open_null());
  for (std::uint32_t i = 0; i < 400; ++i)
    setup.sockets.push_back({open_null(), i, "[::1]:" + std::to_string(i / 16)});
  ASSERT_TRUE(send_setup(pair->first, setup));
  auto received = receive_setup(theirs);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->index, 3U);
  EXPECT_EQ(received->wakers.size(), 5U);
  ASSERT_EQ(received->sockets.size(), 400U);
  EXPECT_EQ(received->sockets[399].slot, 399U);
  EXPECT_EQ(received->sockets[399].address, "[::1]:24");
  EXPECT_GE(received->sockets[399].fd.get(), 0);
  EXPECT_FALSE(received->error_log.is_open());
}

TEST(SetupMessage, CarriesTheHistory) {
  auto pair = net::Channel::make_pair();
  ASSERT_TRUE(pair);
  net::Channel theirs(std::move(pair->second));
  History history;
  for (std::uint64_t number = 1; number <= History::most + 3; ++number)
    history.add({{number, 1'000'000, "uid 0 pid 7", "rollback " + std::to_string(number)},
                 Plan(),
                 Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))});
  history.set_times({12'345, 4, 250, 1, 2'000});
  process::Setup setup;
  setup.generation = history.present().about.number;
  setup.history = history.copy();
  ASSERT_TRUE(send_setup(pair->first, setup));
  auto received = receive_setup(theirs);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->generation, History::most + 3);
  ASSERT_EQ(received->history.size(), History::most);
  About oldest = read_about(received->history.front().about);
  EXPECT_EQ(oldest.number, 4U);
  EXPECT_EQ(oldest.committed_us, 1'000'000);
  EXPECT_EQ(oldest.by, "uid 0 pid 7");
  EXPECT_EQ(oldest.how, "rollback 4");
  EXPECT_EQ(text(oldest.took), "");
  EXPECT_EQ(text(read_about(received->history.back().about).took),
            "load 12.3 ms, judge 0.0 ms, prepare 0.3 ms, commit 0.0 ms, settle 2.0 ms");
  EXPECT_FALSE(history.find(3));
  EXPECT_TRUE(history.find(4));
}

TEST(Channel, TellsThatTheOtherSideIsGone) {
  auto pair = net::Channel::make_pair();
  ASSERT_TRUE(pair);
  auto nothing = pair->first.receive();
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code(), Errc::NotFound);
  pair->second.reset();
  auto gone = pair->first.receive();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), Errc::System);
  EXPECT_FALSE(pair->first.send(net::MessageType::Stop));
}

}  // namespace
}  // namespace weir::process
