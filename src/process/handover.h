// SPDX-License-Identifier: Apache-2.0
//
// Handover: everything that one binary's master leaves to the next one's, which is execed in its place: its
// children, sockets, shared memory and history, as descriptors by number and a text that any version can
// read.  The same text brings the former binary back if the next one does not come up, so the giver's
// own plan stands in it beside the one that the taker has made of the same configuration.
//
//   weir-handover 1
//   version 0.1.0
//   …                 an item a line; a plan is a line with its length, and then its lines
//
// Unknown items are skipped: whoever goes back to an older version meets those of a newer one.
#pragma once

#include <weir/result.h>

#include "base/fd.h"
#include "process/crew.h"
#include "process/start.h"

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace weir::process {

struct Handover {
  std::string version;         ///< of the giver
  std::string path;            ///< of the configuration
  std::uint64_t last = 1;      ///< highest number of a generation that was ever tried
  bool reload_wanted = false;  ///< a signal asked for it meanwhile
  std::string next_plan;  ///< of the present generation, as the taker has made it; empty in a trial
  int executable = -1;    ///< the giver's binary, for going back to it
  int carried = -1;       ///< what control knows, for a taker with other shared memory; -1 = none
  bool same_memory = true;  ///< the taker goes on with the giver's shared memory
  Assets assets;            ///< without a mapped segment: see `segment`
  int segment = -1;
  std::list<Child> children;
  std::vector<int> descriptors;  ///< all that the text names, for giving them back
};

/// What is given; `assets` and `children` are the giver's, who goes on owning them.
struct Given {
  const Assets& assets;
  const std::list<Child>& children;
  std::string_view path;
  std::uint64_t last = 1;
  int executable = -1;
  bool reload_wanted = false;
};

/// The text, and every descriptor that it names.
class HandoverText {
 public:
  explicit HandoverText(const Given& given);

  void add(std::string_view item, std::string_view value);
  void add_descriptor(std::string_view item, int fd);
  /// The locks of an instance, for the binary that takes over in this process.  A trial does not get them: it is a child,
  /// with which they would outlive the master.
  void add_locks(const Assets& assets);
  void add_lines(std::string_view item, std::string_view lines);

  const std::vector<int>& descriptors() const { return descriptors_; }
  /// Sealed memory with the text.
  Result<Fd> seal() const;

 private:
  void add_child(const Child& child);

  std::string text_;
  std::vector<int> descriptors_;
};

/// Reads the text and takes over the descriptors it names: they are closed on exec again.
/// Errc::Invalid if it is none of ours.
Result<Handover> read_handover(int fd);

/// Replaces this program by `binary`, with the same arguments; it finds the text at `handover`, and in `why`
/// why the giver comes back, if it does.  Returns only if that failed.
Error exec_with(const std::string& binary, const std::vector<int>& descriptors, int handover,
                const std::string& why);

/// The descriptor of the handover, if this program was execed to take over; -1 if not.  Clears the
/// environment, so that it is asked once.  `why`: the giver comes back, for that reason.
int take_handover(std::string& why);

}  // namespace weir::process
