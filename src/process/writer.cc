// SPDX-License-Identifier: Apache-2.0
#include "process/writer.h"

#include "base/logger.h"
#include "process/log_port.h"
#include "process/privileges.h"
#include "process/setup.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <string>

namespace weir::process {

namespace {

constexpr std::size_t batch_bytes = 256 * 1024;
constexpr time_t report_seconds = 10;

// Where one kind of line goes.
class Target {
 public:
  Target(const config::LogTarget& target, Fd file, int priority)
      : to_(target.to), priority_(priority) {
    if (to_ == config::LogTo::File) file_ = std::move(file);
    if (to_ == config::LogTo::Stderr) file_ = Fd(::dup(STDERR_FILENO));
    if (to_ == config::LogTo::Syslog) connect_syslog();
  }

  void reopen(Fd file) {
    if (to_ == config::LogTo::File) file_ = std::move(file);
  }

  void add(std::string_view line) {
    if (to_ == config::LogTo::Syslog) return send_syslog(line);
    batch_.append(line).append("\n");
    if (batch_.size() >= batch_bytes) flush();
  }

  void flush() {
    std::string_view rest = batch_;
    while (!rest.empty() && file_.is_open()) {
      ssize_t written = ::write(file_.get(), rest.data(), rest.size());
      if (written > 0)
        rest.remove_prefix(static_cast<std::size_t>(written));
      else if (written < 0 && errno == EAGAIN)
        wait_writable();
      else if (written >= 0 || errno != EINTR)
        break;
    }
    // A full disk: these lines are lost, and counted, so that others are not held up for ever.
    for (char c : rest) lost_ += c == '\n';
    batch_.clear();
  }

  std::uint64_t take_lost() { return std::exchange(lost_, 0); }

 private:
  void wait_writable() {
    pollfd wait{file_.get(), POLLOUT, 0};
    (void)::poll(&wait, 1, 1000);
  }

  void connect_syslog() {
    file_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string_view("/dev/log").copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (::connect(file_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
      log(Level::Warn, "syslog: /dev/log: ", std::string_view(strerror(errno)));
  }

  void send_syslog(std::string_view line) {
    std::string message = "<" + std::to_string(priority_) + ">weir: ";
    message.append(line);
    if (::send(file_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) ++lost_;
  }

  config::LogTo to_;
  int priority_;
  Fd file_;
  std::string batch_;
  std::uint64_t lost_ = 0;
};

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
    // The last word of a writer that was killed may be half a line: it shall not spoil ours.
    if (std::exchange(fresh_, false)) batch_ += '\n';
    batch_.append(record).append("\n");
    which_ = which;
  }

  /// Something has not reached the disk yet.
  bool is_behind() const { return !batch_.empty() || unsynced_; }

  /// False if something did not reach the disk; it is kept for the next time.
  bool flush() {
    if (!is_behind() || which_ >= files_.size()) return true;
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
        state_(std::move(setup_.state)) {
    for (std::uint32_t i = 0; i < segment_.layout().rings; ++i) rings_.emplace_back(segment_, i);
  }

  int run() {
    if (auto locked = lock_down(setup_); !locked) {
      (void)channel_.send(net::MessageType::Failed, locked.error().text());
      return 1;
    }
    (void)channel_.send(net::MessageType::Ready);
    while (!stopping_) {
      drain();
      report();
      if (sleep_allowed()) sleep();
    }
    drain();
    return 0;
  }

 private:
  void drain() {
    for (shm::LogRing& ring : rings_) {
      std::uint64_t before = ring.tail(), cursor = before;
      shm::LogRing::Line line;
      while (ring.read(cursor, line)) take(ring, line);
      if (cursor == before) continue;
      // Killed before the release, the next writer writes these again: better twice than not at all.
      access_.flush();
      error_.flush();
      sync(&ring == &records() ? cursor : records().tail());
      ring.release(cursor);
    }
    sync(records().tail());
  }

  /// The ring by which records come: control's.
  shm::LogRing& records() { return rings_[setup_.plan.workers]; }

  // What the disk does not take is kept; when it has taken all, whoever waits for it is told.
  void sync(std::uint64_t cursor) {
    if (!state_.is_behind() || !state_.flush()) return;
    records().note_synced(cursor);
    wake(setup_.wakers[setup_.plan.workers].get());
  }

  void take(shm::LogRing& ring, const shm::LogRing::Line& line) {
    using Kind = shm::LogRing::Kind;
    switch (line.kind) {
      case Kind::Access: return access_.add(line.text);
      case Kind::Error: return error_.add(line.text);
      case Kind::State: return state_.add(ring.state_file(), line.text);
      case Kind::StateBegin:
        ring.set_state_file(line.text == "1");
        return state_.begin(ring.state_file());
    }
  }

  // Lines that were lost are told of, but not so often that this fills the disk in turn.
  void report() {
    for (shm::LogRing& ring : rings_) dropped_ += ring.take_dropped();
    dropped_ += access_.take_lost() + error_.take_lost();
    time_t now = time(nullptr);
    if (dropped_ == 0 || now - reported_ < report_seconds) return;
    log(Level::Warn, dropped_, " log lines were dropped: the log could not take them in time");
    reported_ = now;
    dropped_ = 0;
  }

  bool sleep_allowed() {
    for (shm::LogRing& ring : rings_)
      if (!ring.prepare_to_sleep()) return false;
    return true;
  }

  void sleep() {
    pollfd wait[2] = {{setup_.wakers.back().get(), POLLIN, 0}, {channel_.fd(), POLLIN, 0}};
    int patience = state_.is_behind() ? 1000
                   : dropped_ > 0     ? static_cast<int>(report_seconds) * 1000
                                      : -1;
    (void)::poll(wait, 2, patience);
    for (shm::LogRing& ring : rings_) ring.wake();
    if (wait[0].revents) clear_wake(setup_.wakers.back().get());
    if (wait[1].revents) take_message();
  }

  void take_message() {
    auto message = channel_.receive();
    if (!message || message->type == net::MessageType::Stop) {
      stopping_ = true;
    } else if (message->type == net::MessageType::Logs) {
      std::size_t next = 0;
      bool has_error = message->bytes.find('e') != std::string::npos;
      bool has_access = message->bytes.find('a') != std::string::npos;
      if (has_error) error_.reopen(std::move(message->descriptors[next++]));
      if (has_access) access_.reopen(std::move(message->descriptors[next++]));
    }
  }

  net::Channel channel_;
  Setup setup_;
  shm::Segment segment_;
  Target error_, access_;
  StateFiles state_;
  std::vector<shm::LogRing> rings_;
  std::uint64_t dropped_ = 0;
  time_t reported_ = 0;
  bool stopping_ = false;
};

}  // namespace

int run_writer(net::Channel channel) {
  auto setup = receive_setup(channel);
  if (!setup) return 1;
  set_logger("writer", level_from(setup->plan.error_log.level), nullptr);
  auto segment = shm::Segment::attach(setup->shared.release());
  if (!segment) return 1;
  return Writer(std::move(channel), std::move(*setup), std::move(*segment)).run();
}

}  // namespace weir::process
