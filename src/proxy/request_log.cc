// SPDX-License-Identifier: Apache-2.0
#include "proxy/request_log.h"

#include "proxy/client_side.h"
#include "proxy/stream_state.h"

namespace weir::proxy {

void RequestLog::write() {
  if (is_written_) return;
  is_written_ = true;
  if (state_.filters) state_.filters->finish();
  Context& context = state_.context;
  state_.record.times.ended = context.net.loop.read_clock();
  context.journal.count(state_.record);
  if (context.access_log) context.journal.write_access(context.access_log->line(state_.record));
}

bool RequestLog::stage(std::uint64_t bytes) {
  Context& context = state_.context;
  if (is_written_ || !context.access_log || !state_.client.leaves_at_once()) return false;
  Record& record = state_.record;
  record.times.ended = context.net.loop.read_clock();
  record.bytes_out += bytes;
  context.journal.stage_access(context.access_log->line(record));
  record.bytes_out -= bytes;
  return true;
}

void RequestLog::settle(bool whole, std::uint64_t bytes) {
  if (whole) {
    is_written_ = true;
    if (state_.filters) state_.filters->finish();
    state_.record.bytes_out += bytes;
    state_.context.journal.count(state_.record);
    state_.record.bytes_out -= bytes;
  }
  state_.context.journal.settle_access(whole);
}

}  // namespace weir::proxy
