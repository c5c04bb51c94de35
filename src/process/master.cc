// SPDX-License-Identifier: Apache-2.0
#include "process/master.h"

#include "base/logger.h"
#include "base/text.h"
#include "process/child.h"
#include "process/daemon.h"
#include "process/log_port.h"
#include "process/notify.h"
#include "process/pulse.h"
#include "process/reload.h"
#include "process/start.h"
#include "process/supervision.h"
#include "shm/drain.h"
#include "shm/in_flight.h"
#include "shm/server_table.h"
#include "shm/slot_table.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace weir::process {

namespace {

constexpr std::uint64_t young_us = 1'000'000;       // who dies younger than this is held back
constexpr std::uint64_t stop_grace_us = 3'000'000;  // between "stop" and SIGKILL

class Master final : private ReloadHost {
 public:
  Master(Assets assets, Daemon& daemon, const std::string& path)
      : assets_(std::move(assets)),
        daemon_(daemon),
        reload_(*this, assets_, path),
        slots_(*assets_.segment),
        in_flight_(*assets_.segment, 0),
        servers_(*assets_.segment),
        drain_(*assets_.segment),
        supervision_(*assets_.segment, assets_.plan.stall_ms * 1000) {
    std::uint32_t most = assets_.segment->layout().workers;
    children_.reserve(most + 2);
    for (std::uint32_t i = 0; i < most; ++i) {
      servers_.forget_worker(i);
      drain_.forget_worker(i);
    }
    add_child(Role::Writer, 0);
    add_child(Role::Control, 0);
    for (std::uint32_t i = 0; i < assets_.plan.workers; ++i) add_child(Role::Worker, i);
  }

  int run();

 private:
  enum class Phase { Starting, Running, Leaving, Draining, Stopping };

  void add_child(Role role, std::uint32_t index) {
    children_.emplace_back();
    children_.back().role = role;
    children_.back().index = index;
  }
  void block_signals();
  void take_signal();
  void start_child(Child& child);
  void take_message(Child& child);
  void reap();
  void buried(Child& child, int status);
  std::uint64_t hold_back(Child& child);
  void became_ready();
  void assign_slots();
  void wake_workers();
  void leave(std::uint64_t limit_ms);
  void drain();
  void stop_workers();
  void stop_rest();
  void reopen_logs();
  void tell(Role role, net::MessageType type);
  bool is_running(Role role) const;
  void start_workers();
  void send_logs();
  void retire(Child& child);
  std::vector<Child>& children() override { return children_; }
  void on_committed() override;
  void replace(Child& child, std::string_view why) override;
  void on_reloading(bool under_way) override;
  void run_timers();
  int next_timeout() const;

  Assets assets_;
  Daemon& daemon_;
  Reload reload_;
  shm::SlotTable slots_;
  shm::InFlight in_flight_;
  shm::ServerTable servers_;
  shm::Drain drain_;
  Supervision supervision_;
  Notify notify_;
  std::unique_ptr<LogPort> log_port_;
  std::vector<Child> children_;
  Fd signals_;
  Phase phase_ = Phase::Starting;
  std::uint64_t deadline_us_ = 0;  ///< of leaving, draining or stopping; 0 = none
  std::uint64_t limit_ms_ = 0;     ///< of draining, once it begins; 0 = none
  int status_ = 0;
};

void Master::block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGCHLD, SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGQUIT})
    sigaddset(&set, number);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = Fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

int Master::run() {
  block_signals();
  log_port_ = std::make_unique<LogPort>("master", level_from(assets_.plan.error_log.level),
                                        shm::LogRing(*assets_.segment, shm::RingOf::master),
                                        assets_.wakers[WakerOf::writer].get());
  assign_slots();
  // Workers find in shared memory what control has put there.
  for (Child& child : children_)
    if (child.role != Role::Worker) start_child(child);
  while (
      std::any_of(children_.begin(), children_.end(), [](const Child& c) { return c.pid != 0; })) {
    std::vector<pollfd> wait{{signals_.get(), POLLIN, 0}};
    for (Child& child : children_)
      wait.push_back({child.channel.is_open() ? child.channel.fd() : -1, POLLIN, 0});
    wait.push_back({reload_.loader_fd(), POLLIN, 0});
    (void)::poll(wait.data(), wait.size(), next_timeout());
    for (std::size_t i = 1; i + 1 < wait.size(); ++i)
      if (wait[i].revents) take_message(children_[i - 1]);
    if (wait.back().revents && reload_.loader_fd() == wait.back().fd) reload_.on_loader();
    if (wait[0].revents) take_signal();
    run_timers();
  }
  if (!assets_.plan.pid_file.empty()) ::unlink(assets_.plan.pid_file.c_str());
  return status_;
}

