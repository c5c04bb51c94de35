// SPDX-License-Identifier: Apache-2.0
//
// Feeding a codec: what it does not use is kept and comes first again, and what it wrote has left before
// the bytes it pointed at go.  Sending frames: as far as the transport takes them.
#include "net/feed.h"

#include "fakes/fake_transport.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace weir::net {
namespace {

/// Uses what it is told to, and keeps what it saw.
class FakeCodec final : public http::WireCodec {
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
  std::uint64_t plain_body() const override { return 0; }
  void skip_body(std::uint64_t) override {}
  void stop() override {}
};

/// Makes frames of what it was told to, and knows which of them have been sent.
struct FakeStreams {
  struct Message {};
  std::deque<std::string> frames;
  std::string made;
  int forgotten = 0;
  std::function<void()> then;  ///< what a frame that was sent causes

  void feed(std::span<const char>) {}
  void write_body(Message&, std::span<const char>) {}
  void write_end(Message&, const Headers&) {}
  void resume(Message&) {}
  static std::size_t queued(const Message&) { return 0; }
  bool wants_write() const { return !frames.empty(); }
  void write_frames(Gather& out, std::size_t) {
    made = frames.front();
    frames.pop_front();
    if (!made.empty()) out.refer(made);
  }
  void forget_sent() {
    ++forgotten;
    made.clear();
    if (then) then();
  }
  void end() {}
  void stop() {}
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
  codec.uses = {2000};
  feed(100'000);
  ASSERT_EQ(other.sent.size(), 1U);
  EXPECT_EQ(other.sent[0], first.substr(0, 2000));
  feed(100'000);
  ASSERT_EQ(other.sent.size(), 2U);
  EXPECT_EQ(other.sent[1], first.substr(2000));
  feed(100'000);
  ASSERT_EQ(other.sent.size(), 3U);
  EXPECT_EQ(other.sent[2], second);
}

TEST_F(FeedTest, SendsFramesUntilThereAreNone) {
  FakeStreams streams;
  EXPECT_FALSE(send_frames(context, transport, streams));
  streams.frames = {"one", "two"};
  EXPECT_TRUE(send_frames(context, transport, streams));
  EXPECT_EQ(transport.sent, (Seen{"one", "two"}));
  EXPECT_EQ(streams.forgotten, 2);
}

TEST_F(FeedTest, SendsNoMoreFramesThanTheTransportTakes) {
  FakeStreams streams;
  streams.frames = {"one", "two", "three"};
  streams.then = [this] { transport.waiting = 1; };
  EXPECT_TRUE(send_frames(context, transport, streams));
  EXPECT_EQ(transport.sent, Seen{"one"});
  transport.waiting = 0;
  streams.then = [this] { transport.failed = true; };
  EXPECT_TRUE(send_frames(context, transport, streams));
  EXPECT_FALSE(send_frames(context, transport, streams));
  EXPECT_EQ(transport.sent, (Seen{"one", "two"}));
  EXPECT_EQ(streams.frames.size(), 1U);
}

// A codec may want to write, and have nothing that may leave now.
TEST_F(FeedTest, SendsNothingWhereNoFrameIsMade) {
  FakeStreams streams;
  streams.frames = {"", "later"};
  EXPECT_FALSE(send_frames(context, transport, streams));
  EXPECT_EQ(streams.frames.size(), 1U);
}

}  // namespace
}  // namespace weir::net
