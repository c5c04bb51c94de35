// SPDX-License-Identifier: Apache-2.0
//
// The master's children: what they say, how many there are, and what follows from their deaths.
#include <weir/version.h>

#include "base/logger.h"
#include "base/text.h"
#include "process/master.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace weir::process {

namespace {

constexpr std::uint64_t young_us = 1'000'000;  // who dies younger than this is held back

}  // namespace

void Master::start_child(Child& child) {
  child.incarnation += child.started_us != 0;
  if (auto spawned = kernel_.spawn(child, {}); !spawned) {
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
  using net::MessageType;
  switch (message->type) {
    case MessageType::Prepared:
    case MessageType::Refused:
      if (child.role == Role::Worker && !child.former) reload_.on_worker(child, *message);
      return;
    case MessageType::Failed:
      log(Level::Error, child.name(), ": ", message->bytes);
      if (phase_ == Phase::Starting)
        std::fprintf(stderr, "weir: %s: %s\n", child.name().c_str(), message->bytes.c_str());
      return;
    case MessageType::Ready: return became_ready(child);
    default:
      if (child.role == Role::Control) take_order(child, *message);
      return;
  }
}

// What control wants.
void Master::take_order(Child& child, net::Message& message) {
  switch (message.type) {
    case net::MessageType::Shutdown: {
      if (phase_ != Phase::Running) return;
      std::uint64_t ms = to_number(message.bytes).value_or(0);
      log(Level::Notice, "an operator shuts weir down");
      return leave(ms ? ms : assets_.plan.shutdown_ms);
    }
    case net::MessageType::Upgrade: return upgrade_.begin(message.bytes);
    case net::MessageType::Exported: return upgrade_.on_exported(message);
    case net::MessageType::Load:
      if (!upgrade_.is_idle() || phase_ != Phase::Running) {
        std::string ticket = message.bytes.substr(message.bytes.rfind('\t') + 1);
        (void)child.channel.send(net::MessageType::Refused, ticket + "\t" + std::string(under_way));
        return;
      }
      return reload_.on_control(message);
    default: return reload_.on_control(message);
  }
}

void Master::became_ready(Child& child) {
  child.ready = true;
  if (child.role == Role::Control) assets_.news.clear();
  if (child.role == Role::Worker && child.generation != assets_.history.present().about.number)
    return replace(child, "was started with a former generation");
  if (takeover_) {
    if (child.role == Role::Control) start_workers();
    return takeover_->on_ready();
  }
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
  have_started();
}

void Master::have_started() {
  if (!std::all_of(children().begin(), children().end(), [](const Child& c) { return c.ready; }))
    return;
  phase_ = Phase::Running;
  assets_.reclaimed.confirm();
  log(Level::Notice, "weir ready, ", assets_.plan.workers, " workers");
  if (assets_.plan.error_log.to != config::LogTo::Stderr || !logs(Level::Notice))
    std::fputs("weir ready\n", stderr);
  notify_.ready("serving, " + std::to_string(assets_.plan.workers) + " workers");
  daemon_.started();
}

// From here on there is no way back.
void Master::on_taken_over() {
  phase_ = Phase::Running;
  std::string from = takeover_->former_version();
  takeover_.reset();
  assets_.carried.reset();
  log(Level::Notice, "weir ", version, " has taken over from ", from, ", ", assets_.plan.workers,
      " workers");
  for (Child& child : children())
    if (child.former && child.role == Role::Worker) child.leaving = true;
  assign_slots();
  crew_.tell_former(net::MessageType::Drain);
  dismiss_strangers();
  notify_.ready("serving, " + std::to_string(assets_.plan.workers) + " workers");
}

// A socket whose worker is not ready, or does not turn its loop, goes to another one, so that nothing waits for the dead.
void Master::assign_slots() {
  std::vector<std::uint32_t> able, wanted;
  for (const Child& child : children()) {
    if (child.role != Role::Worker || child.leaving || child.stranger) continue;
    // Until a takeover is over the former ones serve.
    if (takeover_ && !child.former) continue;
    wanted.push_back(child.index);
    if (child.ready && !supervision_.is_late(child)) able.push_back(child.index);
  }
  if (able.empty()) able = wanted;
  if (able.empty()) return;
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
  for (Kernel::Change change = kernel_.next_change(); change.pid > 0;
       change = kernel_.next_change()) {
    const auto [pid, status] = change;
    bool has_ended = !WIFSTOPPED(status) && !WIFCONTINUED(status);
    Child* child = crew_.find(pid);
    if (!child && has_ended) {
      reload_.on_exit(pid);
      upgrade_.on_exit(pid);
    } else if (child && has_ended) {
      buried(*child, status);
    } else if (child) {
      supervision_.note_stop(*child, WIFSTOPPED(status) ? WSTOPSIG(status) : 0);
    }
  }
}

// Its words in shared memory are free for another one.
void Master::forget_worker(std::uint32_t index) {
  in_flight_.clear_worker(index, servers_.used());
  shared_connections_.clear_worker(index, servers_.used());
  queues_.clear_worker(index);
  servers_.forget_worker(index);
  drain_.forget_worker(index);
}

void Master::buried(Child& child, int status) {
  pid_t pid = std::exchange(child.pid, 0);
  // What it said last may explain its death.
  while (child.channel.is_open()) {
    pollfd wait{child.channel.fd(), POLLIN, 0};
    if (::poll(&wait, 1, 0) <= 0) break;
    take_message(child);
  }
  if (takeover_ && child.former && child.channel.is_open())
    takeover_->keep(child.channel.release());
  child.channel.close();
  child.ready = false;
  std::string how = supervision_.tell_end(child, status);
  if (supervision_.take_quarantined()) crew_.tell(Role::Control, net::MessageType::Quarantined);
  if (child.role == Role::Worker && !child.stranger) {
    forget_worker(child.index);
    assign_slots();
  }
  reload_.on_death(child);
  upgrade_.on_death(child);
  if (takeover_) return takeover_->on_death(child, how);
  if (child.leaving || child.former) return retire(child);
  bool wanted = phase_ < Phase::Draining || child.role != Role::Worker;
  if (phase_ == Phase::Stopping || !wanted) {
    if (status != 0) log(Level::Error, child.name(), ", process ", pid, ", ", how);
    if (child.role == Role::Worker && !crew_.is_running(Role::Worker)) stop_rest();
    return;
  }
  if (phase_ == Phase::Starting) {
    log(Level::Error, child.name(), ", process ", pid, ", ", how);
    std::fprintf(stderr, "weir: %s could not start (%s)\n", child.name().c_str(), how.c_str());
    status_ = 1;
    return stop_workers();
  }
  bool young = kernel_.monotonic_us() - child.started_us < young_us;
  child.young_deaths = young ? child.young_deaths + 1 : 0;
  std::uint64_t wait = hold_back(child);
  log(Level::Error, child.name(), ", process ", pid, ", ", how, "; started again ",
      wait ? "in " + std::to_string(wait / 1000) + " ms" : "at once");
  if (wait == 0) start_child(child);
}

// Sets when it is to be started again, if not at once; how many microseconds that is.
std::uint64_t Master::hold_back(Child& child) {
  std::uint64_t wait = back_off_us(child.young_deaths);
  child.start_at_us = wait ? kernel_.monotonic_us() + wait : 0;
  return wait;
}

// Every wanted worker that does not run yet.
void Master::start_workers() {
  if (phase_ > Phase::Running) return;
  for (Child& child : children())
    if (child.role == Role::Worker && !child.former && !child.pid && !child.leaving)
      start_child(child);
}

// As many workers as are wanted, as far as there are numbers for them: who leaves has one until it has ended.
void Master::fit_staff() {
  while (crew_.staff() > assets_.plan.workers) dismiss(*crew_.last_of_staff());
  while (crew_.staff() < assets_.plan.workers) {
    auto index = crew_.free_index(assets_.segment->layout().workers);
    if (!index) break;
    crew_.add(Role::Worker, *index);
    assets_.segment->note_workers(*index + 1);
  }
  wake(assets_.wakers[WakerOf::writer].get());
}

// It drains, and ends.
void Master::dismiss(Child& child) {
  child.leaving = true;
  if (child.pid == 0) return crew_.remove(child);
  (void)child.channel.send(net::MessageType::Drain);
}

// A worker that was leaving, or that ran the former binary, has ended.
void Master::retire(Child& child) {
  log(Level::Notice, child.former ? "former " : "", child.name(),
      " has ended: it is not wanted any more");
  crew_.remove(child);
  dismiss_strangers();
  if (phase_ > Phase::Running) {
    if (!crew_.is_running(Role::Worker)) stop_rest();
    return;
  }
  fit_staff();
  start_workers();
}

// Writers of other memory end when the last worker of it has.
void Master::dismiss_strangers() {
  auto is_there = [this](Role role) {
    return std::any_of(children().begin(), children().end(), [role](const Child& child) {
      return child.stranger && child.role == role && child.pid != 0;
    });
  };
  if (is_there(Role::Worker)) return;
  for (Child& child : children())
    if (child.stranger && child.channel.is_open()) (void)child.channel.send(net::MessageType::Stop);
}

void Master::on_committed() {
  fit_staff();
  start_workers();
  assign_slots();
  send_logs();
  supervision_.set_limit(assets_.plan.stall_ms * 1000);
  set_log_threshold(level_from(assets_.plan.error_log.level));
}

void Master::replace(Child& child, std::string_view why) {
  log(Level::Error, child.name(), " ", why, ": it is replaced");
  if (child.pid) kernel_.kill(child.pid, SIGKILL);
}

}  // namespace weir::process
