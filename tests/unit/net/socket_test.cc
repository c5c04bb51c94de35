// SPDX-License-Identifier: Apache-2.0
//
// Listening sockets: their options, and that a file in the way is removed only if nobody is behind it.
#include "net/socket.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace weir::net {
namespace {

using Kind = config::Endpoint::Kind;

Address any_port(Kind kind = Kind::Ip4) {
  return *Address::from({kind, kind == Kind::Ip4 ? "127.0.0.1" : "::1", 0, ""});
}

Address bound_to(const Fd& fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size);
  return Address::from(reinterpret_cast<sockaddr*>(&name), size);
}

int option(const Fd& fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  getsockopt(fd.get(), level, name, &value, &size);
  return value;
}

int try_to_connect(const Address& address) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(fd.get(), address.get(), address.size()) == 0 ? 0 : errno;
}

struct SocketTest : testing::Test {
  SocketTest() {
    std::string pattern = testing::TempDir() + "weir-socket-XXXXXX";
    directory = mkdtemp(pattern.data());
    path = directory + "/s";
    address = *Address::from({Kind::Unix, path, 0, "unix:" + path});
  }
  ~SocketTest() override { std::filesystem::remove_all(directory); }

  /// A socket of that type, bound to the path.
  Fd bind_there(int type) const {
    Fd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(fd.get(), address.get(), address.size()), 0);
    return fd;
  }
  bool is_socket() const {
    struct stat status;
    return lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
  }
  ino_t inode() const {
    struct stat status;
    return lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
  }

  std::string directory, path;
  Address address;
};

TEST_F(SocketTest, ListensWithoutBlocking) {
  auto fd = listen_on(any_port(), {.reuse_port = false, .defer_accept = false});
  ASSERT_TRUE(fd) << fd.error().text();
  EXPECT_EQ(option(*fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
  EXPECT_EQ(option(*fd, SOL_SOCKET, SO_REUSEPORT), 0);
  EXPECT_EQ(option(*fd, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
  EXPECT_TRUE(fcntl(fd->get(), F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(fcntl(fd->get(), F_GETFD) & FD_CLOEXEC);
  EXPECT_EQ(::accept(fd->get(), nullptr, nullptr), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(try_to_connect(bound_to(*fd)), 0);
}

TEST_F(SocketTest, SharesAPortIfAsked) {
  auto first = listen_on(any_port(), {});
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_GT(option(*first, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
  const Address same = bound_to(*first);
  auto second = listen_on(same, {});
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_TRUE(bound_to(*second) == same);
  auto alone = listen_on(same, {.reuse_port = false});
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().code(), Errc::System);
  EXPECT_EQ(alone.error().text(), same.text() + ": bind: Address already in use");
}

TEST_F(SocketTest, Ip6IsIp6Only) {
  auto fd = listen_on(any_port(Kind::Ip6), {});
  if (!fd) GTEST_SKIP() << "no IPv6 here: " << fd.error().text();
  EXPECT_EQ(option(*fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
}

TEST_F(SocketTest, TellsWhatAndWhy) {
  auto elsewhere = listen_on(*Address::from_ip("192.0.2.1"), {});
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().text(), "192.0.2.1:0: bind: Cannot assign requested address");
  auto nowhere = listen_on(*Address::from({Kind::Unix, directory + "/no/s", 0, ""}), {});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().text(), "unix:" + directory + "/no/s: bind: No such file or directory");
}

TEST_F(SocketTest, ReplacesASocketThatNobodyAnswersOn) {
  { auto former = listen_on(address, {}); }
  ASSERT_TRUE(is_socket());
  auto fd = listen_on(address, {});
  ASSERT_TRUE(fd) << fd.error().text();
  EXPECT_EQ(try_to_connect(address), 0);
}

TEST_F(SocketTest, LeavesASocketInUseAlone) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t other = ::fork();
  if (other == 0) {
    auto former = listen_on(address, {});
    ::_exit(former && ::write(ready[1], "x", 1) == 1 ? ::pause() : 1);
  }
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  auto fd = listen_on(address, {});
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().code(), Errc::Exists);
  EXPECT_EQ(fd.error().text(), path + " is in use by process " + std::to_string(other));
  EXPECT_EQ(try_to_connect(address), 0);
  ::kill(other, SIGKILL);
  EXPECT_EQ(::waitpid(other, nullptr, 0), other);
  for (const int end : ready) ::close(end);
}

// Its queue is full, so it neither takes nor refuses a connection.
TEST_F(SocketTest, LeavesABusySocketAlone) {
  Fd former = bind_there(SOCK_STREAM);
  ASSERT_EQ(::listen(former.get(), 0), 0);
  Fd waiting(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(waiting.get(), address.get(), address.size()), 0);
  auto fd = listen_on(address, {});
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().code(), Errc::Exists);
  EXPECT_TRUE(is_socket());
}

TEST_F(SocketTest, LeavesSocketsOfOtherTypesAlone) {
  for (int type : {SOCK_DGRAM, SOCK_SEQPACKET}) {
    Fd former = bind_there(type);
    const ino_t before = inode();
    EXPECT_FALSE(listen_on(address, {})) << type;
    EXPECT_EQ(inode(), before) << "another socket has taken its place";
    ::unlink(path.c_str());
  }
}

TEST_F(SocketTest, LeavesOtherFilesAlone) {
  std::ofstream(path) << "precious";
  auto fd = listen_on(address, {});
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().code(), Errc::Exists);
  EXPECT_EQ(fd.error().text(), path + " exists and is not a socket");
  EXPECT_EQ(std::filesystem::file_size(path), 8U);
  std::filesystem::remove(path);
  std::filesystem::create_symlink(directory + "/elsewhere", path);
  EXPECT_FALSE(listen_on(address, {}));
  EXPECT_TRUE(std::filesystem::is_symlink(path));
}

}  // namespace
}  // namespace weir::net
