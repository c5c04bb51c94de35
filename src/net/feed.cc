// SPDX-License-Identifier: Apache-2.0
#include "net/feed.h"

#include <algorithm>

namespace weir::net {

IoResult feed_once(const Context& context, Transport& transport, http::WireCodec& codec,
                   Inbox& inbox, std::size_t most) {
  if (!inbox.empty()) {
    std::size_t used = codec.feed(inbox.bytes());
    context.outbox.release();
    inbox.consume(used);
    if (used > 0) return {Io::Done, 0};
  }
  std::span<char> buffer = context.read_buffer.first(std::min(most, context.read_buffer.size()));
  IoResult result = transport.read(buffer);
  if (result.io != Io::Done) return result;
  std::span<char> bytes = buffer.first(result.bytes);
  if (!inbox.empty()) {
    inbox.append(bytes.data(), bytes.size());
    return result;
  }
  std::size_t used = codec.feed(bytes);
  context.outbox.release();
  inbox.append(bytes.data() + used, bytes.size() - used);
  return result;
}

Io drop_some(const Context& context, Transport& transport) {
  const IoResult first = transport.read(context.read_buffer);
  return first.io == Io::Done ? transport.read(context.read_buffer).io : first.io;
}

}  // namespace weir::net