void Master::start_child(Child& child) {
  child.incarnation += child.started_us != 0;
  if (auto spawned = spawn(child); !spawned) {
    child.young_deaths = std::max(child.young_deaths + 1, 2U);
    std::uint64_t wait = hold_back(child);
    return log(Level::Error, child.name(), ": ", spawned.error().text(), "; tried again in ",
               wait / 1000, " ms");
  }
  child.generation = assets_.history.present().about.number;
  Setup setup = assets_.setup_of(child.role);
  setup.index = child.index;
  setup.incarnation = child.incarnation;
  if (auto sent = send_setup(child.channel, setup); !sent)
    log(Level::Error, child.name(), ": ", sent.error().text());
}

void Master::take_message(Child& child) {
  auto message = child.channel.receive();
  if (!message) {
    if (message.error().code() != Errc::NotFound) child.channel.close();  // its death follows
    return;
  }
  if (child.role == Role::Worker &&
      (message->type == net::MessageType::Prepared || message->type == net::MessageType::Refused))
    return reload_.on_worker(child, *message);
  if (child.role == Role::Control) reload_.on_control(*message);
  if (message->type == net::MessageType::Failed) {
    log(Level::Error, child.name(), ": ", message->bytes);
    if (phase_ == Phase::Starting)
      std::fprintf(stderr, "weir: %s: %s\n", child.name().c_str(), message->bytes.c_str());
  }
  if (message->type == net::MessageType::Shutdown && phase_ == Phase::Running) {
    std::uint64_t ms = to_number(message->bytes).value_or(0);
    log(Level::Notice, "an operator shuts weir down");
    return leave(ms ? ms : assets_.plan.shutdown_ms);
  }
  if (message->type != net::MessageType::Ready) return;
  child.ready = true;
  if (child.role == Role::Worker && child.generation != assets_.history.present().about.number)
    return replace(child, "was started with a former generation");
  if (child.role == Role::Worker) {
    assign_slots();
    reload_.on_worker_ready(child);
  }
  if (child.incarnation > 0)
    log(Level::Notice, child.name(), " is back, process ", child.pid);
  else if (phase_ != Phase::Starting)
    log(Level::Notice, child.name(), " is ready, process ", child.pid);
  if (phase_ != Phase::Starting) return;
  if (child.role == Role::Control) start_workers();
  became_ready();
}

void Master::became_ready() {
  if (!std::all_of(children_.begin(), children_.end(), [](const Child& c) { return c.ready; }))
    return;
  phase_ = Phase::Running;
  log(Level::Notice, "weir ready, ", assets_.plan.workers, " workers");
  if (assets_.plan.error_log.to != config::LogTo::Stderr || !logs(Level::Notice))
    std::fputs("weir ready\n", stderr);
  notify_.ready("serving, " + std::to_string(assets_.plan.workers) + " workers");
  daemon_.started();
}

// A socket whose worker is not ready, or does not turn its loop, goes to another one, so that nothing waits for the dead.
void Master::assign_slots() {
  std::vector<std::uint32_t> able;
  for (const Child& child : children_)
    if (child.role == Role::Worker && child.ready && !child.leaving && !supervision_.is_late(child))
      able.push_back(child.index);
  if (able.empty())
    for (std::uint32_t i = 0; i < assets_.plan.workers; ++i) able.push_back(i);
  std::size_t next = 0;
  for (const ListeningSocket& socket : assets_.sockets)
    slots_.assign(socket.slot,
                  is_shared(socket) ? shm::SlotTable::everybody : able[next++ % able.size()]);
  wake_workers();
}

void Master::wake_workers() {
  for (std::uint32_t i = 0; i < assets_.segment->workers(); ++i)
    wake(assets_.wakers[WakerOf::worker(i)].get());
}

void Master::reap() {
  constexpr int which = WNOHANG | WUNTRACED | WCONTINUED;
  int status;
  for (pid_t pid = ::waitpid(-1, &status, which); pid > 0; pid = ::waitpid(-1, &status, which)) {
    auto child = std::find_if(children_.begin(), children_.end(),
                              [pid](const Child& c) { return c.pid == pid; });
    if (child == children_.end()) {
      if (!WIFSTOPPED(status) && !WIFCONTINUED(status)) reload_.on_exit(pid);
      continue;
    }
    if (WIFSTOPPED(status) || WIFCONTINUED(status))
      supervision_.note_stop(*child, WIFSTOPPED(status) ? WSTOPSIG(status) : 0);
    else
      buried(*child, status);
  }
}

