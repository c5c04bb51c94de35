// SPDX-License-Identifier: Apache-2.0
//
// What an HTTP/2 client may do that costs it nothing and us something (RFC 9113 §10.5): each kind of it
// has a bucket of tokens per connection, filled at a rate no honest client exceeds for long.  Whoever
// finds one empty is sent away with ENHANCE_YOUR_CALM, and logs and metrics name the kind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::http {

enum class H2Abuse : std::uint8_t {
  Resets,  ///< streams reset by the client, or by us for what it did on them (CVE-2023-44487, CVE-2025-8671)
  Streams,        ///< begun beyond the limit
  Settings,       ///< SETTINGS, also too many of them in a frame, and GOAWAY (CVE-2019-9515)
  Pings,          ///< PING, also answers that nobody waits for (CVE-2019-9512)
  Priorities,     ///< PRIORITY and PRIORITY_UPDATE (CVE-2019-9513)
  WindowUpdates,  ///< more than what was sent explains (CVE-2019-9511)
  EmptyFrames,    ///< DATA without bytes and without end (CVE-2019-9518)
  Fields,         ///< a header block far beyond the limits (CVE-2016-6581)
  Floods,         ///< CONTINUATION without end, answers that pile up (CVE-2024-28182)
  Count
};

/// What a client is granted on a connection.
struct H2Room {
  std::uint32_t streams = 128;       ///< open at a time
  std::uint32_t window = 1 << 20;    ///< to which that of a stream may grow, in bytes
  std::uint32_t unsent = 64 * 1024;  ///< bytes of an answer that are kept for it; at most 512 KiB
};

/// Its word in logs and metrics: "resets".
std::string_view name_of(H2Abuse kind);

class H2Limits {
 public:
  /// One more of that kind at `now` (microseconds); true if that is too much.
  bool count(H2Abuse kind, std::uint64_t now);

  /// DATA was sent: the client will open its windows again, for the stream and for the connection.
  /// `starved`: few bytes, because it leaves its windows nearly closed; that explains nothing (CVE-2019-9511).
  void note_sent(bool starved);

 private:
  static constexpr std::size_t kinds = static_cast<std::size_t>(H2Abuse::Count);
  void refill(std::uint64_t now);

  std::array<std::uint32_t, kinds>
      used_{};                ///< tokens taken and not yet given back, in thousandths
  std::uint64_t filled_ = 0;  ///< until when tokens have been given back
};

}  // namespace weir::http
