// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 in the server role, opposite nghttp2 as the client: heads, bodies under flow control, ends.
#include "http/h2_codec.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct FakeSink final : MessageSink {
  Arena memory;
  RequestHead* head = nullptr;
  std::string body, trailers;
  bool wants = true, ended = false;
  int pieces = 0;
  std::function<void()> then;  ///< what body bytes cause

  Arena& arena() override { return memory; }
  void on_head(MessageHead& given) override { head = static_cast<RequestHead*>(&given); }
  bool wants_body() const override { return wants; }
  void on_body(std::span<const char> bytes) override {
    body.append(bytes.data(), bytes.size());
    ++pieces;
    if (then) then();
  }
  void on_end(const Headers& given) override {
    ended = true;
    for (const Field& field : given) trailers.append(field.name).append("=").append(field.value);
  }
};

/// A server's codec and what it told, and a client that it talks to.
struct H2CodecTest : testing::Test, H2Events {
  H2CodecTest() {
    nghttp2_session_callbacks* calls;
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
    nghttp2_session_client_new(&client, calls, this);
    nghttp2_session_callbacks_del(calls);
    nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, nullptr, 0);
    turn();
  }
  ~H2CodecTest() override { nghttp2_session_del(client); }

  static int on_field(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* test) {
    std::string& text = static_cast<H2CodecTest*>(test)->answers[frame->hd.stream_id];
    text.append(reinterpret_cast<const char*>(name), name_size).append("=");
    text.append(reinterpret_cast<const char*>(value), value_size).append("|");
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                     std::size_t size, void* test) {
    static_cast<H2CodecTest*>(test)->answers[stream].append(reinterpret_cast<const char*>(bytes),
                                                            size);
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* test) {
    static_cast<H2CodecTest*>(test)->codes[stream] = code;
    return 0;
  }
  static ssize_t read_upload(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t most,
                             std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& left = *static_cast<std::string*>(source->ptr);
    const std::size_t size = left.copy(reinterpret_cast<char*>(into), most);
    left.erase(0, size);
    if (left.empty()) *flags = NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }

  // What the codec tells.
  void on_begin(StreamId) override {}
  MessageSink* sink(StreamId stream) override {
    return refuses ? nullptr : (sinks[stream] = std::make_unique<FakeSink>()).get();
  }
  Method request_method(StreamId) override { return Method::Other; }
  void on_broken(StreamId, Failure failure) override { broken = failure; }
  std::uint64_t now() override { return clock; }
  void flush() override { ++flushes; }
  void on_refused(MessageSink&, Failure failure) override { refused = failure; }
  void on_sent(MessageSink&, std::size_t bytes) override { sent += bytes; }
  void on_closed(MessageSink&, Failure failure) override { closed.push_back(failure); }
  void on_abuse(H2Abuse kind) override { abuse = name_of(kind); }
  bool is_late() override { return late; }
  void on_end_known() override { end_known = true; }

  /// All frames of the client, each in a read of its own; what is held then is told.
  void to_server() {
    feed_each();
    codec.tell_held();
  }
  void feed_each() {
    const std::uint8_t* bytes;
    for (ssize_t size; (size = nghttp2_session_mem_send(client, &bytes)) > 0;) {
      std::string copy(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
      codec.feed({copy.data(), copy.size()});
    }
  }
  /// All that there is, as if it had come in one read.
  void at_once_to_server() {
    std::string all;
    const std::uint8_t* bytes;
    for (ssize_t size; (size = nghttp2_session_mem_send(client, &bytes)) > 0;)
      all.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    codec.feed({all.data(), all.size()});
  }
  std::size_t to_client() {
    Gather out;
    codec.write_frames(out, 1 << 20);
    return to_client(out);
  }
  std::size_t to_client(const Gather& out) {
    std::size_t all = 0;
    for (const iovec& piece : out.pieces()) {
      nghttp2_session_mem_recv(client, static_cast<const std::uint8_t*>(piece.iov_base),
                               piece.iov_len);
      all += piece.iov_len;
    }
    codec.forget_sent();
    return all;
  }
  void turn() {
    do to_server();
    while (to_client() > 0 || nghttp2_session_want_write(client));
  }
  StreamId ask(const Fields& more = {}, std::string* body = nullptr, const char* method = "GET") {
    Fields all = {{":method", body ? "POST" : method},
                  {":scheme", "http"},
                  {":authority", "a"},
                  {":path", "/p?q"}};
    all.insert(all.end(), more.begin(), more.end());
    std::vector<nghttp2_nv> fields;
    for (auto& [name, value] : all)
      fields.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                        reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    nghttp2_data_provider upload{{.ptr = body}, read_upload};
    return static_cast<StreamId>(nghttp2_submit_request(
        client, nullptr, fields.data(), fields.size(), body ? &upload : nullptr, nullptr));
  }
  void answer(StreamId stream, const Framing& framing, std::uint16_t status = 200) {
    ResponseHead& head = heads.array<ResponseHead>(1)[0];
    head.status = status;
    head.headers.add(heads, "X-Up", "1");
    head.headers.add(heads, "Connection", "close");
    Gather none;
    codec.write_response(stream, head, {.framing = framing}, none);
  }
  void body(StreamId stream, std::string_view bytes) {
    Gather none;
    codec.write_body(stream, bytes, none);
  }
  void end(StreamId stream, const Headers& trailers = {}) {
    Gather none;
    codec.write_end(stream, trailers, none);
  }

  HeadLimits limits;
  H2Codec codec{limits, *this};
  Arena heads;  ///< of answers, until they are frames
  nghttp2_session* client = nullptr;
  std::map<StreamId, std::unique_ptr<FakeSink>> sinks;
  std::map<std::int32_t, std::string> answers;
  std::map<std::int32_t, std::uint32_t> codes;
  std::vector<Failure> closed;
  Failure broken = Failure::None, refused = Failure::None;
  std::string abuse;
  std::uint64_t clock = 1'000'000;
  std::size_t sent = 0;
  int flushes = 0;
  bool refuses = false, end_known = false, late = false;
};