void Master::buried(Child& child, int status) {
  pid_t pid = std::exchange(child.pid, 0);
  // What it said last may explain its death.
  while (child.channel.is_open() && child.channel.fd() >= 0) {
    pollfd wait{child.channel.fd(), POLLIN, 0};
    if (::poll(&wait, 1, 0) <= 0) break;
    take_message(child);
  }
  child.channel.close();
  child.ready = false;
  std::string how = supervision_.tell_end(child, status);
  if (child.role == Role::Worker) {
    in_flight_.clear_worker(child.index, servers_.used());
    servers_.forget_worker(child.index);
    drain_.forget_worker(child.index);
    assign_slots();
  }
  reload_.on_death(child);
  if (child.leaving) return retire(child);
  bool wanted = phase_ < Phase::Draining || child.role != Role::Worker;
  if (phase_ == Phase::Stopping || !wanted) {
    if (status != 0) log(Level::Error, child.name(), ", process ", pid, ", ", how);
    if (child.role == Role::Worker && !is_running(Role::Worker)) stop_rest();
    return;
  }
  if (phase_ == Phase::Starting) {
    log(Level::Error, child.name(), ", process ", pid, ", ", how);
    std::fprintf(stderr, "weir: %s could not start (%s)\n", child.name().c_str(), how.c_str());
    status_ = 1;
    return stop_workers();
  }
  bool young = monotonic_us() - child.started_us < young_us;
  child.young_deaths = young ? child.young_deaths + 1 : 0;
  std::uint64_t wait = hold_back(child);
  log(Level::Error, child.name(), ", process ", pid, ", ", how, "; started again ",
      wait ? "in " + std::to_string(wait / 1000) + " ms" : "at once");
  if (wait == 0) start_child(child);
}

// Sets when it is to be started again, if not at once; how many microseconds that is.
std::uint64_t Master::hold_back(Child& child) {
  std::uint64_t wait = back_off_us(child.young_deaths);
  child.start_at_us = wait ? monotonic_us() + wait : 0;
  return wait;
}

void Master::tell(Role role, net::MessageType type) {
  for (Child& child : children_)
    if (child.role == role && child.channel.is_open()) (void)child.channel.send(type);
}

bool Master::is_running(Role role) const {
  return std::any_of(children_.begin(), children_.end(),
                     [role](const Child& c) { return c.role == role && c.pid; });
}

// Whoever is in front of us learns that we leave before we stop to accept, unless that was done already.
void Master::leave(std::uint64_t limit_ms) {
  limit_ms_ = limit_ms;
  if (phase_ == Phase::Leaving) return;
  std::uint64_t delay_ms = assets_.plan.drain_delay_ms;
  bool has_left = drain_.order(shm::Drain::instance).phase >= shm::DrainPhase::Draining;
  if (phase_ != Phase::Running || delay_ms == 0 || has_left) return drain();
  phase_ = Phase::Leaving;
  deadline_us_ = monotonic_us() + delay_ms * 1000;
  drain_.end(shm::DrainPhase::Leaving);
  log(Level::Notice, "weir leaves: not ready any more, and serving for ", delay_ms, " ms yet");
  wake_workers();
}

void Master::drain() {
  phase_ = Phase::Draining;
  notify_.stopping();
  deadline_us_ = limit_ms_ ? monotonic_us() + limit_ms_ * 1000 : 0;
  for (Child& child : children_) child.start_at_us = 0;
  drain_.end(shm::DrainPhase::Draining);
  wake_workers();
  tell(Role::Worker, net::MessageType::Drain);
  if (!is_running(Role::Worker)) stop_rest();
}

void Master::stop_workers() {
  phase_ = Phase::Stopping;
  notify_.stopping();
  deadline_us_ = monotonic_us() + stop_grace_us;
  tell(Role::Worker, net::MessageType::Stop);
  if (!is_running(Role::Worker)) stop_rest();
}

// The writer goes last, with everybody's last words in its rings.
void Master::stop_rest() {
  phase_ = Phase::Stopping;
  deadline_us_ = monotonic_us() + stop_grace_us;
  log(Level::Notice, "weir stops");
  tell(Role::Control, net::MessageType::Stop);
  tell(Role::Writer, net::MessageType::Stop);
}

void Master::reopen_logs() {
  auto opened = open_logs(assets_.plan, assets_.error_log, assets_.access_log);
  if (!opened) return log(Level::Error, opened.error().text());
  send_logs();
  log(Level::Notice, "log files opened again");
}

// Every wanted worker that does not run yet.
void Master::start_workers() {
  if (phase_ > Phase::Running) return;
  for (Child& child : children_)
    if (child.role == Role::Worker && !child.pid) start_child(child);
}

