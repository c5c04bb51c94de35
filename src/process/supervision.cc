// SPDX-License-Identifier: Apache-2.0
#include "process/supervision.h"

#include <weir/log.h>

#include "base/text.h"
#include "shm/server_table.h"
#include "shm/worker_state.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>

namespace weir::process {

namespace {

constexpr std::uint64_t grace_us = 1'000'000;  // to leave last words

std::string seconds(std::uint64_t us) {
  return concat(std::to_string(us / 1'000'000), ".", std::to_string(us / 100'000 % 10), " s");
}

std::string hex(std::uint64_t number, const char* format) {
  char text[24];
  std::snprintf(text, sizeof(text), format, static_cast<unsigned long long>(number));
  return text;
}

std::string fingerprint_text(std::uint64_t print) { return hex(print, "%016llx"); }

}  // namespace

std::string tell(const shm::LastWords& words) {
  std::string text;
  if (words.in_builder) return "in its builder thread, not in a stream";
  if (words.errand[0] != 0) {
    text = concat("in ", words.errand);
  } else if (words.has_request) {
    text = concat("in stream ", words.method, " ", words.path, " of listener ", words.listener);
    if (words.route[0] != 0)
      text +=
          concat(", route ", words.route, " (", words.file, ":", std::to_string(words.line), ")");
    text += concat(", phase ", words.phase, ", host ", words.host, ", client ", words.client,
                   ", fingerprint ", fingerprint_text(words.fingerprint));
  } else if (words.has_client) {
    text =
        concat("for client ", words.client, " of listener ", words.listener, ", without a request");
  } else {
    text = "outside of any stream";
  }
  if (words.call[0] != 0) text += concat(", call ", words.call);
  return text + ", turn of " + std::to_string(words.turn_us / 1000) + " ms";
}

// The frames before the first one in a library belong to the signal: the handler, and how it was called.
std::string tell_trace(const shm::LastWords& words) {
  constexpr std::uint32_t most_own = 5;
  std::uint32_t begin = 0;
  for (std::uint32_t i = 0; i < std::min(words.frames, most_own) && begin == 0; ++i)
    if (words.trace[i] == 0) begin = i + 1;
  std::string text;
  for (std::uint32_t i = begin; i < words.frames; ++i)
    if (words.trace[i] != 0) text += (text.empty() ? "" : " ") + hex(words.trace[i], "0x%llx");
  return text;
}

Supervision::Supervision(const shm::Segment& segment, Kernel& kernel, std::uint64_t stall_us)
    : segment_(segment),
      kernel_(kernel),
      quarantine_(segment),
      stall_us_(stall_us),
      last_us_(kernel.monotonic_us()),
      next_us_(last_us_ + Pulse::look_us) {}

Supervision::Watched& Supervision::of(const Child& child) {
  if (workers_.size() <= child.index) workers_.resize(child.index + 1);
  return workers_[child.index];
}

bool Supervision::is_late(const Child& child) const {
  return !child.stranger && child.index < workers_.size() && workers_[child.index].late;
}

void Supervision::note_stop(const Child& child, int signal) {
  if (child.role == Role::Worker && !child.stranger) of(child).stopped_by = signal;
  next_us_ = std::min(next_us_, std::max(last_us_, kernel_.monotonic_us()) + Pulse::look_us);
}

bool Supervision::look(const std::list<Child>& children, std::uint64_t now_us) {
  if (now_us < next_us_) return false;
  std::uint64_t since = now_us - std::exchange(last_us_, now_us);
  if (quarantine_.is_used()) quarantine_.expire(now_us);
  bool changed = false, asleep = true;
  for (const Child& child : children) {
    if (child.role != Role::Worker || child.stranger || child.pid == 0) continue;
    Watched& watched = of(child);
    changed = look_at(child, watched, since) || changed;
    asleep = asleep && watched.pulse.is_asleep() && watched.kill_at_us == 0;
    // Nor does one go on that was told to die, though whoever traces it may keep the signal from it.
    const bool stalls = stall_us_ > 0 && watched.pulse.held_us() >= stall_us_;
    if (stalls || watched.kill_at_us != 0) end(child, watched, now_us);
  }
  next_us_ = now_us + (asleep ? Pulse::rest_us : Pulse::look_us);
  return changed;
}

bool Supervision::look_at(const Child& child, Watched& watched, std::uint64_t since_us) {
  std::uint64_t before = watched.pulse.held_us();
  watched.pulse.look(shm::WorkerState(segment_, child.index).turn(), watched.stopped_by != 0,
                     since_us);
  bool late = watched.pulse.is_late();
  if (late == std::exchange(watched.late, late)) return false;
  if (late)
    log(Level::Warn, child.name(), " has not turned its loop for ",
        seconds(watched.pulse.held_us()), ": nothing new goes to it");
  else
    log(Level::Notice, child.name(), " turns again, after ", seconds(before));
  return true;
}

void Supervision::end(const Child& child, Watched& watched, std::uint64_t now_us) {
  if (watched.kill_at_us == 0) {
    watched.was_stopped = watched.stopped_by != 0;
    watched.kill_at_us = now_us + grace_us;
    watched.held_us = watched.pulse.held_us();
    log(Level::Error, child.name(), ", process ", child.pid, ", has not turned its loop for ",
        seconds(watched.pulse.held_us()),
        watched.was_stopped
            ? concat(" (stopped by signal ", std::to_string(watched.stopped_by), ")")
            : std::string(),
        ": it is ended");
    kernel_.kill(child.pid, SIGABRT);
    // A stopped process handles SIGABRT, and writes its crash report, only when it continues.
    kernel_.kill(child.pid, SIGCONT);
  } else if (now_us >= watched.kill_at_us) {
    watched.kill_at_us = UINT64_MAX;
    kernel_.kill(child.pid, SIGKILL);
    log(Level::Error, child.name(), ", process ", child.pid, ", does not end: it is killed");
  }
}

std::string Supervision::tell_end(const Child& child, int status) {
  std::string how = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                        : "exit status " + std::to_string(WEXITSTATUS(status));
  std::string text = "ended: " + how;
  if (child.stranger) return text;
  if (child.role == Role::Control) return tell_control_end(child, how);
  if (child.role != Role::Worker) return text;
  const Watched last = std::exchange(of(child), Watched{});
  bool stalled = last.kill_at_us != 0;
  if (stalled) text = concat("stalled for ", seconds(last.held_us), " and ", text);
  shm::WorkerState(segment_, child.index).turn().store(0);
  shm::BlackBox box(segment_, child.index);
  if (box.reached() == shm::BlackBox::Part::Nothing) return text;
  shm::LastWords words = box.read();
  box.clear();
  if (std::string trace = tell_trace(words); !trace.empty())
    log(Level::Error, child.name(), " backtrace, for addr2line -Cfpie: ", trace);
  // A process that was stopped from outside did not stall because of its request.
  if (words.fingerprint != 0 && !last.was_stopped) suspect(words);
  return concat(stalled ? text : concat("crashed (", how, ")"), " ", tell(words));
}

std::string Supervision::tell_control_end(const Child& child, const std::string& how) {
  auto box = shm::BlackBox::of_control(segment_);
  if (box.reached() == shm::BlackBox::Part::Nothing) return "ended: " + how;
  shm::LastWords words = box.read();
  box.clear();
  if (std::string trace = tell_trace(words); !trace.empty())
    log(Level::Error, child.name(), " backtrace, for addr2line -Cfpie: ", trace);
  bool on_errand = words.errand[0] != 0;
  return concat(
      "crashed (", how, ") ",
      on_errand ? tell(words) : concat("outside of any command or check, call ", words.call));
}

void Supervision::suspect(const shm::LastWords& words) {
  shm::Culprit culprit;
  culprit.fingerprint = words.fingerprint;
  shm::set_text(culprit.listener, words.listener);
  shm::set_text(culprit.method, words.method);
  shm::set_text(culprit.path, words.path);
  std::uint32_t crashes = quarantine_.note(culprit, kernel_.monotonic_us());
  if (crashes < shm::Quarantine::most_crashes) return;
  quarantined_ = true;
  log(Level::Error, "requests like ", words.method, " ", words.path, " of listener ",
      words.listener, " (fingerprint ", fingerprint_text(words.fingerprint), ") have ended ",
      crashes, " workers: they are refused for ", shm::Quarantine::lasts_us / 60'000'000,
      " minutes");
}

}  // namespace weir::process
