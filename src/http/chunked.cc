// SPDX-License-Identifier: Apache-2.0
//
// The decoder is a machine of one byte a step, but for the data itself; every state names what may
// come next, and everything else fails.
#include "http/chunked.h"

#include "http/characters.h"

#include <algorithm>
#include <string_view>

namespace weir::http {

namespace {

constexpr int most_digits = 16;
constexpr std::uint64_t most_bytes = INT64_MAX;  // as for Content-Length
constexpr int most_extension_bytes = 256;        // per message; nobody needs any

}  // namespace

ChunkDecoder::Step ChunkDecoder::decode(std::span<const char> input) {
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (part_ == Part::Data) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - i));
      left_ -= count;
      if (left_ == 0) part_ = Part::DataCr;
      return {State::Data, i + count, input.subspan(i, count)};
    }
    switch (step(input[i])) {
      case State::More: break;
      case State::Trailers: return {State::Trailers, i + 1};
      case State::Data:
      case State::Failed: return {State::Failed, i};
    }
  }
  return {State::More, input.size()};
}

ChunkDecoder::State ChunkDecoder::step(char c) {
  switch (part_) {
    case Part::Size: return step_size(c);
    case Part::Extension:
      if (c == '\r') return expect(Part::SizeLf);
      if (!is_in(c, ValueSet) || ++extension_bytes_ > most_extension_bytes) return State::Failed;
      return State::More;
    case Part::SizeLf:
      if (c != '\n') return State::Failed;
      return left_ == 0 ? State::Trailers : expect(Part::Data);
    case Part::DataCr: return c == '\r' ? expect(Part::DataLf) : State::Failed;
    case Part::DataLf: digits_ = 0; return c == '\n' ? expect(Part::Size) : State::Failed;
    case Part::Data: break;  // read in blocks, by decode
  }
  return State::Failed;
}

ChunkDecoder::State ChunkDecoder::step_size(char c) {
  if (is_in(c, HexSet)) {
    if (++digits_ > most_digits) return State::Failed;
    left_ = left_ << 4 | hex_value(c);
    return left_ > most_bytes ? State::Failed : State::More;
  }
  if (digits_ == 0) return State::Failed;
  if (c == '\r') return expect(Part::SizeLf);
  if (c == ';') return expect(Part::Extension);
  return State::Failed;
}

std::size_t chunk_head(char* out, std::uint64_t size) {
  constexpr std::string_view digits = "0123456789abcdef";
  const unsigned bits = 64U - static_cast<unsigned>(__builtin_clzll(size | 1));
  const std::size_t count = (bits + 3) / 4;
  for (std::size_t i = count; i > 0; size >>= 4) out[--i] = digits[size & 15];
  out[count] = '\r';
  out[count + 1] = '\n';
  return count + 2;
}

}  // namespace weir::http
