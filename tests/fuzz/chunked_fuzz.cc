// SPDX-License-Identifier: Apache-2.0
//
// The chunk decoder: the same result byte by byte as in one piece, and the same body again when what
// was decoded is coded anew.
#include "http/chunked.h"

#include "base/assert.h"

#include <cstdint>
#include <string>

namespace {

using namespace weir;
using namespace weir::http;

struct Decoded {
  std::string body;
  std::size_t used = 0;
  ChunkDecoder::State state = ChunkDecoder::State::More;
};

Decoded decode(std::string_view bytes, std::size_t piece) {
  ChunkDecoder decoder;
  Decoded result;
  for (std::size_t end = 0; end < bytes.size();) {
    end = std::min(end + piece, bytes.size());
    while (result.used < end) {
      const ChunkDecoder::Step step =
          decoder.decode(std::span(bytes).subspan(result.used, end - result.used));
      WEIR_ASSERT(step.used <= end - result.used && step.data.size() <= step.used);
      result.used += step.used;
      result.body.append(step.data.data(), step.data.size());
      result.state = step.state;
      if (step.state == ChunkDecoder::State::Failed || step.state == ChunkDecoder::State::Trailers)
        return result;
      WEIR_ASSERT(step.used > 0);
    }
  }
  return result;
}

void check_again(const std::string& body) {
  std::string coded;
  if (!body.empty()) {
    char head[chunk_head_size];
    coded.assign(head, chunk_head(head, body.size()));
    coded += body + "\r\n";
  }
  const Decoded again = decode(coded + "0\r\n\r\n", 3);
  WEIR_ASSERT(again.state == ChunkDecoder::State::Trailers && again.body == body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Decoded whole = decode(bytes, size);
  const Decoded byte_by_byte = decode(bytes, 1);
  WEIR_ASSERT(whole.used == byte_by_byte.used && whole.body == byte_by_byte.body);
  const auto is_last = [](const Decoded& d) { return d.state == ChunkDecoder::State::Trailers; };
  const auto is_bad = [](const Decoded& d) { return d.state == ChunkDecoder::State::Failed; };
  WEIR_ASSERT(is_last(whole) == is_last(byte_by_byte) && is_bad(whole) == is_bad(byte_by_byte));
  if (is_last(whole)) check_again(whole.body);
  return 0;
}
