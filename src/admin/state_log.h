// SPDX-License-Identifier: Apache-2.0
//
// StateLog: overrides and runtime servers on disk, as records appended to one of two files.  Each record
// is a line that begins with its hash, so half a line is no record; the newest about a server holds.
//
//   HASH epoch N                                    the first record of a file
//   HASH server BACKEND NAME STATE BY WHY SINCE WEIGHT BY WHY SINCE ADDRESS BY WHY SINCE
//   HASH added BACKEND NAME ADDRESS WEIGHT MAX_IN_FLIGHT BACKUP BY SINCE
//   HASH removed BACKEND NAME
//   HASH result OP-ID TIME TEXT DIGEST
//   HASH resolved BACKEND NAME AT ADDRESS,...       never in a file: see `tell_all`
//   HASH health BACKEND NAME STATE BY WHY           the same
//   HASH whole                                      the copy that a file begins with is complete
//
// When a file has grown long, all that holds is written to the other one, under the next epoch; of two
// whole files the one with the higher epoch counts.  So a crash at any moment loses no record that was
// on disk, and leaves none half.
#pragma once

#include "event/deadline.h"
#include "upstream/registry.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace weir::admin {

/// Takes records on their way to the disk.
class RecordSink {
 public:
  /// Appends a record, or goes to another file (0 or 1) first; false if there is no room now.
  virtual bool write_record(std::string_view record) = 0;
  virtual bool begin_file(std::uint32_t which) = 0;

 protected:
  ~RecordSink() = default;
};

/// What a transaction with an op-id answered, and the digest of its commands.
struct OperationResult {
  std::string text, digest;
};

class StateLog final : private event::DeadlineEvents {
 public:
  StateLog(event::Loop& loop, upstream::Registry& registry, RecordSink& sink);

  /// Brings back what the files say, and logs it as such: nothing of it is an event of now.  Records that name something the
  /// configuration does not have any more, or are of another version of weir, are dropped, with a line in the log.  With
  /// `known` the registry knows its servers already (control has died, shared memory has not), and only results and the epoch
  /// are taken.
  void load(const std::string (&files)[2], bool known = false);
  /// All that holds, with the health of servers and the addresses of names, for a control whose shared memory is another; and what
  /// that one does with it, instead of `load`.
  std::string tell_all() const;
  void take_over(const std::string& told);
  /// Writes all that holds into the other file.
  void write_whole();

  void note_server(std::uint32_t slot);
  void note_removed(const std::string& backend, const std::string& name);
  void keep_result(const std::string& op_id, const OperationResult& result);
  const OperationResult* find_result(const std::string& op_id);
  /// Records wait for room on the way to the disk.
  bool is_behind() const { return !waiting_.empty(); }

 private:
  struct Result {
    std::int64_t time_us;
    OperationResult result;
  };
  struct File {
    std::uint64_t epoch = 0;
    std::vector<std::vector<std::string>> records;
  };

  static File read(const std::string& text);
  void read_in(const std::string (&files)[2], bool known, std::string_view from);
  void tell_restored(std::string_view from) const;
  bool apply(const std::vector<std::string>& record);
  void keep_result_of(const std::vector<std::string>& record);
  void apply_server(const std::vector<std::string>& record);
  void apply_health(const std::vector<std::string>& record);
  void apply_resolved(const std::vector<std::string>& record);
  void apply_added(const std::vector<std::string>& record);
  /// Says all that a file begins with.
  void tell_whole(const std::function<void(std::string)>& say) const;
  void write(std::string record);
  void flush();
  void on_deadline() noexcept override { flush(); }
  static std::string result_record(const std::string& op_id, const Result& kept);
  std::string server_record(std::uint32_t slot) const;
  std::string added_record(std::uint32_t slot) const;
  std::string health_record(std::uint32_t slot) const;
  std::string resolved_record(std::uint32_t slot) const;
  void drop_old_results();

  event::Loop& loop_;
  upstream::Registry& registry_;
  RecordSink& sink_;
  event::Deadline retry_;
  std::deque<std::string>
      waiting_;  ///< records for which there was no room; "\x01N" = begin file N
  std::map<std::string, Result> results_;
  std::set<std::uint32_t> added_;       ///< slots of runtime servers that the file has
  std::set<std::uint32_t> overridden_;  ///< slots of servers of which the file has an override
  std::uint64_t epoch_ = 0;
  std::uint32_t file_ = 0;
  std::size_t written_ = 0, whole_ = 0;  ///< bytes of this file, and of its beginning
  bool loading_ = false;
};

}  // namespace weir::admin
