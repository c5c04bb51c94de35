// SPDX-License-Identifier: Apache-2.0
#include "process/writer.h"

#include "base/clock.h"
#include "base/cursor.h"
#include "base/logger.h"
#include "process/line_hold.h"
#include "process/log_port.h"
#include "process/orphan.h"
#include "process/privileges.h"
#include "process/setup.h"
#include "shm/lost_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace weir::process {

namespace {

constexpr std::size_t batch_bytes = 256 * 1024;
constexpr int rest_ms = 2;  // after lines, so that the next ones are many
constexpr time_t report_seconds = 10;
constexpr int patience_ms = 1000;
constexpr int orphan_look_ms = 200;  // whether workers are left, once the master has died

// Where one kind of line goes.  A reader that takes nothing for a while loses lines, as a full disk does:
// they are counted, so that the other logs are not held up.
class Target {
 public:
  Target(const config::LogTarget& target, Fd file, int priority) : priority_(priority) {
    aim(target, std::move(file));
  }

  /// From here on lines go there.
  void aim(const config::LogTarget& target, Fd file) {
    flush();
    give_up();
    to_ = target.to;
    if (to_ == config::LogTo::File) use(std::move(file));
    if (to_ == config::LogTo::Stderr) use(Fd(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)));
    if (to_ != config::LogTo::Syslog) return;
    use(Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
    if (!connect_syslog())
      log(Level::Warn, "syslog: /dev/log: ", std::string_view(strerror(errno)));
  }

  // A line that was begun stays what it is.
  void give_up() {
    lost_ += std::exchange(begun_, false);
    batch_.clear();
  }

  void add(std::string_view line) {
    if (to_ == config::LogTo::Syslog) return send_syslog(line);
    batch_.append(line).append("\n");
  }

  bool is_full() const { return batch_.size() >= batch_bytes; }

  void flush() {
    std::string_view rest = batch_;
    while (!rest.empty() && file_.is_open() && has_room()) {
      std::string_view piece = first_piece(rest);
      ssize_t size = ::write(file_.get(), piece.data(), piece.size());
      if (size > 0) {
        begun_ = piece[static_cast<std::size_t>(size) - 1] != '\n';
        rest.remove_prefix(static_cast<std::size_t>(size));
      } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
        break;
      }
    }
    lose(rest.size());
  }

  std::uint64_t take_lost() { return std::exchange(lost_, 0); }

 private:
  void use(Fd file) {
    struct stat kind {};
    file_ = std::move(file);
    is_regular_ = ::fstat(file_.get(), &kind) == 0 && S_ISREG(kind.st_mode);
    stalled_ = false;
  }

  // False if the reader stands still.  It has time once, and again when it has moved.
  bool has_room() {
    if (is_regular_) return true;
    pollfd wait{file_.get(), POLLOUT, 0};
    int ready = ::poll(&wait, 1, stalled_ ? 0 : patience_ms);
    stalled_ = ready == 0;
    return !stalled_;
  }

  // What a pipe that has room takes without waiting: whole lines, unless one alone is too long.
  std::string_view first_piece(std::string_view rest) const {
    if (is_regular_ || rest.size() <= PIPE_BUF) return rest;
    std::size_t end = rest.rfind('\n', PIPE_BUF - 1);
    return rest.substr(0, end == std::string_view::npos ? PIPE_BUF : end + 1);
  }

  // Gives up the last so many bytes of the batch, but for the rest of a line that was begun.
  void lose(std::size_t size) {
    batch_.erase(0, batch_.size() - size);
    std::size_t kept = begun_ ? batch_.find('\n') + 1 : 0;
    lost_ += static_cast<std::uint64_t>(
        std::count(batch_.begin() + static_cast<std::ptrdiff_t>(kept), batch_.end(), '\n'));
    batch_.resize(kept);
  }

  bool connect_syslog() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string_view("/dev/log").copy(address.sun_path, sizeof(address.sun_path) - 1);
    return ::connect(file_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }

