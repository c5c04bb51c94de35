// SPDX-License-Identifier: Apache-2.0
//
// Between a codec and a transport: what both sides of the proxy share.  Bytes are read into one buffer of the
// worker and understood there; only what the codec does not use yet is kept.  Frames are made as the transport
// takes them.
#pragma once

#include "base/buffer.h"
#include "event/loop.h"
#include "http/codec.h"
#include "net/outbox.h"

#include <span>

namespace weir::net {

/// What every connection of a worker needs.
struct Context {
  event::Loop& loop;
  Outbox& outbox;
  std::span<char>
      read_buffer;  ///< shared by all connections; its content lasts until the next read
};

/// Bytes a first read asks for.  A head fits; of a large body most is left in the kernel, where it
/// can be moved to the other side without being copied.
inline constexpr std::size_t first_read = 16 * 1024;

/// From this many bytes of body on it pays to move them inside the kernel.
inline constexpr std::uint64_t worth_moving = 32 * 1024;

/// Feeds what is kept, else reads at most `most` bytes and feeds those.  Done says that bytes were
/// read or used, so it is worth calling again; `bytes` counts what was read from the transport.
/// Again also when the codec uses nothing of what it has and wants no more.
IoResult feed_once(const Context& context, Transport& transport, http::WireCodec& codec,
                   Inbox& inbox, std::size_t most);

/// Frames made at a time, in bytes, until it is seen whether the socket takes them.
inline constexpr std::size_t frames_at_once = 256 * 1024;

/// Sends what frames the codec has, as far as the socket takes them.  True if there were any.
template <http::StreamCodec Codec>
bool send_frames(const Context& context, Transport& transport, Codec& codec) {
  bool sent = false;
  while (codec.wants_write() && transport.queued() == 0 && !transport.has_failed()) {
    Gather& out = context.outbox.to(transport);
    codec.write_frames(out, frames_at_once);
    const bool some = !out.empty();
    context.outbox.flush();
    codec.forget_sent();
    if (!some) break;
    sent = true;
  }
  return sent;
}

/// Reads and drops some of what has come.  Done says that there may be more: to be called again in the next
/// turn, since nobody is to wait for what nobody reads.
Io drop_some(const Context& context, Transport& transport);

}  // namespace weir::net
