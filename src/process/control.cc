// SPDX-License-Identifier: Apache-2.0
#include "process/control.h"

#include <weir/version.h>

#include "admin/quarantine.h"
#include "admin/state_log.h"
#include "base/logger.h"
#include "base/wall_time.h"
#include "event/watch.h"
#include "process/admin_sockets.h"
#include "process/checks.h"
#include "process/crash.h"
#include "process/judge.h"
#include "process/log_port.h"
#include "process/names.h"
#include "process/privileges.h"
#include "process/state_files.h"
#include "process/ticket_rotation.h"
#include "shm/report.h"
#include "tls/library.h"
#include "upstream/ejector.h"

#include <signal.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::process {

namespace {

constexpr std::uint64_t reap_us = 50'000;  // between looks at servers that are leaving

/// The control process: the one that knows all servers, checks them, and answers operators.
class Control final : private upstream::RegistryEvents,
                      private admin::Daemon,
                      private admin::DrainEvents,
                      private JudgeHost,
                      private event::ReadyEvents,
                      private event::TaskEvents,
                      private event::DeadlineEvents {
 public:
  using View = std::shared_ptr<const admin::View>;

  Control(event::Loop& loop, net::Channel& channel, Setup& setup, shm::Segment& segment, View view,
          LogPort& log_port)
      : loop_(loop),
        channel_(channel),
        setup_(setup),
        files_(setup, segment, log_port),
        registry_(segment, *view->config, *this),
        checks_(loop, registry_),
        ejector_(loop, registry_, segment),
        names_(loop, setup.plan.nameservers, registry_),
        tickets_(loop, segment),
        state_log_(loop, registry_, files_),
        drains_(
            loop, segment, [this]() -> const config::Config& { return fleet_.config(); }, events_,
            *this),
        fleet_{view,  registry_, checks_.health(), shm::Counters(segment, 0),
               {},    segment,   events_,          audit_,
               *this, judge_,    drains_,          segment.layout().started_us},
        judge_(*this, loop, channel, segment, fleet_, std::move(setup.history)),
        sockets_(loop, fleet_),
        tell_workers_(*this),
        reap_(*this) {
    count_workers();
  }

  /// All that needs files, before the lockdown.
  void prepare() {
    if (files_.are_there()) files_.read();
    if (setup_.carried.is_open()) carried_ = read_whole(setup_.carried);
  }

  void on_master(net::Message& message) {
    if (message.type == net::MessageType::Export) return tell_all(message.descriptors);
    if (message.type == net::MessageType::Quarantined) {
      quarantined_us_ = admin::tell_quarantined(fleet_, quarantined_us_);
      return;
    }
    if (message.type != net::MessageType::Resources) return judge_.on_master(message);
    auto next = receive_setup(channel_, message);
    if (next) take_resources(std::move(*next));
  }

  void start() {
    started_over_ = registry_.load();
    // After a death of control shared memory knows more than the file.
    if (carried_.empty() || started_over_)
      state_log_.load(files_.texts(), started_over_);
    else
      state_log_.take_over(carried_);
    tell_news();
    registry_.note_whole();
    if (files_.are_there()) state_log_.write_whole();
    for (const config::Backend& backend : config().backends)
      for (std::uint32_t slot : registry_.servers(backend.number)) begin(slot);
    ejector_.resume();
    tickets_.start();
    // Those whose wake-up a former control took without living to read them.
    ejector_.drain_notices();
    drains_.resume();
    waker_.start(loop_, own_waker(), event::Watch::Edge::LevelRead, *this);
    sockets_.follow(setup_.plan.admin, std::move(setup_.admin));
    judge_.resume();
    on_task();
  }

 private:
  // A generation with other sockets, files or name servers holds.
  void take_resources(Setup next) {
    bool other_state = setup_.plan.state_file != next.plan.state_file;
    if (setup_.plan.nameservers != next.plan.nameservers) names_.use(next.plan.nameservers);
    sockets_.follow(next.plan.admin, std::move(next.admin));
    setup_.plan = std::move(next.plan);
    if (!other_state) return;
    setup_.state = std::move(next.state);
    if (files_.are_there()) state_log_.write_whole();
  }

  // For a successor whose shared memory is another; what has no place in that is a reason against it.
  void tell_all(const std::vector<Fd>& into) {
    std::string why;
    if (drains_.is_any_ordered())
      why = "a drain is under way, and the other version has other memory";
    if (judge_.is_unconfirmed())
      why = "a generation waits for its confirmation, and the other version has other memory";
    std::string told = state_log_.tell_all();
    if (into.size() != 1 || !write_whole(into[0], told))
      why = "control could not write what it knows";
    (void)channel_.send(net::MessageType::Exported, why);
  }

  // How an upgrade ended: "done" or "failed", tab, what is to be said of it.
  void tell_news() {
    std::size_t tab = setup_.news.find('\t');
    if (tab == std::string::npos) return;
    events_.add({0, wall_clock_us(), "upgrade." + setup_.news.substr(0, tab), "weir", "", version,
                 setup_.news.substr(tab + 1), "master"});
  }

  const config::Config& config() const { return *fleet_.view->config; }

  void count_workers() {
    fleet_.workers.clear();
    for (std::uint32_t i = 0; i < fleet_.segment.workers(); ++i)
      fleet_.workers.emplace_back(fleet_.segment, i);
  }

  // For the judge.
  void on_commit(const View& next) override {
    registry_.adopt(*next->config, {"file", ""});
    former_ = fleet_.view;
  }

  void on_settled() override {
    registry_.retire(0, {"file", ""});
    drains_.forget_absent();
    if (former_) checks_.change(*std::exchange(former_, nullptr)->config, config());
    count_workers();
    set_log_threshold(level_from(config().error_log.level));
  }

  void wake_workers() override {
    for (std::uint32_t i = 0; i < fleet_.segment.workers(); ++i) wake(setup_.worker_waker(i));
  }

  void on_finished() override { resume_sockets(); }

  // A server's checks and its name begin.
  void begin(std::uint32_t slot) {
    names_.follow(slot);
    checks_.begin(slot);
  }

  // From the registry.
  void on_published() noexcept override { loop_.post(tell_workers_); }

  void on_server_event(const upstream::ServerEvent& event) noexcept override {
    std::string name = registry_.name(event.slot);
    if (event.type == "server.use")
      log(event.to == "down" ? Level::Warn : Level::Notice, "server ", name, " is ", event.to,
          ", was ", event.from, ": ", event.by, ": ", event.why);
    if (event.type == "server.added") added_.push_back(event.slot);
    if (event.type == "server.address") moved_.push_back(event.slot);
    events_.add({0, wall_clock_us(), std::string(event.type), std::move(name), event.from, event.to,
                 std::string(event.why), std::string(event.by)});
  }

  void on_override(std::uint32_t slot) noexcept override {
    if (files_.are_there()) state_log_.note_server(slot);
  }

  void on_removed(std::uint32_t slot) noexcept override {
    names_.remove(slot);
    ejector_.forget(slot);
    checks_.end(slot);
  }

  // From the drains.
  void on_drain_order() noexcept override { loop_.post(tell_workers_); }

  // For the admin room.
  void shut_down(std::uint64_t ms) override {
    (void)channel_.send(net::MessageType::Shutdown, std::to_string(ms));
  }
  bool set_log_level(std::string_view level) override {
    if (level_from(level) == Level::Info && level != "info") return false;
    set_log_threshold(level_from(level));
    return true;
  }
  std::uint64_t seen_by_all() const override {
    std::uint64_t least = UINT64_MAX;
    for (std::uint32_t i = 0; i < fleet_.segment.workers(); ++i)
      least = std::min(least, registry_.table().seen(i));
    return least;
  }
  std::uint64_t state_written() const override {
    // What has found no room on the way will not be on the disk soon.
    return state_log_.is_behind() ? UINT64_MAX : files_.written();
  }
  std::uint64_t state_synced() const override { return files_.synced(); }
  std::uint64_t ask_workers() override {
    std::uint64_t question = shm::Report(fleet_.segment, 0).ask();
    wake_workers();
    return question;
  }
  std::uint64_t answered_by_all() const override {
    std::uint64_t least = UINT64_MAX;
    for (std::uint32_t i = 0; i < fleet_.segment.workers(); ++i)
      if (registry_.table().is_there(i))
        least = std::min(least, shm::Report(fleet_.segment, i).answered());
    return least;
  }
  void keep_result(const std::string& op_id, const admin::OperationResult& result) override {
    state_log_.keep_result(op_id, result);
  }
  const admin::OperationResult* find_result(const std::string& op_id) const override {
    return state_log_.find_result(op_id);
  }

  // Once for all that was published in a turn.
  void on_task() noexcept override {
    for (std::uint32_t slot : std::exchange(added_, {}))
      if (!checks_.has(slot)) begin(slot);
    for (std::uint32_t slot : std::exchange(moved_, {})) {
      if (registry_.row(slot).use == shm::Use::Free) continue;
      names_.follow(slot);
      checks_.follow_address(slot);
    }
    shm::ServerTable table = registry_.table();
    table.want_seen(table.changes());
    wake_workers();
    // A worker that has looked before we said what we want does not tell.
    if (seen_by_all() >= table.changes()) resume_sockets();
    on_deadline();
  }

  // A worker has seen changes, or has something to tell.
  void on_ready(event::Ready) noexcept override {
    clear_wake(own_waker());
    ejector_.drain_notices();
    resume_sockets();
    on_deadline();
  }

  void on_deadline() noexcept override {
    if (registry_.reap_leaving(seen_by_all(), wall_clock_us()))
      reap_.set(loop_, loop_.now() + reap_us);
  }

  void resume_sockets() { sockets_.resume(); }

  int own_waker() const { return setup_.control_waker(); }

  event::Loop& loop_;
  net::Channel& channel_;
  Setup& setup_;
  StateFiles files_;
  admin::Events events_;
  admin::Audit audit_;
  upstream::Registry registry_;
  Checks checks_;
  upstream::Ejector ejector_;
  Names names_;
  TicketRotation tickets_;
  mutable admin::StateLog state_log_;
  admin::Drains drains_;
  admin::Fleet fleet_;
  Judge judge_;
  AdminSockets sockets_;
  event::Task tell_workers_;
  event::Deadline reap_;
  event::Watch waker_;
  View former_;  ///< while the next one settles
  std::vector<std::uint32_t> added_, moved_;
  std::string carried_;
  std::uint64_t quarantined_us_ = loop_.read_clock();  ///< what came later is to be told
  bool started_over_ = false;
};

/// What the master says; ends the loop when it says so or is gone.
class Orders final : private event::ReadyEvents {
 public:
  Orders(event::Loop& loop, net::Channel& channel, Control& control)
      : loop_(loop), channel_(channel), control_(control) {
    watch_.start(loop, channel.fd(), event::Watch::Edge::LevelRead, *this);
  }