  void send_syslog(std::string_view line) {
    std::string message = "<" + std::to_string(priority_) + ">weir: ";
    message.append(line);
    auto sent = [&] {
      return has_room() && ::send(file_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0;
    };
    // It may have been started again, or only now.
    if (!sent() && (stalled_ || !connect_syslog() || !sent())) ++lost_;
  }

  config::LogTo to_ = config::LogTo::Off;
  int priority_;
  Fd file_;
  bool is_regular_ = false;
  bool stalled_ = false;
  bool begun_ = false;  ///< the batch begins inside a line whose first part was written
  std::string batch_;
  std::uint64_t lost_ = 0;
};

Target* errors = nullptr;  // of this process, for weir::log

void write_error(std::string_view line) {
  errors->add(line);
  errors->flush();
}

// The two state files, of which one is written at a time.
class StateFiles {
 public:
  explicit StateFiles(std::vector<Fd> files) : files_(std::move(files)) {}

  void begin(std::uint32_t which) {
    batch_.clear();
    unsynced_ = false;
    if (which < files_.size() && ::ftruncate(files_[which].get(), 0) != 0)
      log(Level::Error, "state file: ", std::string_view(strerror(errno)));
  }

  void add(std::uint32_t which, std::string_view record) {
    if (which >= files_.size()) return;
    // The last word of a writer that was killed may be half a line: it shall not spoil ours.
    if (std::exchange(fresh_, false)) batch_ += '\n';
    batch_.append(record).append("\n");
    which_ = which;
  }

  /// From here on records go to these; what was on its way to the former ones is of no use any more.
  void aim(std::vector<Fd> files) {
    files_ = std::move(files);
    batch_.clear();
    unsynced_ = false;
  }

  /// Something has not reached the disk yet.
  bool is_behind() const { return !batch_.empty() || unsynced_; }

  /// False if something did not reach the disk; it is kept for the next time.
  bool flush() {
    if (!is_behind()) return true;
    int fd = files_[which_].get();
    if (::lseek(fd, 0, SEEK_END) < 0) return fail();
    while (!batch_.empty()) {
      ssize_t size = ::write(fd, batch_.data(), batch_.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return fail();
      batch_.erase(0, static_cast<std::size_t>(size));
      unsynced_ = true;
    }
    if (::fdatasync(fd) != 0) return fail();
    unsynced_ = false;
    return true;
  }

 private:
  static bool fail() {
    log(Level::Error, "state file: ", std::string_view(strerror(errno)), "; trying again");
    return false;
  }

  std::vector<Fd> files_;
  std::string batch_;
  std::uint32_t which_ = 0;
  bool fresh_ = true;
  bool unsynced_ = false;
};

class Writer {
 public:
  Writer(net::Channel channel, Setup setup, shm::Segment segment)
      : channel_(std::move(channel)),
        setup_(std::move(setup)),
        segment_(std::move(segment)),
        error_(setup_.plan.error_log, std::move(setup_.error_log), 3 * 8 + 5),
        access_(setup_.plan.access_log, std::move(setup_.access_log), 3 * 8 + 6),
        state_(std::move(setup_.state)),
        lost_(segment_),
        hold_(setup_.plan.access_log) {
    know_rings();
  }

  int run() {
    if (auto locked = lock_down(setup_); !locked) {
      (void)channel_.send(net::MessageType::Failed, locked.error().text());
      return 1;
    }
    errors = &error_;
    set_logger("writer", level_from(setup_.plan.error_log.level), write_error);
    (void)channel_.send(net::MessageType::Ready);
    while (!stopping_ && !(is_orphan_ && !segment_.has_users())) {
      if (const std::uint64_t us = hold_us(); us > 0) {
        hold(us);
        continue;
      }
      const bool has_found = drain();
      hold_.end(rings_);
      report();
      if (new_logs_) take_logs(*std::exchange(new_logs_, std::nullopt));
      if (has_found)
        rest();
      else if (sleep_allowed())
        sleep();
    }
    (void)drain();
    access_.give_up();
    reported_ = 0;  // last words
    report();
    return 0;
  }

