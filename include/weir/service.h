// SPDX-License-Identifier: Apache-2.0
//
// FilterService: the life of its own that a factory may have beside the streams of its filters: a timer and subrequests that
// belong to no stream.  Such a factory fetches keys, counts, or asks a backend every now and then what its filters are to do.
//
// Each worker has a factory of its own, and so a service of its own.  All callbacks come on the thread of the worker's event
// loop, where the filters run too, one after the other and never from inside another callback: what a service and its filters
// share needs no lock and no atomic.  None may block or throw.
#pragma once

#include <weir/log.h>
#include <weir/stream.h>

#include <cstdint>
#include <string_view>

namespace weir {

/// What a service may do.  It lives from `start` until `retire` has returned; in between the service and the filters of its
/// factory may use it from any of their callbacks.  Nothing here calls back before the caller has returned.
class FilterWorker {
 public:
  /// The loop's clock in microseconds, the same during one iteration.
  virtual std::uint64_t now() const = 0;
  /// Has `on_timer` called once, so many milliseconds from now (and up to 16 later).  There is one timer: what it was set to
  /// before does not count any more.
  virtual void wake_in(std::uint32_t ms) = 0;
  /// Asks a backend; `on_answer` follows, also if there is no answer, after `timeout_ms` (at least 1) at the latest.  Texts are
  /// copied.  If all servers are busy the request waits for one.  False: 8 are under way already, or the service is being
  /// retired, and nothing follows.
  [[nodiscard]] virtual bool ask(const Subrequest& subrequest) = 0;
  /// A line of the error log that names the filter's word and its place.
  virtual void log(Level level, std::string_view text) const = 0;

 protected:
  ~FilterWorker() = default;
};

class FilterService {
 public:
  /// The factory is part of what the worker runs from now on, and none of its filters has been made.  Once.
  virtual void start(FilterWorker& worker) = 0;
  /// The time of `wake_in` has come.
  virtual void on_timer(FilterWorker&) {}
  /// What came of one subrequest, which its `tag` tells from others; it lives until the callback returns.
  virtual void on_answer(FilterWorker&, const SubAnswer&) {}
  /// The last call, once, if there was a start: neither the configuration nor a stream refers to the factory any more, or the
  /// worker ends.  Timer and subrequests end with it, and the factory is destroyed.
  virtual void retire(FilterWorker&) {}

 protected:
  // A part of its factory, which nobody destroys by this.
  ~FilterService() = default;
};

}  // namespace weir
