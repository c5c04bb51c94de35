// SPDX-License-Identifier: Apache-2.0
//
// Which requests are alike, and which are not.
#include "http/fingerprint.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir::http {
namespace {

std::uint64_t of(const std::string& start, const std::string& fields,
                 const char* listener = "web") {
  return fingerprint(start + " HTTP/1.1\r\n" + fields + "\r\n", listener);
}

TEST(Fingerprint, OrderAndValuesDoNotMatter) {
  std::uint64_t print = of("GET /a", "Host: x\r\nAccept: b\r\nX-One: 1\r\n");
  EXPECT_NE(print, 0U);
  EXPECT_EQ(print, of("GET /a", "x-one: 2\r\nACCEPT:c\r\nhost:   X \r\n"));
  EXPECT_EQ(print, of("GET /a?query=1", "Host: x\r\nAccept: b\r\nX-One:\r\n"));
  EXPECT_EQ(print, of("\r\nGET /a", "Host: x\r\nAccept: b\r\nX-One: 1\r\n"));
}

TEST(Fingerprint, AllElseDoes) {
  std::set<std::uint64_t> prints = {
      of("GET /a", "Host: x\r\n"),
      of("GET /a", "Host: x\r\n", "other"),
      of("PUT /a", "Host: x\r\n"),
      of("GET /b", "Host: x\r\n"),
      of("GET /a/", "Host: x\r\n"),
      of("GET /a", "Host: y\r\n"),
      of("GET /a", ""),
      of("GET /a", "Host: x\r\nX-One: 1\r\n"),
      of("GET /a", "Host: x\r\nX-Two: 1\r\n"),
      of("GET /a", "Host: x\r\nX-One: 1\r\nX-One: 2\r\n"),
      of("GET /a", "Host: x\r\n" + std::string(300, 'a') + ": 1\r\n"),
      of("GET /a", "Host: x\r\n" + std::string(301, 'a') + ": 1\r\n"),
  };
  EXPECT_EQ(prints.size(), 12U);
}

TEST(Fingerprint, AnyBytesAreSafe) {
  for (std::string_view head :
       {"", "\r\n", "GET", "GET /", "GET /a HTTP/1.1", "GET /a HTTP/1.1\r\n",
        "GET /a HTTP/1.1\r\nHost", "GET /a HTTP/1.1\r\nHost:", " ", ":\r\n"})
    EXPECT_NE(fingerprint(head, ""), 0U) << head;
}

}  // namespace
}  // namespace weir::http
