// SPDX-License-Identifier: Apache-2.0
//
// Heads as they were sent: nothing is left out, changed or judged.
#include "http/received_fields.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

/// "line|name=value|...", dropped fields with "!" in front, and "..." at the end of a head that is not complete.
std::string told(std::string_view head) {
  Arena arena;
  const Received received = read_received(head, arena);
  std::string all(received.line);
  for (const ReceivedField& field : received.fields)
    all.append(field.is_dropped ? "|!" : "|").append(field.name).append("=").append(field.value);
  return received.is_complete ? all : all + "...";
}

TEST(ReceivedFields, AreInOrderAndAsSpelled) {
  EXPECT_EQ(told("GET /a?b HTTP/1.1\r\nHost: A\r\nx:1\r\nX_Y: 2\r\nX:\t3 \r\n_: \r\n\r\n"),
            "GET /a?b HTTP/1.1|Host=A|x=1|!X_Y=2|X=3|!_=");
  EXPECT_EQ(told("\r\nGET / HTTP/1.0\r\n\r\n"), "GET / HTTP/1.0");
}

TEST(ReceivedFields, AreThereHoweverMalformed) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"", "..."},
      {"\r\n", "..."},
      {"GE", "GE..."},
      {"GET / HTTP/1.1\r\n", "GET / HTTP/1.1..."},
      {"GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1|Host=a..."},
      {"GET / HTTP/1.1\r\nHost: a\r", "GET / HTTP/1.1|Host=a..."},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r", "GET / HTTP/1.1|Host=a..."},
      {"GET / HTTP/1.1\r\nHo", "GET / HTTP/1.1|=Ho..."},
      {"GET / HTTP/1.1\nA: 1\nB : 2\n\n", "GET / HTTP/1.1|A=1|B =2"},
      {"GET / HTTP/1.1\r\nno colon\r\n: x\r\n:\r\n\r\n", "GET / HTTP/1.1|=no colon|=x|="},
      {"GET / HTTP/1.1\r\nA: 1\r\n b: 2\r\n\r\n", "GET / HTTP/1.1|A=1|=b: 2"},
      {"GET / HTTP/1.1\r\nA: 1\r\n\r\nB: of the body\r\n", "GET / HTTP/1.1|A=1"},
      {"\n\nA: 1\n", ""},
  };
  for (const auto& [head, expected] : rows) EXPECT_EQ(told(head), expected) << head;
}

TEST(ReceivedFields, AreNoMoreThanAHeadMayHave) {
  std::string head = "GET / HTTP/1.1\r\n";
  for (std::size_t i = 0; i < most_received; ++i) head += "A: 1\r\n";
  Arena arena;
  EXPECT_TRUE(read_received(head + "\r\n", arena).is_complete);
  const Received more = read_received(head + "A: 1\r\n\r\n", arena);
  EXPECT_EQ(more.fields.size(), most_received);
  EXPECT_FALSE(more.is_complete);
}

}  // namespace
}  // namespace weir::http