 private:
  /// There may be more workers than before; their rings come last.  True if there are.
  bool know_rings() {
    std::size_t before = rings_.size(), count = shm::RingOf::count(segment_.workers());
    while (rings_.size() < count)
      rings_.emplace_back(segment_, static_cast<std::uint32_t>(rings_.size()));
    cursors_.resize(count);
    return rings_.size() > before;
  }

  /// Writes what lies in the rings; true if anything did.
  bool drain() {
    bool has_found = false;
    while (collect()) {
      has_found = true;
      // Killed before the release, the next writer writes these again: better twice than not at all.
      error_.flush();
      access_.flush();
      sync(cursors_[shm::RingOf::control]);
      for (std::size_t i = 0; i < rings_.size(); ++i) rings_[i].release(cursors_[i]);
    }
    sync(records().tail());
    return has_found;
  }

  // Takes lines until one of the logs has enough for a large piece; the ring where it stops is the first one next time.
  bool collect() {
    bool has_found = false;
    for (std::size_t i = 0; i < rings_.size(); ++i) cursors_[i] = rings_[i].tail();
    for (std::size_t i = 0; i < rings_.size() && !is_full(); ++i) {
      const std::size_t at = (first_ + i) % rings_.size();
      shm::LogRing::Line line;
      while (!is_full() && rings_[at].read(cursors_[at], line)) take(rings_[at], line);
      has_found |= cursors_[at] != rings_[at].tail();
      if (is_full()) first_ = at;
    }
    return has_found;
  }

  bool is_full() const { return access_.is_full() || error_.is_full(); }

  /// The ring by which records come: control's.
  shm::LogRing& records() { return rings_[shm::RingOf::control]; }

  // What the disk does not take is kept; when it has taken all, whoever waits for it is told, unless the master was dead by
  // then: its successor may have read the files before.
  void sync(std::uint64_t cursor) {
    if (!state_.is_behind() || !state_.flush() || is_orphan_ || channel_.is_hung_up()) return;
    records().note_synced(cursor);
    wake(setup_.control_waker());
  }

  void take(shm::LogRing& ring, const shm::LogRing::Line& line) {
    using Kind = shm::LogRing::Kind;
    // Nobody else has a say in the state file, whatever stands in its ring.
    const bool is_control = &ring == &records();
    switch (line.kind) {
      case Kind::Access: return access_.add(line.text);
      case Kind::Error: return error_.add(line.text);
      case Kind::State:
        if (is_control) state_.add(ring.state_file(), line.text);
        return;
      case Kind::StateBegin:
        if (!is_control) return;
        // It may be meant for files that have been handed over meanwhile.
        take_messages();
        ring.set_state_file(line.text == "1");
        return state_.begin(ring.state_file());
    }
  }

  // Lines that were lost are told of, but not so often that this fills the disk in turn.
  void report() {
    for (shm::LogRing& ring : rings_) dropped_ += ring.take_dropped();
    note_lost();
    time_t now = time(nullptr);
    if (dropped_ == 0 || now - reported_ < report_seconds) return;
    log(Level::Warn, dropped_, " log lines were dropped: the log could not take them in time");
    reported_ = now;
    const std::uint64_t told = std::exchange(dropped_, 0);
    if (note_lost() > 0) dropped_ += told;  // nobody was told
  }

  /// Lines that the logs did not take; how many of them were for the error log.
  std::uint64_t note_lost() {
    const std::uint64_t access = access_.take_lost(), error = error_.take_lost();
    lost_.add(shm::LostLines::Of::Access, access);
    lost_.add(shm::LostLines::Of::Error, error);
    dropped_ += access + error;
    return error;
  }

  bool sleep_allowed() {
    if (know_rings()) return false;
    for (shm::LogRing& ring : rings_)
      if (!ring.prepare_to_sleep()) return false;
    return true;
  }

  /// How long what lies in the rings may wait.  Not for a master that has died, whose successor has a writer of its own, and not
  /// while other work is due.
  std::uint64_t hold_us() {
    if (is_orphan_ || new_logs_ || state_.is_behind()) return 0;
    (void)know_rings();
    return hold_.wait_us(rings_, monotonic_us());
  }