 private:
  void on_ready(event::Ready) noexcept override {
    auto message = channel_.receive();
    bool nothing = !message && message.error().code() == Errc::NotFound;
    bool stop = !message || message->type == net::MessageType::Stop;
    if (stop && !nothing) return loop_.stop();
    if (message) control_.on_master(*message);
  }

  event::Loop& loop_;
  net::Channel& channel_;
  Control& control_;
  event::Watch watch_;
};

Result<void> run(net::Channel& channel, Setup& setup, shm::Segment& segment) {
  auto view =
      Judge::compile(setup.bundle.get(), setup.secrets.get(), setup.generation, segment, {});
  if (!view) return view.error();
  LogPort log_port(setup, segment);
  event::Loop loop;
  leave_last_words(loop, shm::BlackBox::of_control(segment), write_errand);
  Control control(loop, channel, setup, segment, std::move(*view), log_port);
  control.prepare();
  tls::initialise();
  if (auto locked = lock_down(setup); !locked) return locked;
  Orders orders(loop, channel, control);
  control.start();
  if (auto sent = channel.send(net::MessageType::Ready); !sent) return sent;
  loop.run();
  return {};
}

}  // namespace

int run_control(net::Channel channel) {
  signal(SIGPIPE, SIG_IGN);
  auto setup = receive_setup(channel);
  if (!setup) return 1;
  auto segment = shm::Segment::attach(setup->shared.release());
  if (!segment) return 1;
  auto done = run(channel, *setup, *segment);
  if (done) return 0;
  (void)channel.send(net::MessageType::Failed, done.error().text());
  return 1;
}

}  // namespace weir::process
