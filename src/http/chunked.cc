// SPDX-License-Identifier: Apache-2.0
#include "http/chunked.h"

#include <algorithm>

#include "http/characters.h"

namespace weir::http {

namespace {
constexpr int most_digits = 16;
constexpr int most_extension_bytes = 256;  // per message; more is an attack on patience
}  // namespace

ChunkDecoder::Step ChunkDecoder::decode(std::span<const char> input) {
  for (std::size_t i = 0; i < input.size(); ++i) {
    char c = input[i];
    switch (part_) {
      case Part::Size:
        if (is_hex(c)) {
          if (++digits_ > most_digits) return {State::Failed, i};
          left_ = left_ << 4 | static_cast<unsigned>(hex_value(c));
          if (left_ > UINT64_MAX >> 1) return {State::Failed, i};
        } else if (digits_ == 0) {
          return {State::Failed, i};
        } else if (c == ';') {
          part_ = Part::Extension;
        } else if (c == '\r') {
          part_ = Part::SizeLf;
        } else {
          return {State::Failed, i};
        }
        break;
      case Part::Extension:
        if (c == '\r') {
          part_ = Part::SizeLf;
        } else if (!is_value_char(c) || ++extension_bytes_ > most_extension_bytes) {
          return {State::Failed, i};
        }
        break;
      case Part::SizeLf:
        if (c != '\n') return {State::Failed, i};
        if (left_ == 0) return {State::Trailers, i + 1};
        part_ = Part::Data;
        break;
      case Part::Data: {
        std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - i));
        left_ -= count;
        if (left_ == 0) part_ = Part::DataCr;
        return {State::Data, i + count, input.subspan(i, count)};
      }
      case Part::DataCr:
        if (c != '\r') return {State::Failed, i};
        part_ = Part::DataLf;
        break;
      case Part::DataLf:
        if (c != '\n') return {State::Failed, i};
        part_ = Part::Size;
        digits_ = 0;
        break;
    }
  }
  return {State::More, input.size()};
}

std::size_t chunk_head(char* out, std::uint64_t size) {
  static constexpr const char* digits = "0123456789abcdef";
  char reversed[16];
  std::size_t count = 0;
  for (; size > 0; size >>= 4) reversed[count++] = digits[size & 15];
  std::reverse_copy(reversed, reversed + count, out);
  out[count] = '\r';
  out[count + 1] = '\n';
  return count + 2;
}

}  // namespace weir::http
