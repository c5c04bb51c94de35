// SPDX-License-Identifier: Apache-2.0
//
// The chunked coding, both ways (RFC 9112 §7.1).  The decoder is strict: sizes of 1–16 hex digits,
// CRLF and nothing else at line ends.  Extensions are checked against the grammar of §7.1.1, dropped,
// and limited to 256 bytes per message, so that nobody can send for ever without sending a body.
#pragma once

#include "http/failure.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::http {

class ChunkDecoder {
 public:
  enum class State : std::uint8_t {
    More,      ///< all input used; feed more
    Data,      ///< `data` holds body bytes (a view into the input); call again with the rest
    Trailers,  ///< the last chunk was read; what follows is a trailer section up to its empty line
    Failed     ///< malformed; nothing after this can be trusted
  };
  struct Step {
    State state = State::More;
    std::size_t used = 0;          ///< input bytes consumed, `data` included
    std::span<const char> data{};  ///< State::Data only
  };

  /// Reads on.  After Trailers or Failed it must not be called again before `reset`.
  Step decode(std::span<const char> input);

  /// Bytes of the present chunk's data still to come.
  std::uint64_t left() const { return left_; }

  void reset() { *this = ChunkDecoder(); }

 private:
  enum class Part : std::uint8_t {
    Size,
    BeforeExtension,  ///< a blank has come, so `;` has to follow
    BeforeName,
    Name,
    AfterName,  ///< a blank behind a name: `=` or `;` has to follow
    BeforeValue,
    Value,
    Quoted,
    Escaped,  ///< behind a backslash in a quoted string
    QuotedEnd,
    SizeLf,
    Data,
    DataCr,
    DataLf
  };
  State step(char c);
  State step_size(char c);
  State step_extension(char c);
  State expect(Part next) {
    part_ = next;
    return State::More;
  }

  Part part_ = Part::Size;
  std::uint8_t digits_ = 0;
  std::uint16_t extension_bytes_ = 0;
  std::uint64_t left_ = 0;
};

/// Room that chunk_head needs at most: 16 digits, CRLF.
inline constexpr std::size_t chunk_head_size = 18;

/// Writes "<size in hex>\r\n" to `out`; returns how many bytes.  `size` > 0.
std::size_t chunk_head(char* out, std::uint64_t size);

}  // namespace weir::http
