// SPDX-License-Identifier: Apache-2.0
//
// Both sides of a TLS connection over a pair of sockets: handshakes, bytes, ends, failures, and that a
// ticket made with one key is good until that key has gone.
#include "tls/transport.h"

#include "fakes/steps.h"
#include "tls/certificates.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir::tls {
namespace {

using net::Io;

struct Side final : net::TransportEvents {
  explicit Side(event::Loop& loop) : tcp(loop, *this) {}
  void on_readable() noexcept override { ++readable; }
  void on_sent() noexcept override {}

  // All that can be read now.
  std::string read() {
    std::string all;
    char buffer[64 * 1024];
    while (true) {
      net::IoResult result = top().read(buffer);
      how = result.io;
      if (how != Io::Done) return all;
      all.append(buffer, result.bytes);
    }
  }
  void send(std::string_view text) {
    Gather gather;
    gather.refer(text);
    top().send(gather);
  }
  Transport& top() { return inner ? *inner : *tls; }

  net::TcpTransport tcp;
  std::optional<Transport> tls;
  std::optional<Transport> inner;  ///< over `tls`
  int readable = 0;
  Io how = Io::Again;
};

struct TransportTest : testing::Test {
  TransportTest() {
    server_terms.certificates.push_back(leaf.files());
    client_terms.ca = file_of("ca.pem", root.chain());
  }

  shm::Segment make_segment() {
    auto made = shm::Segment::create({});
    return std::move(*made);
  }

  void rotate() {
    shm::TicketKey key;
    std::memset(&key, ++rotations, sizeof(key));
    tickets.rotate(key, rotations);
  }

  // A new connection, not yet greeted.
  void connect() {
    client.reset();
    server.reset();
    server.emplace(loop);
    client.emplace(loop);
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    server->tcp.adopt(pair[0]);
    client->tcp.adopt(pair[1]);
    auto server_context = ServerContext::build(server_terms, alpn, &tickets, nullptr);
    auto client_context = ClientContext::build(client_terms, offer);
    ASSERT_TRUE(server_context && client_context);
    net::TransportEvents &of_server = *server, &of_client = *client;
    server->tls.emplace(server->tcp, outbox, of_server, *server_context);
    client->tls.emplace(client->tcp, outbox, of_client, *client_context, identity);
    server->tcp.watch();
    client->tcp.watch();
  }

  bool shake(Side& side) { return (side.how = side.top().handshake().io) != Io::Again; }

  // What a test does is a row of steps, done by `steps.run()`.

  void then(std::function<void()> action) {
    steps.when([] { return true; }, std::move(action));
  }
  void until(std::function<bool()> condition) { steps.when(std::move(condition)); }

  // A new connection, until both know the outcome.
  void greet() {
    then([this] { connect(); });
    until([this] {
      bool client_done = shake(*client), server_done = shake(*server);
      return client_done && server_done;
    });
  }

  // One exchange, so that tickets have come.
  void exchange() {
    then([this] {
      got.clear();
      server->send("answer");
    });
    until([this] { return (got += client->read()) == "answer"; });
  }

