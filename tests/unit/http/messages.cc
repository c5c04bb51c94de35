// SPDX-License-Identifier: Apache-2.0
#include "http/messages.h"

#include "base/assert.h"
#include "base/characters.h"
#include "http/chunked.h"
#include "http/message.h"

#include <algorithm>
#include <fstream>

namespace weir::http::test {

namespace {

std::span<char> copied(Arena& arena, std::string_view text) {
  char* const copy = arena.text(text.size());
  text.copy(copy, text.size());
  return {copy, text.size()};
}

// Ends of the pieces in which `size` bytes arrive after `from`.
std::vector<std::size_t> piece_ends(std::size_t from, std::size_t size, std::size_t piece) {
  std::vector<std::size_t> ends;
  while (from < size) ends.push_back(from = std::min(from + piece, size));
  return ends;
}

// Finds the end of a head or trailer section that begins at `from`; 0 if it is not there.
std::size_t scan(std::string_view bytes, std::size_t from, std::size_t piece, bool is_request,
                 bool is_trailers, Failure& failure) {
  HeadScanner scanner;
  for (const std::size_t end : piece_ends(from, bytes.size(), piece)) {
    const std::string_view seen = bytes.substr(from, end - from);
    const HeadScanner::State state = is_trailers ? scanner.scan_trailers(seen, {}, is_request)
                                                 : scanner.scan(seen, {}, is_request);
    if (state == HeadScanner::State::Complete) return scanner.length();
    if (state == HeadScanner::State::Failed) {
      failure = scanner.failure();
      return 0;
    }
  }
  return 0;
}

// Whatever is wrong in a trailer section is wrong with the end of the body.
void read_trailers(std::string_view bytes, std::size_t piece, bool is_request, Reading& reading) {
  const Failure framing = is_request ? Failure::RequestFraming : Failure::ResponseFraming;
  const std::size_t length = scan(bytes, reading.used, piece, is_request, true, reading.failure);
  if (reading.failure != Failure::None) reading.failure = framing;
  if (length == 0) return;
  Arena arena;
  Headers trailers;
  if (parse_trailers(copied(arena, bytes.substr(reading.used, length)), arena, trailers) !=
      Failure::None) {
    reading.failure = framing;
    return;
  }
  reading.used += length;
  reading.complete = true;
  reading.trailers.resize(trailers_size(trailers));
  reading.trailers.resize(write_last_chunk(reading.trailers.data(), trailers));
}

void read_chunks(std::string_view bytes, std::size_t piece, bool is_request, Reading& reading) {
  ChunkDecoder decoder;
  for (const std::size_t end : piece_ends(reading.used, bytes.size(), piece)) {
    while (reading.used < end) {
      const ChunkDecoder::Step step =
          decoder.decode(std::span(bytes).subspan(reading.used, end - reading.used));
      reading.used += step.used;
      reading.body.append(step.data.data(), step.data.size());
      if (step.state == ChunkDecoder::State::Failed) {
        reading.failure = is_request ? Failure::RequestFraming : Failure::ResponseFraming;
        return;
      }
      if (step.state == ChunkDecoder::State::Trailers)
        return read_trailers(bytes, piece, is_request, reading);
    }
  }
}

void read_body(std::string_view bytes, std::size_t piece, bool is_request, const Framing& framing,
               Reading& reading) {
  const std::string_view rest = bytes.substr(reading.used);
  switch (framing.end) {
    case BodyEnd::None: reading.complete = true; return;
    case BodyEnd::Length:
      reading.body = rest.substr(0, framing.length);
      reading.used += reading.body.size();
      reading.complete = reading.body.size() == framing.length;
      return;
    case BodyEnd::Chunked: return read_chunks(bytes, piece, is_request, reading);
    case BodyEnd::Close:
      reading.body = rest;
      reading.used += rest.size();
      return;
  }
}

// Understands the escapes of tests/hostile; stops at the '}' of a repetition.
std::string unescape(std::string_view& text, bool in_repetition) {
  std::string out;
  while (!text.empty()) {
    if (in_repetition && text.front() == '}') break;
    if (text.front() != '\\') {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    WEIR_ASSERT(text.size() >= 2);
    const char kind = text[1];
    text.remove_prefix(2);
    if (kind == 'r') out += '\r';
    if (kind == 'n') out += '\n';
    if (kind == 't') out += '\t';
    if (kind == '\\') out += '\\';
    if (kind == 'x') {
      out += static_cast<char>(hex_value(text[0]) * 16 + hex_value(text[1]));
      text.remove_prefix(2);
    }
    if (kind == '{') {
      const std::size_t star = text.find('*');
      const int count = std::stoi(std::string(text.substr(0, star)));
      text.remove_prefix(star + 1);
      const std::string repeated = unescape(text, true);
      text.remove_prefix(1);
      for (int i = 0; i < count; ++i) out += repeated;
    }
  }
  return out;
}

std::vector<HostileMessage> load(const char* path, bool has_method) {
  std::ifstream file(path);
  std::vector<HostileMessage> messages;
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::string_view rest = line;
    const auto take = [&rest] {
      const std::size_t end = rest.find(" | ");
      WEIR_ASSERT(end != std::string_view::npos);
      const std::string column(rest.substr(0, end));
      rest.remove_prefix(end + 3);
      return column;
    };
    HostileMessage message;
    message.name = take();
    if (has_method) message.request = method_from(take());
    message.outcome = take();
    message.bytes = unescape(rest, false);
    messages.push_back(std::move(message));
  }
  return messages;
}

}  // namespace

ParsedRequest parse_request_text(std::string_view text) {
  ParsedRequest parsed;
  parsed.failure = parse_request(copied(*parsed.arena, text), *parsed.arena, parsed.head);
  return parsed;
}

ParsedResponse parse_response_text(std::string_view text, Method request) {
  ParsedResponse parsed;
  parsed.failure = parse_response(copied(*parsed.arena, text), *parsed.arena, request, parsed.head);
  return parsed;
}

ParsedRequest request_with(std::string_view lines) {
  return parse_request_text("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n");
}

std::string written(const RequestHead& head, const WriteOptions& options) {
  std::string out(request_size(head), '\0');
  out.resize(write_request(out.data(), head, options));
  return out;
}

std::string written(const ResponseHead& head, const WriteOptions& options) {
  std::string out(response_size(head), '\0');
  out.resize(write_response(out.data(), head, options));
  return out;
}

Reading read_request(std::string_view bytes, std::size_t piece, ParsedRequest& parsed) {
  Reading reading;
  reading.used = scan(bytes, 0, piece, true, false, reading.failure);
  if (reading.used == 0) return reading;
  parsed = parse_request_text(bytes.substr(0, reading.used));
  reading.failure = parsed.failure;
  if (reading.failure != Failure::None) return reading;
  reading.has_head = true;
  read_body(bytes, piece, true, parsed.head.framing, reading);
  return reading;
}

Reading read_response(std::string_view bytes, std::size_t piece, Method request,
                      ParsedResponse& parsed) {
  Reading reading;
  reading.used = scan(bytes, 0, piece, false, false, reading.failure);
  if (reading.used == 0) return reading;
  parsed = parse_response_text(bytes.substr(0, reading.used), request);
  reading.failure = parsed.failure;
  if (reading.failure != Failure::None) return reading;
  reading.has_head = true;
  read_body(bytes, piece, false, parsed.head.framing, reading);
  return reading;
}

std::vector<HostileMessage> load_requests() { return load("tests/hostile/requests.txt", false); }

std::vector<HostileMessage> load_responses() { return load("tests/hostile/responses.txt", true); }

}  // namespace weir::http::test
