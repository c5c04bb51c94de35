// SPDX-License-Identifier: Apache-2.0
#include "process/takeover.h"

#include <weir/log.h>

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

namespace weir::process {

namespace {

constexpr std::uint64_t retry_us = 1'000'000;  // if there is no way back

}  // namespace

Takeover::Takeover(TakeoverHost& host, Crew& crew, Handover& given, Fd text, std::uint64_t limit_ms)
    : host_(host),
      crew_(crew),
      text_(std::move(text)),
      executable_(given.executable),
      descriptors_(std::move(given.descriptors)),
      former_version_(given.version),
      deadline_us_(host.kernel().monotonic_us() + limit_ms * 1000),
      same_memory_(given.same_memory) {
  given.children.remove_if([](const Child& child) { return child.pid == 0; });
  for (Child& child : given.children) {
    child.former = true;
    child.stranger = child.stranger || !same_memory_;
  }
  crew_.all().splice(crew_.all().end(), given.children);
  crew_.add(Role::Writer, 0);
  crew_.add(Role::Control, 0);
}

// Two writers of one memory would write each line twice, and two controls would both decide.  A writer of
// other memory stays until the last worker of that memory has ended.
void Takeover::begin() {
  for (Child& child : crew_.all()) {
    bool ends = child.role == Role::Control || (child.role == Role::Writer && !child.stranger);
    if (!child.former || !ends || child.pid == 0) continue;
    (void)child.channel.send(net::MessageType::Stop);
  }
  start_successors();
}

void Takeover::start_successors() {
  auto former_runs = [this](Role role) {
    return std::any_of(crew_.all().begin(), crew_.all().end(), [&](const Child& child) {
      bool waits = role == Role::Control || !child.stranger;
      return child.former && child.role == role && child.pid != 0 && waits;
    });
  };
  for (Child& child : crew_.all())
    if (!child.former && child.pid == 0 && child.role != Role::Worker && !former_runs(child.role))
      host_.start_child(child);
}

void Takeover::on_death(Child& child, std::string_view how) {
  if (!child.former) return go_back(child.name() + " of the new binary " + std::string(how));
  Role role = child.role;
  log(role == Role::Worker ? Level::Error : Level::Notice, "former ", child.name(), " ", how);
  crew_.remove(child);
  if (role != Role::Worker) start_successors();
}

void Takeover::on_ready() {
  for (const Child& child : crew_.all())
    if (!child.former && !child.ready) return;
  host_.on_taken_over();
}

void Takeover::go_back(const std::string& why) {
  deadline_us_ = 0;
  log(Level::Error, "the upgrade failed: ", why, "; weir ", former_version_, " comes back");
  for (Child& child : crew_.all())
    if (!child.former && child.pid > 0) host_.kernel().kill(child.pid, SIGKILL);
  for (Child& child : crew_.all())
    if (!child.former && child.pid > 0) (void)::waitpid(child.pid, nullptr, 0);
  std::string binary = "/proc/self/fd/" + std::to_string(executable_.get());
  Error error = exec_with(binary, descriptors_, text_.get(), why);
  log(Level::Error, "the former binary cannot be started again: ", error.text());
  for (Child& child : crew_.all()) {
    if (child.former) continue;
    child.pid = 0;
    child.ready = false;
    child.channel.close();
    child.start_at_us = host_.kernel().monotonic_us() + retry_us;
  }
}

void Takeover::on_timer() {
  if (deadline_us_ == 0 || host_.kernel().monotonic_us() < deadline_us_) return;
  std::string who;
  for (const Child& child : crew_.all())
    if (!child.former && !child.ready) who += (who.empty() ? "" : ", ") + child.name();
  go_back("not ready in time: " + (who.empty() ? std::string("workers") : who));
}

Result<void> adopt_assets(Handover& given, std::vector<Fd>& kept) {
  Assets& assets = given.assets;
  auto plan = read_plan(given.next_plan);
  if (!plan) return plan.error();
  assets.plan = std::move(*plan);
  assets.history.set_present_plan(assets.plan);
  if (auto limited = limit_connections(assets.plan, assets.sockets.size()); !limited)
    return limited;
  if (given.same_memory) return readopt_assets(given);
  for (Fd& waker : assets.wakers) kept.push_back(std::move(waker));
  assets.wakers.clear();
  kept.emplace_back(given.segment);
  return share(assets);
}

Result<void> readopt_assets(Handover& given) {
  auto segment = shm::Segment::attach(given.segment);
  if (!segment) return segment.error();
  given.assets.segment = std::make_unique<shm::Segment>(std::move(*segment));
  return {};
}

}  // namespace weir::process
