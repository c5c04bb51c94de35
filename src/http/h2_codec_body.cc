// SPDX-License-Identifier: Apache-2.0
#include "http/h2_codec_body.h"

#include "http/field.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace weir::http {

namespace {

constexpr std::size_t most_blocks =
    ((1 << 20) / Buffer::block_payload) + 2;  // of H2Room::unsent and a read

}  // namespace

nghttp2_mem memory_in(Region& region) {
  static constexpr auto in = [](void* user) -> Region& { return *static_cast<Region*>(user); };
  return {
      &region,
      [](std::size_t size, void* user) { return in(user).take(size); },
      [](void* memory, void* user) { in(user).give(memory); },
      [](std::size_t count, std::size_t size, void* user) {
        return in(user).take_cleared(count * size);
      },
      [](void* memory, std::size_t size, void* user) { return in(user).resize(memory, size); },
  };
}

void make_frames(nghttp2_session* session, Gather& out, std::size_t& room) {
  while (room > 0) {
    const std::uint8_t* bytes;
    const ssize_t size = nghttp2_session_mem_send(session, &bytes);
    if (size <= 0) return;
    const auto count = static_cast<std::size_t>(size);
    std::memcpy(out.reserve(count), bytes, count);
    out.commit(count);
    room -= std::min(room, count);
  }
}

FieldList& FieldList::empty() {
  static FieldList list;
  list.fields_.clear();
  return list;
}

void FieldList::add(const Field& field) {
  const unsigned index = field.never_index ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
  if (field.id == FieldName::Other)
    put(field.name, field.value, index);
  else
    put(lower_spelling(field.id), field.value, index | NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

void FieldList::add(const Headers& headers) {
  for (const Field& each : headers)
    if (!is_connection_field(each) && each.id != FieldName::ContentLength) add(each);
}

ssize_t H2Body::offer(nghttp2_session* session, std::int32_t stream, std::size_t most,
                      std::uint32_t* flags) {
  const std::size_t left = out.size() - leaving + lent.size();
  if (left == 0 && !out_ended) {
    out_deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags = NGHTTP2_DATA_FLAG_NO_COPY;
  if (left > most || !out_ended) return static_cast<ssize_t>(std::min(left, most));
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!last.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    FieldList& fields = FieldList::empty();
    fields.add(last);
    nghttp2_submit_trailer(session, stream, fields.data(), fields.size());
  }
  return static_cast<ssize_t>(left);
}

void H2Body::place(const std::uint8_t* head, std::size_t size, Gather& out_frames) {
  std::memcpy(out_frames.reserve(frame_head_size), head, frame_head_size);
  out_frames.commit(frame_head_size);
  std::array<iovec, most_blocks> pieces;
  const int count = out.peek(pieces.data(), static_cast<int>(pieces.size()));
  std::size_t skip = leaving, left = size;
  for (int i = 0; i < count && left > 0; ++i) {
    const std::size_t length = pieces[i].iov_len;
    if (skip >= length) {
      skip -= length;
      continue;
    }
    const std::size_t take = std::min(length - skip, left);
    out_frames.refer({static_cast<const char*>(pieces[i].iov_base) + skip, take});
    skip = 0;
    left -= take;
  }
  leaving += size - left;
  out_frames.refer(lent.first(left));
  lent = lent.subspan(left);
  lent_out += left;
}

void H2Body::resume_output(nghttp2_session* session, std::int32_t stream) {
  if (!out_deferred) return;
  out_deferred = false;
  nghttp2_session_resume_data(session, stream);
}

// Only a sink that keeps up gets a larger window: a slow one would only make us keep more.
void H2Body::open_window(nghttp2_session* session, std::int32_t stream, std::size_t count,
                         std::uint32_t most, std::uint32_t& growth) {
  delivered += count;
  unopened += count;
  if (unopened < worth_telling) return;
  nghttp2_session_consume_stream(session, stream, std::exchange(unopened, 0));
  if (!in.empty() || in_ended || delivered < 2 * window) return;
  const std::uint32_t all = std::max(H2Codec::most_growth, most - H2Codec::first_window);
  const std::uint32_t more = std::min({window, most - window, all - growth});
  if (more == 0) return;
  growth += more;
  window += more;
  delivered = 0;
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, stream,
                                        static_cast<std::int32_t>(window));
}

}  // namespace weir::http
