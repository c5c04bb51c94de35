// SPDX-License-Identifier: Apache-2.0
#include "process/master.h"

#include <weir/version.h>

#include "base/logger.h"
#include "base/text.h"
#include "process/pulse.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace weir::process {

namespace {

constexpr std::uint64_t stop_grace_us = 3'000'000;  // between "stop" and SIGKILL

}  // namespace

void Master::begin() {
  kernel_.take_signals();
  log_port_ = std::make_unique<LogPort>("master", level_from(assets_.plan.error_log.level),
                                        shm::LogRing(*assets_.segment, shm::RingOf::master),
                                        assets_.wakers[WakerOf::writer].get());
  for (const std::string& note : std::exchange(assets_.notes, {})) log(Level::Warn, note);
}

int Master::run_first() {
  begin();
  for (std::uint32_t i = 0; i < assets_.segment->layout().workers; ++i) forget_worker(i);
  crew_.add(Role::Writer, 0);
  crew_.add(Role::Control, 0);
  fit_staff();
  assign_slots();
  // Workers find in shared memory what control has put there.
  for (Child& child : children())
    if (child.role != Role::Worker) start_child(child);
  return run();
}

int Master::run_next(Handover& given, Fd text, std::vector<Fd> kept) {
  begin();
  phase_ = Phase::TakingOver;
  log(Level::Notice, "weir ", version, " takes over from ", given.version);
  notify_.reloading();
  assets_.news = concat("done\t", "weir ", given.version, " before");
  assets_.carried = Fd(std::exchange(given.carried, -1));
  if (!given.same_memory)
    for (std::uint32_t i = 0; i < assets_.segment->layout().workers; ++i) forget_worker(i);
  TakeoverHost& host = *this;
  takeover_.emplace(host, crew_, given, std::move(text), assets_.plan.upgrade_ms);
  for (Fd& fd : kept) takeover_->keep(std::move(fd));
  reap();
  fit_staff();
  takeover_->begin();
  return run();
}

int Master::run_again(Handover& given, const std::string& why) {
  begin();
  phase_ = Phase::Running;
  assets_.news = "failed\t" + why;
  log(Level::Error, "weir ", version, " is back: ", why);
  crew_.all() = std::move(given.children);
  for (Child& child : children()) {
    bool is_there = child.pid != 0 && ::waitpid(child.pid, nullptr, WNOHANG) == 0;
    if (is_there || child.leaving) continue;
    child.pid = 0;
    child.channel.close();
    if (child.role == Role::Worker) forget_worker(child.index);
    start_child(child);
  }
  assign_slots();
  notify_.ready("serving, " + std::to_string(assets_.plan.workers) + " workers");
  return run();
}

int Master::run() {
  while (crew_.is_anybody_left()) {
    std::vector<pollfd> wait{{reload_.loader_fd(), POLLIN, 0}, {upgrade_.trial_fd(), POLLIN, 0}};
    std::vector<Child*> who;
    for (Child& child : children()) {
      wait.push_back({child.channel.is_open() ? child.channel.fd() : -1, POLLIN, 0});
      who.push_back(&child);
    }
    kernel_.wait(wait, next_timeout());
    for (std::size_t i = 0; i < who.size(); ++i)
      if (wait[2 + i].revents) take_message(*who[i]);
    if (wait[0].revents && reload_.loader_fd() == wait[0].fd) reload_.on_loader();
    if (wait[1].revents && upgrade_.trial_fd() == wait[1].fd) upgrade_.on_trial();
    take_signals();
    run_timers();
  }
  if (!assets_.plan.pid_file.empty()) ::unlink(assets_.plan.pid_file.c_str());
  return status_;
}

// Whoever is in front of us learns that we leave before we stop to accept, unless that was done already.
void Master::leave(std::uint64_t limit_ms) {
  limit_ms_ = limit_ms;
  if (phase_ == Phase::Leaving) return;
  std::uint64_t delay_ms = assets_.plan.drain_delay_ms;
  bool has_left = drain_.order(shm::Drain::instance).phase >= shm::DrainPhase::Draining;
  if (phase_ != Phase::Running || delay_ms == 0 || has_left) return drain();
  phase_ = Phase::Leaving;
  deadline_us_ = kernel_.monotonic_us() + delay_ms * 1000;
  drain_.end(shm::DrainPhase::Leaving);
  log(Level::Notice, "weir leaves: not ready any more, and serving for ", delay_ms, " ms yet");
  wake_workers();
}

void Master::drain() {
  phase_ = Phase::Draining;
  takeover_.reset();
  notify_.stopping();
  deadline_us_ = limit_ms_ ? kernel_.monotonic_us() + limit_ms_ * 1000 : 0;
  crew_.call_off(Role::Worker);
  drain_.end(shm::DrainPhase::Draining);
  wake_workers();
  crew_.tell(Role::Worker, net::MessageType::Drain);
  if (!crew_.is_running(Role::Worker)) stop_rest();
}

void Master::stop_workers() {
  phase_ = Phase::Stopping;
  takeover_.reset();
  notify_.stopping();
  deadline_us_ = kernel_.monotonic_us() + stop_grace_us;
  crew_.call_off(Role::Worker);
  crew_.call_off(Role::Control);
  crew_.tell(Role::Worker, net::MessageType::Stop);
  if (!crew_.is_running(Role::Worker)) stop_rest();
}