TEST_F(H2CodecTest, RequestAndAnswer) {
  const StreamId stream = ask({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}});
  turn();
  const RequestHead& head = *sinks.at(stream)->head;
  EXPECT_EQ(head.received, "GET /p?q HTTP/2\r\nhost: a\r\nx: y\r\ncookie: a=1; b=2\r\n\r\n");
  EXPECT_EQ(head.path, "/p");
  EXPECT_EQ(head.query, "q");
  EXPECT_EQ(head.host, "a");
  EXPECT_EQ(head.framing.end, BodyEnd::None);
  EXPECT_TRUE(sinks.at(stream)->ended);
  answer(stream, {BodyEnd::Length, 5});
  body(stream, "hello");
  end(stream);
  turn();
  EXPECT_EQ(answers[1], ":status=200|x-up=1|content-length=5|hello");
  EXPECT_EQ(closed, std::vector{Failure::None});
  EXPECT_EQ(codes.at(1), 0U);
}

TEST_F(H2CodecTest, InterimAnswersAndTrailers) {
  const StreamId stream = ask();
  turn();
  answer(stream, {}, 103);
  answer(stream, {BodyEnd::Chunked, 0});
  body(stream, "x");
  Arena arena;
  Headers trailers;
  trailers.add(arena, "X-Sum", "1");
  end(stream, trailers);
  turn();
  EXPECT_EQ(answers[1], ":status=103|x-up=1|:status=200|x-up=1|xx-sum=1|");
}

TEST_F(H2CodecTest, AnswersWithoutBodyEndWithTheirHead) {
  const StreamId stream = ask();
  turn();
  answer(stream, {}, 204);
  turn();
  EXPECT_EQ(answers[1], ":status=204|x-up=1|");
  EXPECT_EQ(closed, std::vector{Failure::None});
}