  Issued root{"root", ""};
  Issued leaf{"a.test", "DNS:a.test,IP:127.0.0.1", &root};
  config::ListenerTls server_terms;
  config::BackendTls client_terms;
  std::vector<std::string_view> alpn{"h2", "http/1.1"}, offer{"http/1.1"};
  shm::Segment segment = make_segment();
  shm::TicketKeys tickets{segment};
  unsigned char rotations = 0;
  ServerIdentity identity{"a.test", nullptr};
  event::Loop loop;
  net::Outbox outbox{loop};
  std::optional<Side> server, client;
  test::Steps steps{loop};
  std::string got;
};

TEST_F(TransportTest, AgreesAndTells) {
  greet();
  steps.run();
  ASSERT_TRUE(client->tls->is_established() && server->tls->is_established());
  EXPECT_EQ(server->tls->version(), "TLSv1.3");
  EXPECT_EQ(server->tls->alpn(), "http/1.1");
  EXPECT_EQ(client->tls->alpn(), "http/1.1");
  EXPECT_EQ(server->tls->server_name(), "a.test");
  EXPECT_EQ(server->tls->client_certificate(), nullptr);
  EXPECT_FALSE(server->tls->is_resumed());
  EXPECT_FALSE(server->tls->can_splice());
}

TEST_F(TransportTest, LargeBytesArriveWhole) {
  std::string sent(3'000'000, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 >> 3);
  greet();
  then([&] {
    // Pieces of all kinds in one send.
    Gather gather;
    std::string_view rest = sent;
    for (std::size_t size : {100u, 20'000u, 1u, 16'384u, 5'000u, 200'000u}) {
      gather.refer(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    gather.refer(rest);
    server->tls->send(gather);
    EXPECT_TRUE(gather.empty());
    EXPECT_GT(server->tls->queued(), 0u);
  });
  until([&] { return (got += client->read()).size() >= sent.size(); });
  steps.run();
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(server->tls->queued(), 0u);
  EXPECT_FALSE(client->tls->may_have_input());
}

// As through a tunnel: TLS in TLS.
TEST_F(TransportTest, LiesOnAnyTransport) {
  const std::string sent(1'000'000, 'x');
  greet();
  then([this] {
    auto client_context = ClientContext::build(client_terms, offer);
    ASSERT_TRUE(client_context);
    net::TransportEvents &of_server = *server, &of_client = *client;
    server->inner.emplace(*server->tls, outbox, of_server, server->tls->context());
    client->inner.emplace(*client->tls, outbox, of_client, *client_context, identity);
  });
  until([this] {
    bool client_done = shake(*client), server_done = shake(*server);
    return client_done && server_done;
  });
  then([&] {
    EXPECT_TRUE(client->inner->is_established() && server->inner->is_established());
    server->send(sent);
    EXPECT_GT(server->inner->queued(), 0u);
    EXPECT_EQ(server->inner->queued(), server->tcp.queued());
    server->inner->shut_down();
  });
  until([this] { return (got += client->read(), client->how != Io::Again); });
  steps.run();
  EXPECT_EQ(client->how, Io::End);
  EXPECT_TRUE(got == sent);
  EXPECT_GT(client->readable, 0);
}

TEST_F(TransportTest, TheEndIsSaid) {
  greet();
  then([&] {
    server->send("last");
    server->tls->shut_down();
  });
  until([&] { return (got += client->read(), client->how == Io::End); });
  then([&] {
    EXPECT_EQ(got, "last");
    EXPECT_FALSE(client->tls->is_broken());  // it may still be told something
    client->send("reply");
  });
  until([&] { return server->read() == "reply"; });
  steps.run();
}

TEST_F(TransportTest, TheEndGoesWithTheLastBytes) {
  greet();
  then([this] {
    server->tls->expect_end();
    server->send("all");
  });
  until([this] { return (got += client->read()) == "all" && client->how != Io::Again; });
  steps.run();
  EXPECT_EQ(client->how, Io::End);
  EXPECT_FALSE(server->tls->has_failed());
}

TEST_F(TransportTest, AnEndThatIsNotSaidIsAFailure) {
  greet();
  then([&] { server->tcp.shut_down(); });
  until([&] { return (client->read(), client->how != Io::Again); });
  steps.run();
  EXPECT_EQ(client->how, Io::Failed);
  EXPECT_TRUE(client->tls->is_broken());
}

TEST_F(TransportTest, TicketsDisturbNobody) {
  rotate();
  greet();
  exchange();
  steps.run();
  ASSERT_NE(identity.session, nullptr);
  EXPECT_EQ(client->read(), "");
  EXPECT_EQ(client->how, Io::Again);
  EXPECT_FALSE(client->tls->is_closing());
}

TEST_F(TransportTest, TicketsAreGoodUntilTheirKeyHasGone) {
  std::unique_ptr<SSL_SESSION, SessionFree> first;
  rotate();
  greet();
  exchange();
  then([&] { first = std::move(identity.session); });
  for (bool good : {true, true, false}) {
    then([&] {
      ASSERT_NE(first, nullptr);
      identity.session.reset(SSL_SESSION_dup(first.get()));  // each is used only once
    });
    greet();
    then([this, good] {
      EXPECT_EQ(server->tls->is_resumed(), good) << int{rotations};
      rotate();
    });
  }
  steps.run();
}

TEST_F(TransportTest, TicketsCanBeOff) {
  rotate();
  server_terms.tickets = false;
  greet();
  exchange();
  steps.run();
  EXPECT_EQ(identity.session, nullptr);
}

TEST_F(TransportTest, ServersAreNotBelievedWithoutProof) {
  identity.name = "b.test";
  greet();
  then([&] {
    EXPECT_EQ(client->tls->failure(), Failure::Certificate);
    EXPECT_EQ(client->tls->failure_text(), "hostname mismatch");
    EXPECT_EQ(server->tls->failure(), Failure::Alert);
    identity.name = "127.0.0.1";
  });
  greet();
  then([&] {
    EXPECT_TRUE(client->tls->is_established());
    EXPECT_EQ(server->tls->server_name(), "");
    client_terms.ca = file_of("other.pem", Issued("other", "").chain());
  });
  greet();
  then([&] {
    EXPECT_EQ(client->tls->failure(), Failure::Certificate);
    client_terms.verify = false;
  });
  greet();
  then([&] {
    EXPECT_TRUE(client->tls->is_established());
    client_terms.pins = {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
  });
  greet();
  steps.run();
  EXPECT_EQ(client->tls->failure(), Failure::Certificate);
}

TEST_F(TransportTest, ClientsAreKnownByWhatTheyShow) {
  Issued alice("alice", "DNS:alice.test", &root);
  server_terms.client_ca = file_of("ca.pem", root.chain());
  server_terms.verify = config::ClientVerify::Required;
  client_terms.certificate = alice.files();
  greet();
  then([&] {
    ASSERT_NE(server->tls->client_certificate(), nullptr);
    EXPECT_EQ(server->tls->client_certificate()->subject, "CN=alice");
    client_terms.certificate.reset();
  });
  greet();
  steps.run();
  EXPECT_EQ(server->tls->failure(), Failure::Certificate);
}

// With TLS 1.3 the client is established when it hears of that, and has looked at it before it reads.
TEST_F(TransportTest, ARefusalIsNoFarewell) {
  server_terms.client_ca = file_of("ca.pem", root.chain());
  server_terms.verify = config::ClientVerify::Required;
  greet();
  int looks = 0, ends = 0;
  until([&] { return (ends += client->tls->is_at_end(), ++looks == 20); });
  steps.run();
  EXPECT_TRUE(client->tls->is_established());
  EXPECT_EQ(ends, 0);
  EXPECT_EQ(client->read(), "");
  EXPECT_EQ(client->how, Io::Failed);
  EXPECT_TRUE(client->tls->is_broken());
}

TEST_F(TransportTest, WhatIsNotInCommonIsNamed) {
  client_terms.groups = "P-521";
  greet();
  then([&] {
    EXPECT_EQ(server->tls->failure(), Failure::Terms) << server->tls->failure_text();
    client_terms.groups.clear();
    offer = {"spdy/3"};
  });
  greet();
  steps.run();
  EXPECT_EQ(server->tls->failure(), Failure::Alpn) << server->tls->failure_text();
}

TEST_F(TransportTest, WhatIsNoTlsIsRefused) {
  connect();
  then([&] {
    Gather gather;
    gather.refer(std::string_view("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    client->tcp.send(gather);
  });
  until([&] { return shake(*server); });
  steps.run();
  EXPECT_EQ(server->tls->failure(), Failure::NotTls);
  EXPECT_EQ(name_of(server->tls->failure()), "not_tls");
}

}  // namespace
}  // namespace weir::tls
