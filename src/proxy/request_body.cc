// SPDX-License-Identifier: Apache-2.0
#include "proxy/request_body.h"

#include "http/message.h"

#include <utility>
#include <vector>

namespace weir::proxy {

void RequestBody::begin(const RequestHead& head) {
  head_ = &head;
  is_complete_ = is_finished_ = head.framing.end == BodyEnd::None;
}

bool RequestBody::is_rest_small() const {
  return head_->framing.end == BodyEnd::Length && head_->framing.length <= most_discarded &&
         !head_->expects_continue;
}

bool RequestBody::is_over(const std::optional<std::uint64_t>& limit) const {
  if (!limit) return false;
  return seen_ > *limit ||
         (head_->framing.end == BodyEnd::Length && head_->framing.length > *limit);
}

void RequestBody::send(std::span<const char> bytes, upstream::ServerSide& server) {
  if (is_kept_) {
    // Over HTTP/2 a server may say that it has not looked at it; then it does not matter what it is.
    const bool may_be_refused = !server.wire().transport;
    is_kept_ = kept_.size() + bytes.size() <= keep_most_ &&
               (may_be_refused || http::is_idempotent(head_->method));
    if (is_kept_)
      kept_.append(bytes.data(), bytes.size());
    else
      kept_.clear();
  }
  server.write_body(bytes);
}

void RequestBody::finish(Headers&& trailers) {
  is_complete_ = is_finished_ = true;
  trailers_ = std::move(trailers);
}

void RequestBody::discard() { is_discarded_ = true; }

bool RequestBody::replay(upstream::ServerSide& server) {
  if (!kept_.empty()) {
    std::vector<iovec> pieces(kept_.size() / Buffer::block_payload + 2);
    const int count = kept_.peek(pieces.data(), static_cast<int>(pieces.size()));
    for (int i = 0; i < count; ++i)
      server.write_body({static_cast<const char*>(pieces[static_cast<std::size_t>(i)].iov_base),
                         pieces[static_cast<std::size_t>(i)].iov_len});
  }
  if (is_finished_) send_end(server);
  return is_finished_;
}

net::IoResult RequestBody::move(const net::Context& context, const net::Wire& client,
                                upstream::ServerSide& server) {
  is_kept_ = false;
  kept_.clear();
  net::Transport& to = *server.wire().transport;
  const net::IoResult result =
      pump_.move(context, *client.transport, to, client.codec->plain_body());
  if (result.io == net::Io::Failed && to.has_failed()) {
    // The server takes no more: perhaps it has answered, which its own side will show.
    discard();
    return {net::Io::Again};
  }
  if (result.io == net::Io::Done) {
    seen_ += result.bytes;
    client.codec->skip_body(result.bytes);
    server.note_sent();
  }
  return result;
}

void RequestBody::push_held(const net::Context& context, upstream::ServerSide& server) {
  if (pump_.held() == 0) return;
  net::Transport& to = *server.wire().transport;
  (void)pump_.move(context, to, to, 0);
}

}  // namespace weir::proxy