// A worker that was not wanted has ended.
void Master::retire(Child& child) {
  log(Level::Notice, child.name(), " has ended: it is not wanted any more");
  child.leaving = false;
  if (child.index < assets_.plan.workers) return start_child(child);  // it is again, meanwhile
  std::erase_if(children_, [&child](const Child& each) { return &each == &child; });
}

void Master::on_committed() {
  for (Child& child : children_) {
    if (child.role != Role::Worker || child.index < assets_.plan.workers) continue;
    child.leaving = true;
    (void)child.channel.send(net::MessageType::Drain);
  }
  assets_.segment->note_workers(assets_.plan.workers);
  for (std::uint32_t i = 0; i < assets_.plan.workers; ++i) {
    bool there = std::any_of(children_.begin(), children_.end(), [i](const Child& child) {
      return child.role == Role::Worker && child.index == i;
    });
    if (!there) add_child(Role::Worker, i);
  }
  start_workers();
  assign_slots();
  send_logs();
  supervision_.set_limit(assets_.plan.stall_ms * 1000);
  set_log_threshold(level_from(assets_.plan.error_log.level));
}

void Master::replace(Child& child, std::string_view why) {
  log(Level::Error, child.name(), " ", why, ": it is replaced");
  if (child.pid) ::kill(child.pid, SIGKILL);
}

void Master::on_reloading(bool under_way) {
  if (phase_ != Phase::Running) return;
  if (under_way)
    notify_.reloading();
  else
    notify_.ready("generation " + std::to_string(assets_.history.present().about.number) + ", " +
                  std::to_string(assets_.plan.workers) + " workers");
}

void Master::send_logs() {
  std::string which;
  std::vector<int> descriptors;
  if (assets_.error_log.is_open()) which += 'e', descriptors.push_back(assets_.error_log.get());
  if (assets_.access_log.is_open()) which += 'a', descriptors.push_back(assets_.access_log.get());
  which += "\n" + write_plan(assets_.plan);
  for (Child& child : children_)
    if (child.role == Role::Writer && child.channel.is_open())
      (void)child.channel.send(net::MessageType::Logs, which, descriptors);
}

void Master::take_signal() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    switch (static_cast<int>(info.ssi_signo)) {
      case SIGCHLD: reap(); break;
      case SIGHUP:
        if (phase_ == Phase::Running) reload_.on_signal();
        break;
      case SIGUSR2:
        log(Level::Notice, "SIGUSR2: this version does not upgrade in place; nothing changes");
        break;
      case SIGUSR1: reopen_logs(); break;
      case SIGQUIT:
        if (phase_ != Phase::Stopping) leave(0);
        break;
      case SIGTERM:
        phase_ < Phase::Leaving ? leave(assets_.plan.shutdown_ms) : stop_workers();
        break;
      case SIGINT: stop_workers(); break;
      default: break;
    }
  }
}

int Master::next_timeout() const {
  std::uint64_t next = supervision_.next_us();
  for (std::uint64_t at : {deadline_us_, notify_.next_us(), reload_.deadline()})
    if (at && at < next) next = at;
  for (const Child& child : children_)
    if (child.start_at_us && child.start_at_us < next) next = child.start_at_us;
  std::uint64_t now = monotonic_us();
  return next <= now ? 0 : static_cast<int>((next - now) / 1000 + 1);
}

void Master::run_timers() {
  std::uint64_t now = monotonic_us();
  for (Child& child : children_)
    if (child.start_at_us && child.start_at_us <= now) start_child(child);
  reload_.on_timer();
  if (supervision_.look(children_, now)) assign_slots();
  notify_.beat(now);
  if (deadline_us_ == 0 || deadline_us_ > now) return;
  deadline_us_ = 0;
  if (phase_ == Phase::Leaving) return drain();
  if (phase_ == Phase::Draining) return stop_workers();
  for (const Child& child : children_)
    if (child.pid) ::kill(child.pid, SIGKILL);
}

}  // namespace

int run_master(const MasterOptions& options) {
  Daemon daemon;
  if (options.daemonize && !daemon.detach()) return daemon.wait_for_start();
  auto assets = prepare(options.path);
  if (!assets) {
    std::fprintf(stderr, "weir: %s\n", assets.error().text().c_str());
    return 1;
  }
  if (auto written = write_pid_file(assets->plan); !written) {
    std::fprintf(stderr, "weir: %s\n", written.error().text().c_str());
    return 1;
  }
  return Master(std::move(*assets), daemon, options.path).run();
}

}  // namespace weir::process
