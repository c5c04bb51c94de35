// SPDX-License-Identifier: Apache-2.0
//
// AdminSession: one client of an admin socket.  Lines come in, replies go out in order; several commands
// may be on their way.  A reply to a change waits until every worker has seen it, at most 250 ms, and
// then names who has not.  Bodies are made as the client takes them; input, waiting replies and output
// are bounded, so a client that is slow, silent, or sends garbage costs little and holds up nobody.
#pragma once

#include "admin/command.h"
#include "admin/transaction.h"
#include "base/fd.h"
#include "base/list.h"
#include "event/deadline.h"
#include "event/watch.h"

#include <sys/types.h>

#include <deque>
#include <string>
#include <string_view>

namespace weir::admin {

class AdminSession final : public Hook,
                           public event::Reaped,
                           private event::ReadyEvents,
                           private event::DeadlineEvents,
                           private event::TaskEvents,
                           private EventListener {
 public:
  static constexpr std::size_t longest_line = 64 * 1024;

  AdminSession(event::Loop& loop, Fleet& fleet, Fd fd, config::AdminLevel level);
  ~AdminSession() override;

  /// Workers may have seen more, or the disk taken more: replies may be due.
  void resume() { loop_.post(again_); }

  /// It ends when what has been asked by now is answered.
  void leave() {
    leaving_ = true;
    loop_.post(again_);
  }

 private:
  struct Pending {
    Reply reply;
    std::uint64_t due = 0;  ///< the moment at which it goes out whatever is still missing
    bool begun = false;     ///< its first line has been written
    bool json = false;
    std::string line;                ///< the beginning of what was asked
    std::vector<std::string> audit;  ///< the words, if its end is to be audited
  };

  void on_ready(event::Ready ready) noexcept override;
  void on_deadline() noexcept override;
  void on_task() noexcept override { pump(); }
  void on_event() noexcept override { loop_.post(again_); }

  void pump();
  void hear_no_more();
  bool read_input();
  ssize_t receive(char* buffer, std::size_t size);
  bool may_take() const;
  bool waits_for_client() const { return pending_.empty() && out_.empty() && !watching_; }
  void take_lines();
  void take_line(std::string_view line);
  void answer(std::vector<std::string> words, bool json, Reply& reply);
  bool may_go(const Pending& pending) const;
  void write_replies();
  bool take_outcome(Pending& pending);
  void write_head(Pending& pending);
  void put(std::string_view text);
  void put_stuffed(std::string_view piece);
  void write_events();
  bool send_output();
  void audit(const std::vector<std::string>& words, const Reply& reply);
  void arm();
  void die();

  event::Loop& loop_;
  Fleet& fleet_;
  Fd fd_;
  event::Watch watch_;
  event::Deadline deadline_;
  event::Task again_;
  Caller caller_;
  Transaction transaction_;
  std::string in_, out_;
  std::size_t out_at_ = 0;  ///< bytes of `out_` that have been sent
  std::deque<Pending> pending_;
  std::uint64_t progress_;  ///< when the client last said or took something
  std::uint64_t seen_event_ = 0;
  std::string watched_type_;
  bool at_line_start_ = true;
  bool watching_ = false;
  bool input_ended_ = false;
  bool leaving_ = false;
  bool closing_ = false;  ///< after what is to be sent
  bool dead_ = false;
};

}  // namespace weir::admin
