// SPDX-License-Identifier: Apache-2.0
//
// For the tests of the http room: messages from text to heads and back, the whole way a codec goes
// (scanner, parser, chunk decoder, trailers), in pieces of any size.
#pragma once

#include <weir/message.h>

#include "http/failure.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http::test {

/// A head with the memory it lives in.
template <typename Head>
struct Parsed {
  std::unique_ptr<Arena> arena = std::make_unique<Arena>();
  Failure failure = Failure::None;
  Head head;
};

using ParsedRequest = Parsed<RequestHead>;
using ParsedResponse = Parsed<ResponseHead>;

/// Parses a complete head, which is copied.
ParsedRequest parse_request_text(std::string_view text);
ParsedResponse parse_response_text(std::string_view text, Method request = Method::Get);

/// "GET / HTTP/1.1", Host: a, these lines (each with its CRLF) and the empty line, parsed.
ParsedRequest request_with(std::string_view lines);

std::string written(const RequestHead& head, const WriteOptions& options = {});
std::string written(const ResponseHead& head, const WriteOptions& options = {});

/// What becomes of the bytes of one message.
struct Reading {
  bool complete = false;  ///< up to its end; false together with Failure::None: more is needed
  bool has_head = false;  ///< the head was understood
  Failure failure = Failure::None;
  std::string body;
  std::string trailers;  ///< as written by write_last_chunk
  std::size_t used = 0;  ///< bytes of the message
};

/// Reads one request from `bytes`, which arrive `piece` at a time.
Reading read_request(std::string_view bytes, std::size_t piece, ParsedRequest& parsed);
Reading read_response(std::string_view bytes, std::size_t piece, Method request,
                      ParsedResponse& parsed);

/// One line of tests/hostile/*.txt.
struct HostileMessage {
  std::string name;
  Method request = Method::Get;  ///< responses only
  std::string outcome;
  std::string bytes;
};

/// All messages of a file in tests/hostile, from the root of the repository.
std::vector<HostileMessage> load_requests();
std::vector<HostileMessage> load_responses();

}  // namespace weir::http::test
