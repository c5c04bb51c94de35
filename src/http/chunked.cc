// SPDX-License-Identifier: Apache-2.0
//
// The decoder is a machine of one byte a step, but for the data itself; every state names what may
// come next, and everything else fails.
#include "http/chunked.h"

#include "base/characters.h"

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
    case Part::SizeLf:
      if (c != '\n') return State::Failed;
      return left_ == 0 ? State::Trailers : expect(Part::Data);
    case Part::DataCr: return c == '\r' ? expect(Part::DataLf) : State::Failed;
    case Part::DataLf: digits_ = 0; return c == '\n' ? expect(Part::Size) : State::Failed;
    case Part::Data: return State::Failed;  // read in blocks, by decode
    default: return step_extension(c);
  }
}

ChunkDecoder::State ChunkDecoder::step_size(char c) {
  if (is_in(c, HexSet)) {
    if (++digits_ > most_digits) return State::Failed;
    left_ = left_ << 4 | hex_value(c);
    return left_ > most_bytes ? State::Failed : State::More;
  }
  if (digits_ == 0) return State::Failed;
  if (c == '\r') return expect(Part::SizeLf);
  return step_extension(c);
}

// *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ), RFC 9112 §7.1.1.  Blanks stand only
// before something, never before the CR.
ChunkDecoder::State ChunkDecoder::step_extension(char c) {
  if (c != '\r' && ++extension_bytes_ > most_extension_bytes) return State::Failed;
  switch (part_) {
    case Part::Size:
    case Part::QuotedEnd:
      if (c == '\r') return expect(Part::SizeLf);
      [[fallthrough]];
    case Part::BeforeExtension:
      if (c == ';') return expect(Part::BeforeName);
      return is_blank(c) ? expect(Part::BeforeExtension) : State::Failed;
    case Part::BeforeName:
      if (is_blank(c)) return State::More;
      return is_in(c, TokenSet) ? expect(Part::Name) : State::Failed;
    case Part::Name:
      if (is_in(c, TokenSet)) return State::More;
      if (c == '\r') return expect(Part::SizeLf);
      [[fallthrough]];
    case Part::AfterName:
      if (c == ';') return expect(Part::BeforeName);
      if (c == '=') return expect(Part::BeforeValue);
      return is_blank(c) ? expect(Part::AfterName) : State::Failed;
    case Part::BeforeValue:
      if (is_blank(c)) return State::More;
      if (c == '"') return expect(Part::Quoted);
      return is_in(c, TokenSet) ? expect(Part::Value) : State::Failed;
    case Part::Value:
      if (is_in(c, TokenSet)) return State::More;
      if (c == '\r') return expect(Part::SizeLf);
      if (c == ';') return expect(Part::BeforeName);
      return is_blank(c) ? expect(Part::BeforeExtension) : State::Failed;
    case Part::Quoted:
      if (c == '"') return expect(Part::QuotedEnd);
      if (c == '\\') return expect(Part::Escaped);
      return is_in(c, ValueSet) ? State::More : State::Failed;
    case Part::Escaped: return is_in(c, ValueSet) ? expect(Part::Quoted) : State::Failed;
    default: return State::Failed;
  }
}

std::size_t chunk_head(char* out, std::uint64_t size) {
  const unsigned bits = 64U - static_cast<unsigned>(__builtin_clzll(size | 1));
  const std::size_t count = (bits + 3) / 4;
  for (std::size_t i = count; i > 0; size >>= 4) out[--i] = hex_digits[size & 15];
  out[count] = '\r';
  out[count + 1] = '\n';
  return count + 2;
}

}  // namespace weir::http
