// SPDX-License-Identifier: Apache-2.0
//
// Feeding a codec: what it does not use is kept and comes first again, and what it wrote has left before
// the bytes it pointed at go.
#include "net/feed.h"

#include "fakes/fake_transport.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::net {
namespace {

/// Uses what it is told to, and keeps what it saw.
class FakeCodec final : public http::Codec {
 public:
  std::vector<std::string> seen;
  std::vector<std::size_t> uses;  ///< of each feed to come; then everything
  Outbox* outbox = nullptr;       ///< what was used is sent on to `to` if there is one
  Transport* to = nullptr;

  std::size_t feed(std::span<char> bytes) override {
    std::size_t use = bytes.size();
    if (seen.size() < uses.size()) use = std::min(use, uses[seen.size()]);
    seen.emplace_back(bytes.data(), bytes.size());
    if (outbox) outbox->to(*to).refer(bytes.first(use));
    return use;
  }
  void feed_end() override {}
  void write_request(http::StreamId, const RequestHead&, const http::WriteOptions&,
                     Gather&) override {}
  void write_response(http::StreamId, const ResponseHead&, const http::WriteOptions&,
                      Gather&) override {}
  void write_body(http::StreamId, std::span<const char>, Gather&) override {}
  void write_end(http::StreamId, const Headers&, Gather&) override {}
  void next() override {}
  void stop() override {}
  bool is_mid_message() const override { return false; }
  std::uint64_t plain_body() const override { return 0; }
  void skip_body(std::uint64_t) override {}
};

struct FeedTest : testing::Test {
  IoResult feed(std::size_t most = 100) {
    return feed_once(context, transport, codec, inbox, most);
  }
  std::string kept() {
    auto bytes = inbox.bytes();
    return std::string(bytes.data(), bytes.size());
  }
  using Seen = std::vector<std::string>;

  event::Loop loop;
  Outbox outbox{loop};
  std::vector<char> buffer = std::vector<char>(64);
  Context context{loop, outbox, buffer};
  test::FakeTransport transport, other;
  FakeCodec codec;
  Inbox inbox;
};

TEST_F(FeedTest, GivesWhatItReads) {
  transport.input = {"GET / "};
  const IoResult result = feed();
  EXPECT_EQ(result.io, Io::Done);
  EXPECT_EQ(result.bytes, 6U);
  EXPECT_EQ(codec.seen, Seen{"GET / "});
  EXPECT_TRUE(inbox.empty());
}

TEST_F(FeedTest, ReadsAtMostWhatItMayAndWhatFits) {
  transport.input = {std::string(500, 'x')};
  EXPECT_EQ(feed(10).bytes, 10U);
  EXPECT_EQ(transport.largest_read, 10U);
  EXPECT_EQ(feed(1000).bytes, buffer.size());
  EXPECT_EQ(transport.largest_read, buffer.size());
}

TEST_F(FeedTest, KeepsWhatTheCodecLeaves) {
  transport.input = {"abcdef", "gh"};
  codec.uses = {2, 0};
  EXPECT_EQ(feed().bytes, 6U);
  EXPECT_EQ(kept(), "cdef");
  // The codec wants more behind it: it is read, and the next call shows it all.
  const IoResult more = feed();
  EXPECT_EQ(more.io, Io::Done);
  EXPECT_EQ(more.bytes, 2U);
  EXPECT_EQ(kept(), "cdefgh");
  const IoResult rest = feed();
  EXPECT_EQ(rest.io, Io::Done);
  EXPECT_EQ(rest.bytes, 0U);
  EXPECT_EQ(codec.seen, (Seen{"abcdef", "cdef", "cdefgh"}));
  EXPECT_TRUE(inbox.empty());
}

TEST_F(FeedTest, GivesWhatIsKeptBeforeItReads) {
  inbox.append("kept", 4);
  transport.input = {"new"};
  codec.uses = {3};
  EXPECT_EQ(feed().bytes, 0U);
  EXPECT_EQ(transport.reads, 0U);
  EXPECT_EQ(kept(), "t");
  EXPECT_EQ(feed().bytes, 0U);
  EXPECT_EQ(feed().bytes, 3U);
  EXPECT_EQ(codec.seen, (Seen{"kept", "t", "new"}));
}

TEST_F(FeedTest, TellsHowAReadEnds) {
  for (Io how : {Io::Again, Io::End, Io::Failed}) {
    transport.then = how;
    EXPECT_EQ(feed().io, how);
  }
  EXPECT_EQ(codec.seen, Seen());
  // What is kept and cannot be used does not hide it.
  inbox.append("rest", 4);
  codec.uses = {0, 0, 0};
  for (Io how : {Io::Again, Io::End, Io::Failed}) {
    transport.then = how;
    EXPECT_EQ(feed().io, how);
    EXPECT_EQ(kept(), "rest");
  }
}

// The codec pointed at the buffer, which the next read overwrites, and at the inbox, which goes.
TEST_F(FeedTest, SendsWhatTheCodecWroteBeforeItsBytesGo) {
  codec.outbox = &outbox;
  codec.to = &other;
  buffer.resize(8 * 1024);
  context.read_buffer = buffer;
  const std::string first(4096, '1'), second(4096, '2');
  transport.input = {first, second};
  codec.uses = {4000};
  feed(100'000);
  ASSERT_EQ(other.sent.size(), 1U);
  EXPECT_EQ(other.sent[0], first.substr(0, 4000));
  feed(100'000);
  ASSERT_EQ(other.sent.size(), 2U);
  EXPECT_EQ(other.sent[1], first.substr(4000));
  feed(100'000);
  ASSERT_EQ(other.sent.size(), 3U);
  EXPECT_EQ(other.sent[2], second);
}

}  // namespace
}  // namespace weir::net
