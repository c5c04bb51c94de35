// SPDX-License-Identifier: Apache-2.0
//
// Responses, as the answer to GET, HEAD and CONNECT, and trailer sections.  What is passed on is
// understood again as what it was.
#include "base/assert.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"

#include <cstdint>
#include <string>

namespace {

using namespace weir;
using namespace weir::http;

std::span<char> copied(Arena& arena, std::string_view text) {
  char* const copy = arena.text(text.size());
  text.copy(copy, text.size());
  return {copy, text.size()};
}

void check_response(std::string_view bytes, Method request) {
  Arena arena;
  ResponseHead head;
  if (parse_response(copied(arena, bytes), arena, request, head) != Failure::None) return;
  WEIR_ASSERT(head.status >= 100 && head.status <= 599);
  std::string out(response_size(head), '\0');
  const std::size_t size = write_response(out.data(), head, {.framing = head.framing});
  WEIR_ASSERT(size <= out.size());
  out.resize(size);
  ResponseHead again;
  WEIR_ASSERT(parse_response(copied(arena, out), arena, request, again) == Failure::None);
  WEIR_ASSERT(again.status == head.status && again.framing.end == head.framing.end);
  WEIR_ASSERT(again.framing.length == head.framing.length);
  WEIR_ASSERT(!again.headers.has(FieldName::Connection));
}

void check_trailers(std::string_view bytes) {
  Arena arena;
  Headers trailers;
  if (parse_trailers(copied(arena, bytes), arena, trailers) != Failure::None) return;
  std::string out(trailers_size(trailers), '\0');
  const std::size_t size = write_last_chunk(out.data(), trailers);
  WEIR_ASSERT(size <= out.size());
  Headers again;
  const std::string_view section = std::string_view(out).substr(3, size - 3);
  WEIR_ASSERT(parse_trailers(copied(arena, section), arena, again) == Failure::None);
  WEIR_ASSERT(again.size() == trailers.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const Method request : {Method::Get, Method::Head, Method::Connect})
    check_response(bytes, request);
  check_trailers(bytes);
  return 0;
}
