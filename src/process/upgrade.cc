// SPDX-License-Identifier: Apache-2.0
#include "process/upgrade.h"

#include <weir/log.h>
#include <weir/version.h>

#include "base/cursor.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

namespace weir::process {

namespace {

using net::MessageType;

constexpr std::uint64_t trial_limit_us = 30'000'000;
constexpr std::uint64_t export_limit_us = 10'000'000;

}  // namespace

std::string own_binary() {
  constexpr std::string_view gone = " (deleted)";
  char path[PATH_MAX];
  ssize_t size = ::readlink("/proc/self/exe", path, sizeof(path));
  std::string text(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  if (text.ends_with(gone)) text.resize(text.size() - gone.size());
  return text;
}

Upgrade::Upgrade(UpgradeHost& host, std::string binary) : host_(host), binary_(std::move(binary)) {}

void Upgrade::begin(std::string_view order) {
  std::string by(take_until(order, '\t'));
  std::string ticket(order);
  std::string why = is_idle() ? host_.why_not() : "an upgrade is under way";
  if (!why.empty()) {
    log(Level::Notice, "no upgrade: ", why);
    return tell_control(MessageType::Refused, ticket, why);
  }
  by_ = std::move(by);
  ticket_ = std::move(ticket);
  log(Level::Notice, "upgrade by ", by_, ": trying ", binary_);
  if (auto started = start_trial(); !started) refuse(started.error().text());
}

Result<void> Upgrade::start_trial() {
  executable_ = Fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!executable_.is_open())
    return Error(Errc::System, std::string("the present binary: ") + strerror(errno));
  if (::access(binary_.c_str(), X_OK) != 0)
    return Error(Errc::System, binary_ + ": " + strerror(errno));
  Given given = host_.given();
  given.executable = executable_.get();
  HandoverText text(given);
  auto sealed = text.seal();
  if (!sealed) return sealed.error();
  auto spawned = host_.kernel().spawn_trial(trial_, binary_, sealed->get(), text.descriptors());
  if (!spawned) return spawned;
  step_ = Step::Trying;
  deadline_us_ = host_.kernel().monotonic_us() + trial_limit_us;
  return {};
}

void Upgrade::on_trial() {
  auto message = trial_.channel.receive();
  if (!message && message.error().code() == Errc::NotFound) return;
  trial_.channel.close();
  if (step_ != Step::Trying) return;
  if (!message) return refuse(binary_ + " ended in its trial");
  if (message->type != MessageType::Plan) return refuse(binary_ + ": " + message->bytes);
  verdict_ = read_verdict(message->bytes);
  verdict_.same_memory = verdict_.same_memory && host_.has_room();
  if (verdict_.same_memory) return exec(-1);
  // The successor of another layout gets a text instead of memory.
  Child* control = host_.control();
  carried_ = Fd(memfd_create("weir-carried", MFD_CLOEXEC));
  if (!control || !control->channel.send(MessageType::Export, {}, {carried_.get()}))
    return refuse("control is not running");
  step_ = Step::Exporting;
  deadline_us_ = host_.kernel().monotonic_us() + export_limit_us;
}

void Upgrade::on_exported(net::Message& message) {
  if (step_ != Step::Exporting) return;
  if (!message.bytes.empty()) return refuse(message.bytes);
  exec(carried_.get());
}

void Upgrade::exec(int carried) {
  if (std::string why = host_.why_not(); !why.empty()) return refuse(why);
  Given given = host_.given();
  given.executable = executable_.get();
  HandoverText text(given);
  text.add_lines("next_plan", verdict_.plan);
  text.add_locks(given.assets);
  text.add("memory", verdict_.same_memory ? "same" : "other");
  if (carried >= 0) text.add_descriptor("carried", carried);
  auto sealed = text.seal();
  if (!sealed) return refuse(sealed.error().text());
  std::string what = concat(version, " hands over to ", verdict_.version);
  log(Level::Notice, "weir ", what);
  tell_control(MessageType::Upgrading, ticket_, what);
  // It returns only to say what was wrong.
  refuse(exec_with(binary_, text.descriptors(), sealed->get(), {}).text());
}

void Upgrade::refuse(const std::string& why) {
  log(Level::Error, "no upgrade: ", why);
  tell_control(MessageType::Refused, ticket_, why);
  end_trial();
  executable_.reset();
  carried_.reset();
  step_ = Step::Idle;
  deadline_us_ = 0;
}

void Upgrade::end_trial() {
  trial_.channel.close();
  if (trial_.pid > 0) host_.kernel().kill(trial_.pid, SIGKILL);
}

// A signal has no ticket: nobody waits for what became of it.
void Upgrade::tell_control(MessageType type, const std::string& ticket, const std::string& text) {
  Child* control = ticket == "0" ? nullptr : host_.control();
  if (control) (void)control->channel.send(type, ticket + "\t" + text);
}

void Upgrade::on_death(const Child& child) {
  if (step_ == Step::Exporting && child.role == Role::Control) refuse("control died");
}

void Upgrade::on_exit(pid_t pid) {
  if (pid != trial_.pid) return;
  trial_.pid = 0;
  if (step_ == Step::Trying && trial_.channel.is_open()) on_trial();
}

void Upgrade::on_timer() {
  if (deadline_us_ == 0 || host_.kernel().monotonic_us() < deadline_us_) return;
  refuse(step_ == Step::Trying ? binary_ + " takes too long in its trial"
                               : "control takes too long to say what it knows");
}

}  // namespace weir::process
