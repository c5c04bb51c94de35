// SPDX-License-Identifier: Apache-2.0
//
// The conversation with the daemon over one connection.  Requests are pipelined and replies come in
// the same order: `ok ...` or `error CODE message`, the lines of a body (a `.` at the beginning is
// doubled), and a line that is a single `.`.
#pragma once

#include "base/fd.h"
#include "weirctl/input.h"
#include "weirctl/request.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::weirctl {

/// The exit status; scripts rely on the numbers.
enum Status { Ok = 0, Refused = 1, Usage = 2, NoDaemon = 3, Conflict = 4, TimedOut = 5 };

/// Where requests come from: the command line; stdin, one after the other; stdin again, as one
/// change that is committed if none of them fails.
enum class Mode { Single, Lines, Transaction };

struct Options {
  std::string socket = "/run/weir/admin.sock";
  bool json = false;
  std::chrono::milliseconds patience{60'000};  ///< for one answer, once it is the next to come
};

/// One connection: requests out, replies to stdout, failures to stderr.  Waits only in poll().
class Session {
 public:
  /// `options` has to outlive it.
  Session(Fd socket, const Options& options, Mode mode)
      : socket_(std::move(socket)), options_(options), mode_(mode), ended_(mode == Mode::Single) {}

  /// Asks `first`, then what the mode says; gives the status of the first request that failed.
  int run(std::optional<Request> first);

 private:
  /// May one more request be sent before the next reply?
  bool has_room() const;
  void take_requests();
  /// The request that is to be sent next; nothing if it has to be waited for, or at the end.
  std::optional<Request> next_request();
  /// Ends a transaction that has failed; what is to be said of it has been said.
  Request abort_request();
  void ask(Request request);
  /// Waits until something can be done, and does it.  Only waiting for the daemon uses up patience.
  void turn();
  void read_input();
  void send();
  void receive();
  void on_line(std::string_view line);
  /// The first line of a reply; false if it is none.
  bool on_head(std::string_view line);
  /// The first failure decides the exit status; the others are told only.
  void fail(int status, const std::string& text, std::size_t number);
  /// Says why the connection is of no more use.
  void end(int status, const std::string& text);

  Fd socket_;
  const Options& options_;
  Mode mode_;
  Input input_;
  std::optional<Request> held_;  ///< waits until it is alone
  std::deque<Request> pending_;  ///< asked and not answered, the oldest first
  std::string out_;              ///< not yet sent
  Fd file_;                      ///< goes with the first byte of out_
  std::string in_;               ///< a beginning of a line
  std::string printed_;          ///< not yet written to stdout
  std::chrono::steady_clock::duration patience_{};
  bool has_head_ = false;  ///< the first line of the first pending reply has come
  bool closing_ = false;   ///< the last command of the transaction has been taken
  bool ended_;             ///< no more requests
  bool over_ = false;      ///< the connection is of no more use
  int status_ = Ok;
};

}  // namespace weir::weirctl
