// SPDX-License-Identifier: Apache-2.0
//
// Feeding a codec from a transport: the loop that both sides of the proxy share.  Bytes are read into
// one buffer of the worker and understood there; only what the codec does not use yet is kept.
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
IoResult feed_once(const Context& context, Transport& transport, http::Codec& codec, Inbox& inbox,
                   std::size_t most);

/// Reads and drops some of what has come.  Done says that there may be more: to be called again in the next
/// turn, since nobody is to wait for what nobody reads.
Io drop_some(const Context& context, Transport& transport);

}  // namespace weir::net
