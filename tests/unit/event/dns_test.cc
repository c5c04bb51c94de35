// SPDX-License-Identifier: Apache-2.0
//
// Look-ups against scripted name servers on real sockets: what is asked, and what the answers become.
#include "event/dns.h"

#include "base/fd.h"
#include "event/watch.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::event {
namespace {

constexpr int type_a = 1, type_aaaa = 28;
enum Rcode : char { Ok = 0, ServFail = 2, NxDomain = 3, Refused = 5 };

struct Question {
  std::string message, name;
  int type;
  bool over_tcp;
};

std::string u16(unsigned number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

Question parse(const std::string& message, bool over_tcp) {
  Question question{message, "", 0, over_tcp};
  std::size_t at = 12;
  while (message[at] != 0) {
    const auto length = static_cast<unsigned char>(message[at]);
    question.name += (question.name.empty() ? "" : ".") + message.substr(at + 1, length);
    at += 1 + length;
  }
  question.type = static_cast<unsigned char>(message[at + 2]);
  return question;
}

/// An answer with these records (4 or 16 bytes each).
std::string reply(const Question& question, const std::vector<std::string>& addresses, int ttl = 60,
                  Rcode rcode = Ok, bool truncated = false) {
  std::string text = question.message.substr(0, 2);
  text += static_cast<char>(truncated ? 0x83 : 0x81);
  text += static_cast<char>(0x80 | rcode);
  text += u16(1) + u16(static_cast<unsigned>(addresses.size())) + u16(0) + u16(0);
  text += question.message.substr(12, question.name.size() + 6);
  for (const std::string& address : addresses)
    text += "\xc0\x0c" + u16(address.size() == 4 ? type_a : type_aaaa) + u16(1) + u16(0) +
            u16(static_cast<unsigned>(ttl)) + u16(static_cast<unsigned>(address.size())) + address;
  return text;
}

std::string ip4(int last) { return {'\x7f', '\0', '\0', static_cast<char>(last)}; }

/// Answers over UDP and TCP on one port.
class NameServer final : private ReadyEvents {
 public:
  using Script = std::function<std::string(const Question&)>;  ///< empty = says nothing

  NameServer(Loop& loop, Script script) : loop_(loop), script_(std::move(script)) {
    // A port that is free for UDP may be in use for TCP.
    sockaddr_in at{};
    while (!bind_both(at)) continue;
    EXPECT_EQ(::listen(tcp_.get(), 8), 0);
    address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    udp_watch_.start(loop, udp_.get(), Watch::Edge::LevelRead, *this);
    tcp_watch_.start(loop, tcp_.get(), Watch::Edge::LevelRead, *this);
  }

  std::string address;
  std::vector<Question> asked;

 private:
  bool bind_both(sockaddr_in& at) {
    at = {};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    udp_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(udp_.get(), reinterpret_cast<sockaddr*>(&at), sizeof(at)), 0);
    socklen_t size = sizeof(at);
    getsockname(udp_.get(), reinterpret_cast<sockaddr*>(&at), &size);
    tcp_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int on = 1;
    setsockopt(tcp_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return ::bind(tcp_.get(), reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0;
  }

  void on_ready(Ready) noexcept override {
    char buffer[512];
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    auto count = ::recvfrom(udp_.get(), buffer, sizeof(buffer), MSG_DONTWAIT,
                            reinterpret_cast<sockaddr*>(&from), &size);
    if (count > 0) {
      asked.push_back(parse({buffer, static_cast<std::size_t>(count)}, false));
      const std::string text = script_(asked.back());
      if (!text.empty())
        ::sendto(udp_.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
      return;
    }
    // The peer writes its query in one piece, soon: it has connected for that.
    Fd client(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client.is_open()) return;
    clients_.push_back(std::make_unique<Client>(*this, std::move(client)));
    clients_.back()->begin();
  }

  struct Client final : ReadyEvents {
    Client(NameServer& owner, Fd descriptor) : server(owner), fd(std::move(descriptor)) {}
    void begin() { watch.start(server.loop_, fd.get(), Watch::Edge::LevelRead, *this); }
    void on_ready(Ready) noexcept override {
      char buffer[512];
      auto count = ::recv(fd.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (count <= 2) return watch.stop();
      server.asked.push_back(parse({buffer + 2, static_cast<std::size_t>(count) - 2}, true));
      const std::string text = server.script_(server.asked.back());
      const std::string framed = u16(static_cast<unsigned>(text.size())) + text;
      // In two pieces, to be put together again.
      ::send(fd.get(), framed.data(), 1, MSG_NOSIGNAL);
      ::send(fd.get(), framed.data() + 1, framed.size() - 1, MSG_NOSIGNAL);
    }
    NameServer& server;
    Fd fd;
    Watch watch;
  };

  Loop& loop_;
  Script script_;
  Fd udp_, tcp_;
  Watch udp_watch_, tcp_watch_;
  std::vector<std::unique_ptr<Client>> clients_;
};

struct DnsTest : testing::Test, DnsEvents {
  void on_resolved(std::uint64_t token, const DnsAnswer& answer) noexcept override {
    last = answer;
    tokens.push_back(token);
    if (tokens.size() >= wanted) loop.stop();
  }

  NameServer& server(NameServer::Script script) {
    servers.push_back(std::make_unique<NameServer>(loop, std::move(script)));
    return *servers.back();
  }
  std::vector<std::string> addresses() const {
    std::vector<std::string> all;
    for (const auto& each : servers) all.push_back(each->address);
    return all;
  }
  DnsAnswer look_up(const std::string& name) {
    Dns dns(loop, addresses());
    dns.resolve(name, 7, *this);
    loop.run();
    return last;
  }

  Loop loop;
  std::vector<std::unique_ptr<NameServer>> servers;
  std::vector<std::uint64_t> tokens;
  std::size_t wanted = 1;
  DnsAnswer last;
};

TEST_F(DnsTest, AddressesWithTheLeastTtl) {
  NameServer& one = server([](const Question& asked) {
    return reply(asked, {ip4(1), ip4(2)}, 30);
  });
  const DnsAnswer answer = look_up("app.test");
  EXPECT_EQ(answer.addresses, (std::vector<std::string>{ip4(1), ip4(2)}));
  EXPECT_EQ(answer.ttl_seconds, 30U);
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(one.asked.size(), 1U) << "AAAA is not asked for where there is A";
  EXPECT_EQ(tokens, std::vector<std::uint64_t>{7});
}

TEST_F(DnsTest, Ipv6IfThereIsNoIpv4) {
  const std::string v6 = std::string(15, '\0') + '\1';
  server([&](const Question& asked) {
    return reply(
        asked, asked.type == type_aaaa ? std::vector<std::string>{v6} : std::vector<std::string>{});
  });
  EXPECT_EQ(look_up("app.test").addresses, std::vector<std::string>{v6});
}

TEST_F(DnsTest, TcpAfterATruncatedAnswer) {
  std::vector<std::string> many;
  for (int i = 1; i <= 60; ++i) many.push_back(ip4(i));
  NameServer& one = server([&](const Question& asked) {
    return asked.over_tcp ? reply(asked, many) : reply(asked, {ip4(1)}, 60, Ok, true);
  });
  EXPECT_EQ(look_up("app.test").addresses, many);
  ASSERT_EQ(one.asked.size(), 2U);
  EXPECT_TRUE(one.asked[1].over_tcp);
}

struct ErrorCase {
  Rcode rcode;
  std::string words;
  bool asks_the_next;
};

class DnsErrors : public DnsTest, public testing::WithParamInterface<ErrorCase> {};

TEST_P(DnsErrors, AreTold) {
  NameServer& one =
      server([](const Question& asked) { return reply(asked, {}, 0, GetParam().rcode); });
  const DnsAnswer answer = look_up("app.test");
  EXPECT_TRUE(answer.addresses.empty());
  EXPECT_NE(answer.error.find(GetParam().words), std::string::npos) << answer.error;
  if (GetParam().asks_the_next) {
    EXPECT_NE(answer.error.find(one.address), std::string::npos) << answer.error;
  }
}

TEST_P(DnsErrors, AskTheNextServerUnlessTheyAreTheAnswer) {
  server([](const Question& asked) { return reply(asked, {}, 0, GetParam().rcode); });
  NameServer& other = server([](const Question& asked) { return reply(asked, {ip4(9)}); });
  EXPECT_EQ(look_up("app.test").addresses.size(), GetParam().asks_the_next ? 1U : 0U);
  EXPECT_EQ(other.asked.empty(), !GetParam().asks_the_next);
}

INSTANTIATE_TEST_SUITE_P(Dns, DnsErrors,
                         testing::Values(ErrorCase{NxDomain, "NXDOMAIN", false},
                                         ErrorCase{Ok, "no address", false},
                                         ErrorCase{ServFail, "SERVFAIL", true},
                                         ErrorCase{Refused, "REFUSED", true}));

/// Where nobody listens.
std::string closed_address(Loop& loop) {
  return NameServer(loop, [](const Question&) { return std::string(); }).address;
}

TEST_F(DnsTest, AServerThatIsNotThere) {
  NameServer& good = server([](const Question& asked) { return reply(asked, {ip4(3)}); });
  Dns dns(loop, {closed_address(loop), good.address});
  dns.resolve("app.test", 1, *this);
  loop.run();
  EXPECT_EQ(last.addresses, std::vector<std::string>{ip4(3)});
}

TEST_F(DnsTest, NoServerIsThere) {
  Dns dns(loop, {closed_address(loop), closed_address(loop)});
  dns.resolve("app.test", 2, *this);
  loop.run();
  EXPECT_NE(last.error.find("cannot be reached"), std::string::npos) << last.error;
}

TEST_F(DnsTest, AnAnswerToAnotherSpellingIsForged) {
  server([&](const Question& asked) {
    Question other = asked;
    for (std::size_t i = 13; i < 13 + asked.name.size(); ++i)
      if (std::isalpha(static_cast<unsigned char>(other.message[i])))
        other.message[i] = static_cast<char>(other.message[i] ^ 0x20);
    return reply(other, {ip4(6)});
  });
  const DnsAnswer answer = look_up("app.test");
  EXPECT_TRUE(answer.addresses.empty());
  EXPECT_NE(answer.error.find("forged"), std::string::npos) << answer.error;
}

TEST_F(DnsTest, TheSpellingIsByChance) {
  NameServer& one = server([](const Question& asked) { return reply(asked, {ip4(1)}); });
  wanted = 2;
  Dns dns(loop, addresses());
  for (std::uint64_t i = 0; i < wanted; ++i)
    dns.resolve("a-name-of-many-letters-for-chance.test", i, *this);
  loop.run();
  ASSERT_EQ(one.asked.size(), 2U);
  EXPECT_NE(one.asked[0].name, one.asked[1].name);
  EXPECT_EQ(last.addresses.size(), 1U);
}

TEST_F(DnsTest, ManyLookUpsAtATime) {
  NameServer& one = server([](const Question& asked) { return reply(asked, {ip4(1)}); });
  wanted = 300;
  Dns dns(loop, addresses());
  for (std::uint64_t i = 0; i < wanted; ++i)
    dns.resolve("n" + std::to_string(i) + ".test", i, *this);
  loop.run();
  EXPECT_EQ(tokens.size(), wanted);
  EXPECT_EQ(one.asked.size(), wanted);
}

TEST_F(DnsTest, ThousandsThatFailAtOnceDoNotRecurse) {
  wanted = 20'000;
  Dns dns(loop, {"not an address"});  // so every look-up ends inside the call
  for (std::uint64_t i = 0; i < wanted; ++i) dns.resolve("app.test", i, *this);
  EXPECT_EQ(tokens.size(), wanted);
  EXPECT_FALSE(last.error.empty());
}

TEST_F(DnsTest, OtherServersFromNowOn) {
  NameServer& silent = server([](const Question&) { return std::string(); });
  NameServer& good = server([](const Question& asked) { return reply(asked, {ip4(4)}); });
  Dns dns(loop, {silent.address});
  for (std::uint64_t i = 0; i < 100; ++i) dns.resolve("app.test", i, *this);
  dns.use({good.address});
  EXPECT_TRUE(tokens.empty()) << "what is dropped tells nobody";
  dns.resolve("app.test", 200, *this);
  loop.run();
  EXPECT_EQ(tokens, std::vector<std::uint64_t>{200});
  EXPECT_EQ(last.addresses, std::vector<std::string>{ip4(4)});
}

}  // namespace
}  // namespace weir::event