  void hold(std::uint64_t us) {
    const int ms = static_cast<int>((us + 999) / 1000), most = most_ms();
    wait(most < 0 ? ms : std::min(ms, most));
    report();
  }

  void sleep() { wait(most_ms()); }

  /// After this time there is work even if no line comes; -1 = there is none.
  int most_ms() const {
    return is_orphan_           ? orphan_look_ms
           : state_.is_behind() ? 1000
           : dropped_ > 0       ? static_cast<int>(report_seconds) * 1000
                                : -1;
  }

  // To be woken for every line costs those who write them more than the lines do.
  void rest() {
    for (shm::LogRing& ring : rings_) ring.prepare_to_rest(shm::LogRing::half);
    wait(rest_ms);
  }

  void wait(int most_ms) {
    pollfd wait[2] = {{setup_.writer_waker(), POLLIN, 0},
                      {is_orphan_ ? -1 : channel_.fd(), POLLIN, 0}};
    (void)::poll(wait, 2, most_ms);
    for (shm::LogRing& ring : rings_) ring.wake();
    if (wait[0].revents) clear_wake(setup_.writer_waker());
    if (wait[1].revents) take_message();
  }

  // The master has died.  Its workers still answer, and what they tell is written until the last of them has ended.  The
  // state file belongs to the next master: a record that comes now is dropped, and nobody is told that it is on the disk.
  void outlive_master() {
    is_orphan_ = true;
    log(Level::Error, "the master has died; its workers serve for ",
        Orphan::patience_us / 1'000'000,
        " more seconds, unless another master takes their sockets");
    sync(records().tail());
    state_.aim({});
  }

  void take_messages() {
    for (pollfd wait{channel_.fd(), POLLIN, 0};
         !stopping_ && !is_orphan_ && ::poll(&wait, 1, 0) > 0;)
      take_message();
  }

  void take_message() {
    auto message = channel_.receive();
    if (!message) {
      outlive_master();
    } else if (message->type == net::MessageType::Stop) {
      stopping_ = true;
    } else if (message->type == net::MessageType::Logs) {
      new_logs_ = std::move(*message);  // what lies in the rings belongs to the former ones
    } else if (message->type == net::MessageType::State) {
      state_.aim(std::move(message->descriptors));
    }
  }

  // Which descriptors there are (e: error log, a: access log), a line end, and the plan.
  void take_logs(net::Message message) {
    std::string_view bytes = message.bytes;
    std::string_view which = take_until(bytes, '\n');
    auto plan = read_plan(bytes);
    if (!plan) return;
    std::size_t next = 0;
    auto take = [&](char each) {
      bool is_there = which.find(each) != std::string_view::npos;
      return is_there && next < message.descriptors.size() ? std::move(message.descriptors[next++])
                                                           : Fd();
    };
    error_.aim(plan->error_log, take('e'));
    access_.aim(plan->access_log, take('a'));
    hold_.set(plan->access_log);
    set_log_threshold(level_from(plan->error_log.level));
  }

  net::Channel channel_;
  Setup setup_;
  shm::Segment segment_;
  Target error_, access_;
  StateFiles state_;
  shm::LostLines lost_;
  LineHold hold_;
  std::optional<net::Message> new_logs_;  ///< where lines go after the next drain
  std::vector<shm::LogRing> rings_;
  std::vector<std::uint64_t> cursors_;  ///< of each ring, how far it was read
  std::size_t first_ = 0;               ///< the ring that is read first
  std::uint64_t dropped_ = 0;
  time_t reported_ = 0;
  bool stopping_ = false;
  bool is_orphan_ = false;
};

}  // namespace

int run_writer(net::Channel channel) {
  signal(SIGPIPE, SIG_IGN);
  auto setup = receive_setup(channel);
  if (!setup) return 1;
  set_logger("writer", level_from(setup->plan.error_log.level), nullptr);
  auto segment = shm::Segment::attach(setup->shared.release());
  if (!segment) return 1;
  return Writer(std::move(channel), std::move(*setup), std::move(*segment)).run();
}

}  // namespace weir::process