// What is not wanted waits, within the window; the window opens by what was told.
TEST_F(H2CodecTest, UnwantedBodyWaits) {
  std::string upload(200'000, 'u');
  const StreamId stream = ask({}, &upload);
  to_server();
  FakeSink& sink = *sinks.at(stream);
  EXPECT_EQ(sink.head->framing.end, BodyEnd::Chunked);
  sink.wants = false;
  turn();
  sink.wants = true;
  const std::size_t early = sink.body.size();
  EXPECT_LE(200'000 - upload.size() - early, std::size_t{H2Codec::first_window});
  while (!sink.ended) {
    codec.resume(stream);
    turn();
  }
  EXPECT_EQ(sink.body, std::string(200'000, 'u'));
  EXPECT_GT(flushes, 0);
}

TEST_F(H2CodecTest, OneUnwantedBodyHoldsUpNoOther) {
  std::string slow(300'000, 's'), fast(300'000, 'f');
  const StreamId first = ask({}, &slow), second = ask({}, &fast);
  to_server();
  sinks.at(first)->wants = false;
  turn();
  EXPECT_TRUE(sinks.at(second)->ended);
  EXPECT_FALSE(sinks.at(first)->ended);
}

TEST_F(H2CodecTest, AnswersWaitForTheWindow) {
  const StreamId stream = ask();
  turn();
  answer(stream, {BodyEnd::Length, 100'000});
  body(stream, std::string(100'000, 'x'));
  EXPECT_FALSE(codec.has_window(stream));
  EXPECT_EQ(codec.queued(stream), 100'000U);
  Gather out;
  codec.write_frames(out, 1 << 20);
  codec.forget_sent();
  EXPECT_EQ(sent, 65'535U);
  EXPECT_EQ(codec.queued(stream), 34'465U);
}

TEST_F(H2CodecTest, WhatLeavesAtOnceIsNotCopied) {
  const StreamId stream = ask();
  turn();
  answer(stream, {BodyEnd::Length, 40'000});
  const std::string bytes(40'000, 'b');
  Gather out;
  codec.write_through(stream, bytes, out);
  EXPECT_EQ(codec.queued(stream), 0U);
  std::size_t lent = 0;
  for (const iovec& piece : out.pieces())
    if (piece.iov_base >= bytes.data() && piece.iov_base < bytes.data() + bytes.size())
      lent += piece.iov_len;
  EXPECT_EQ(lent, bytes.size());
  to_client(out);
  EXPECT_EQ(sent, bytes.size());
  end(stream);
  turn();
  EXPECT_TRUE(answers.at(1).ends_with("|" + bytes));
  EXPECT_EQ(codes, (std::map<std::int32_t, std::uint32_t>{{1, 0}}));
}

TEST_F(H2CodecTest, WhatTheWindowDoesNotAllowIsCopied) {
  const StreamId stream = ask();
  turn();
  answer(stream, {BodyEnd::Chunked, 0});
  std::string bytes(100'000, 'b');
  Gather out;
  codec.write_through(stream, bytes, out);
  EXPECT_EQ(codec.queued(stream), 100'000U - 65'535U);
  to_client(out);
  // What waits goes first.
  std::string more(20'000, 'm');
  out.clear();
  codec.write_through(stream, more, out);
  EXPECT_EQ(codec.queued(stream), 120'000U - 65'535U);
  EXPECT_TRUE(out.empty());
  bytes.assign(bytes.size(), 'x');
  more.assign(more.size(), 'x');
  turn();
  EXPECT_TRUE(answers.at(1).ends_with("|" + std::string(100'000, 'b') + std::string(20'000, 'm')));
  EXPECT_EQ(sent, 120'000U);
}

TEST_F(H2CodecTest, FramesStopWhereTheRoomEnds) {
  const StreamId stream = ask();
  turn();
  answer(stream, {BodyEnd::Length, 60'000});
  body(stream, std::string(60'000, 'x'));
  Gather out;
  codec.write_frames(out, 20'000);
  EXPECT_LT(out.size(), 40'000U);
  EXPECT_TRUE(codec.wants_write());
}

TEST_F(H2CodecTest, ResetsEndAMessage) {
  const StreamId first = ask(), second = ask();
  turn();
  nghttp2_submit_rst_stream(client, NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(first),
                            NGHTTP2_CANCEL);
  turn();
  EXPECT_EQ(closed, std::vector{Failure::ClientGone});
  codec.reset(second, Failure::ServerReset);
  turn();
  EXPECT_EQ(codes.at(static_cast<std::int32_t>(second)), std::uint32_t{NGHTTP2_INTERNAL_ERROR});
  EXPECT_EQ(closed.size(), 1U) << "who resets knows it";
}

TEST_F(H2CodecTest, NothingBeginsBeforeWhatWasReadIsJudged) {
  std::string upload(30'000, 'u'), rest = upload;
  const StreamId first = ask(), second = ask({}, &rest);
  at_once_to_server();
  nghttp2_submit_rst_stream(client, NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(first),
                            NGHTTP2_CANCEL);
  at_once_to_server();
  EXPECT_TRUE(codec.has_held());
  EXPECT_TRUE(!sinks.at(first)->head && !sinks.at(second)->head);
  codec.tell_held();
  EXPECT_FALSE(codec.has_held());
  EXPECT_TRUE(!sinks.at(first)->head && sinks.at(second)->body == upload);
  EXPECT_TRUE(sinks.at(second)->head && sinks.at(second)->ended);
  EXPECT_EQ(closed, (std::vector{Failure::ClientGone}));
}

TEST_F(H2CodecTest, NothingBeginsThatEndsInAnError) {
  const StreamId stream = ask();
  feed_each();
  std::string zero_window_update("\0\0\4\10\0\0\0\0\0\0\0\0\0", 13);
  codec.feed(zero_window_update);
  to_client();
  EXPECT_TRUE(codec.is_over());
  EXPECT_EQ(sinks.at(stream)->head, nullptr);
}

TEST_F(H2CodecTest, WhoAsksForMuchGetsItByAndByAndInOrder) {
  late = true;
  for (int i = 0; i < 20; ++i) ask();
  at_once_to_server();
  const auto told = [this] {
    int count = 0;
    for (const auto& [stream, sink] : sinks) count += sink->head != nullptr;
    return count;
  };
  EXPECT_EQ(told(), 0);
  int before = 0;
  while (codec.has_held()) {
    codec.tell_held();
    EXPECT_EQ(told(), before + 4);
    before = told();
    int so_far = 0;
    for (const auto& [stream, sink] : sinks) EXPECT_EQ(sink->ended, so_far++ < before);
  }
  EXPECT_EQ(told(), 20);
}

// A stopped codec tells nothing, and forgets what waits.
TEST_F(H2CodecTest, WhatWaitsIsNotToldBehindTheEnd) {
  late = true;
  for (int i = 0; i < 20; ++i) ask();
  at_once_to_server();
  codec.stop();
  EXPECT_FALSE(codec.has_held());
  codec.tell_held();
  EXPECT_EQ(sinks.at(1)->head, nullptr);
}

// The bytes that a sink is being told of are not given back under its hands.
TEST_F(H2CodecTest, ASinkMayResetFromWithinItsBody) {
  std::string upload(100'000, 'u');
  const StreamId stream = ask({}, &upload);
  to_server();
  FakeSink& sink = *sinks.at(stream);
  sink.wants = false;
  turn();
  sink.wants = true;
  sink.pieces = 0;
  sink.then = [&] { codec.reset(stream, Failure::ServerReset); };
  codec.resume(stream);
  EXPECT_EQ(sink.pieces, 1);
  turn();
  EXPECT_EQ(codes.at(static_cast<std::int32_t>(stream)), std::uint32_t{NGHTTP2_INTERNAL_ERROR});
  EXPECT_TRUE(closed.empty());
}

TEST_F(H2CodecTest, WhatIsMalformedIsNotTheClientsGoing) {
  std::string upload(10, 'u');
  ask({{"content-length", "5"}}, &upload);
  turn();
  EXPECT_EQ(closed, std::vector{Failure::RequestSyntax});
}

TEST_F(H2CodecTest, OfWhatIsMalformedNobodyIsToldTheEnd) {
  const StreamId stream = ask({{":protocol", "websocket"}}, nullptr, "CONNECT");
  to_server();
  codec.resume(stream);
  EXPECT_FALSE(sinks.at(stream)->head || sinks.at(stream)->ended);
  turn();
  EXPECT_EQ(closed, std::vector{Failure::RequestSyntax});
}

TEST_F(H2CodecTest, WhatIsTooLargeIsRefused) {
  const StreamId stream = ask({{"x", std::string(9000, 'y')}});
  turn();
  EXPECT_EQ(refused, Failure::RequestHeadTooLarge);
  EXPECT_EQ(sinks.at(stream)->head, nullptr);
}

TEST_F(H2CodecTest, WithoutASinkAMessageIsRefused) {
  refuses = true;
  ask();
  turn();
  EXPECT_EQ(codes.at(1), std::uint32_t{NGHTTP2_REFUSED_STREAM});
}

TEST_F(H2CodecTest, GarbageBreaksIt) {
  std::string garbage(100, '\xff');
  H2Codec other(limits, *this);
  other.feed({garbage.data(), garbage.size()});
  EXPECT_EQ(broken, Failure::RequestSyntax);
}

TEST_F(H2CodecTest, EndsInTwoSteps) {
  const StreamId stream = ask();
  turn();
  codec.announce_end();
  turn();
  EXPECT_TRUE(end_known);
  codec.end();
  turn();
  EXPECT_FALSE(codec.is_over());
  answer(stream, {}, 204);
  turn();
  EXPECT_TRUE(codec.is_over());
}

TEST_F(H2CodecTest, RestsAndKnowsEverythingAfterwards) {
  for (int i = 0; i < 3; ++i) {
    // The same fields again: they lie in the tables of both sides by now.
    const StreamId stream = ask({{"x-much", std::string(100, 'm')}});
    turn();
    EXPECT_EQ(sinks.at(stream)->head->headers.find("x-much")->value, std::string(100, 'm'));
    answer(stream, {BodyEnd::Length, 4});
    body(stream, "body");
    end(stream);
    turn();
    const auto number = static_cast<std::int32_t>(stream);
    EXPECT_EQ(answers.at(number), ":status=200|x-up=1|content-length=4|body");
    EXPECT_EQ(codes.at(number), 0U);
    codec.rest();
    EXPECT_TRUE(codec.is_resting());
  }
  EXPECT_FALSE(codec.wants_write());
  EXPECT_FALSE(codec.is_resting());
  codec.rest();
  codec.end();
  EXPECT_FALSE(codec.is_resting());
  turn();
  EXPECT_TRUE(codec.is_over());
  codec.rest();
}

TEST_F(H2CodecTest, AbuseIsNamedOnce) {
  for (int i = 0; i < 200; ++i) nghttp2_submit_ping(client, NGHTTP2_FLAG_NONE, nullptr);
  turn();
  EXPECT_EQ(abuse, "pings");
}

}  // namespace
}  // namespace weir::http