// The writer goes last, with everybody's last words in its rings.
void Master::stop_rest() {
  phase_ = Phase::Stopping;
  deadline_us_ = kernel_.monotonic_us() + stop_grace_us;
  log(Level::Notice, "weir stops");
  crew_.call_off(Role::Control);
  for (Child& child : children())
    if (child.role == Role::Writer && child.start_at_us != 0) start_child(child);
  crew_.tell(Role::Control, net::MessageType::Stop);
  crew_.tell(Role::Writer, net::MessageType::Stop);
}

void Master::reopen_logs() {
  auto opened = open_logs(assets_.plan, assets_.error_log, assets_.access_log);
  if (!opened) return log(Level::Error, opened.error().text());
  send_logs();
  log(Level::Notice, "log files opened again");
}

void Master::on_reloading(bool begun) {
  if (phase_ != Phase::Running) return;
  if (begun)
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
  for (Child& child : children())
    if (child.role == Role::Writer && child.channel.is_open())
      (void)child.channel.send(net::MessageType::Logs, which, descriptors);
}

// ---- Upgrade -----------------------------------------------------------------------------------

Given Master::given() { return {assets_, crew_.all(), path_, reload_.last(), -1, reload_wanted_}; }

std::string Master::why_not() const {
  if (phase_ != Phase::Running) return "weir starts or ends";
  if (!reload_.is_idle()) return std::string(under_way);
  return {};
}

bool Master::has_room() const {
  return crew_.free_index(assets_.segment->layout().workers).has_value();
}

Child* Master::control() {
  for (Child& child : children())
    if (child.role == Role::Control && child.ready) return &child;
  return nullptr;
}

void Master::take_signals() {
  while (const int number = kernel_.next_signal()) {
    switch (number) {
      case SIGCHLD: reap(); break;
      case SIGHUP: reload_wanted_ = true; break;
      case SIGUSR2: upgrade_.begin("SIGUSR2\t0"); break;
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
  for (std::uint64_t at : {deadline_us_, notify_.next_us(), reload_.deadline(), upgrade_.deadline(),
                           takeover_ ? takeover_->deadline() : 0})
    if (at && at < next) next = at;
  for (const Child& child : crew_.all())
    if (child.start_at_us && child.start_at_us < next) next = child.start_at_us;
  std::uint64_t now = kernel_.monotonic_us();
  return next <= now ? 0 : static_cast<int>((next - now) / 1000 + 1);
}

void Master::run_timers() {
  std::uint64_t now = kernel_.monotonic_us();
  for (Child& child : children())
    if (child.start_at_us && child.start_at_us <= now) start_child(child);
  if (reload_wanted_ && phase_ == Phase::Running && upgrade_.is_idle()) {
    reload_wanted_ = false;
    reload_.on_signal();
  }
  reload_.on_timer();
  upgrade_.on_timer();
  if (takeover_) takeover_->on_timer();
  if (supervision_.look(children(), now)) assign_slots();
  notify_.beat(now);
  if (deadline_us_ == 0 || deadline_us_ > now) return;
  deadline_us_ = 0;
  if (phase_ == Phase::Leaving) return drain();
  if (phase_ == Phase::Draining) return stop_workers();
  // The writer comes after all others: it has their last words.
  bool is_last = !crew_.is_running(Role::Worker);
  for (const Child& child : children())
    if (child.pid && (is_last || child.role == Role::Worker)) kernel_.kill(child.pid, SIGKILL);
}

namespace {

// This program was execed by a master of another binary.
int resume(int text, const std::string& why) {
  Daemon daemon;
  auto given = read_handover(text);
  if (!given) {
    std::fprintf(stderr, "weir: %s\n", given.error().text().c_str());
    return 1;
  }
  std::vector<Fd> kept;
  auto adopted = why.empty() ? adopt_assets(*given, kept) : readopt_assets(*given);
  if (!adopted && why.empty()) {
    std::string binary = "/proc/self/fd/" + std::to_string(given->executable);
    adopted = exec_with(binary, given->descriptors, text, adopted.error().text());
  }
  if (!adopted) {
    std::fprintf(stderr, "weir: %s\n", adopted.error().text().c_str());
    return 1;
  }
  Master master(system_kernel(), std::move(given->assets), daemon, given->path, given->last);
  if (given->reload_wanted) master.want_reload();
  return why.empty() ? master.run_next(*given, Fd(text), std::move(kept))
                     : master.run_again(*given, why);
}

}  // namespace

int run_master(const MasterOptions& options) {
  std::string why;
  if (int handover = take_handover(why); handover >= 0) return resume(handover, why);
  Daemon daemon;
  if (options.daemonize && !daemon.detach()) return daemon.wait_for_start();
  auto assets = prepare(options.path);
  if (!assets) {
    std::fprintf(stderr, "weir: %s\n", assets.error().text().c_str());
    return 1;
  }
  std::uint64_t last = assets->history.present().about.number;
  return Master(system_kernel(), std::move(*assets), daemon, options.path, last).run_first();
}

}  // namespace weir::process
