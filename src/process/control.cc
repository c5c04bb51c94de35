// SPDX-License-Identifier: Apache-2.0
#include "process/control.h"

#include <weir/version.h>

#include "admin/quarantine.h"
#include "admin/state_log.h"
#include "base/logger.h"
#include "base/wall_time.h"
#include "config/properties.h"
#include "config/units.h"
#include "event/watch.h"
#include "process/admin_sockets.h"
#include "process/crash.h"
#include "process/judge.h"
#include "process/log_port.h"
#include "process/names.h"
#include "process/privileges.h"
#include "process/ticket_rotation.h"
#include "shm/report.h"
#include "tls/library.h"
#include "upstream/backend.h"
#include "upstream/ejector.h"
#include "upstream/health.h"
#include "upstream/numbering.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

namespace weir::process {

namespace {

constexpr std::size_t longest_state = std::size_t{256} << 20;
constexpr std::uint64_t reap_us = 50'000;  // between looks at servers that are leaving

// A state file as it is, before files are out of reach.
std::string read_all(const Fd& file) {
  struct stat kind {};
  if (::fstat(file.get(), &kind) != 0 || kind.st_size <= 0) return {};
  std::string text(std::min<std::size_t>(static_cast<std::size_t>(kind.st_size), longest_state),
                   '\0');
  std::size_t at = 0;
  while (at < text.size()) {
    ssize_t size = ::pread(file.get(), text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (size <= 0) break;
    at += static_cast<std::size_t>(size);
  }
  text.resize(at);
  return text;
}

bool write_all(const Fd& file, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::uint64_t seed() { return static_cast<std::uint64_t>(wall_clock_us()); }

/// The control process: the one that knows all servers, checks them, and answers operators.
class Control final : private upstream::RegistryEvents,
                      private upstream::HealthEvents,
                      private admin::Daemon,
                      private admin::DrainEvents,
                      private admin::RecordSink,
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
        log_port_(log_port),
        ring_(segment, shm::RingOf::control),
        registry_(segment, *view->config, *this),
        health_(loop, *this, seed()),
        ejector_(loop, registry_, segment),
        names_(loop, *view->config, registry_),
        tickets_(loop, segment),
        state_log_(loop, registry_, *this),
        drains_(
            loop, segment, [this]() -> const config::Config& { return fleet_.config(); }, events_,
            *this),
        fleet_{view,  registry_, health_, shm::Counters(segment, 0),  {}, segment, events_, audit_,
               *this, judge_,    drains_, segment.layout().started_us},
        judge_(*this, loop, channel, segment, fleet_, std::move(setup.history)),
        sockets_(loop, fleet_),
        tell_workers_(*this),
        reap_(*this) {
    count_workers();
  }

  /// All that needs files, before the lockdown.
  void prepare() {
    if (has_state()) read_state();
    if (setup_.carried.is_open()) carried_ = read_all(setup_.carried);
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
      state_log_.load(state_, started_over_);
    else
      state_log_.take_over(carried_);
    tell_news();
    registry_.note_whole();
    if (has_state()) state_log_.write_whole();
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
    if (has_state()) state_log_.write_whole();
  }

  // The files, and what a former control has handed over that the writer may not have written yet.
  // The ring comes first: the writer may go on meanwhile, and a record that is there twice does no harm.
  void read_state() {
    using Kind = shm::LogRing::Kind;
    std::vector<std::pair<Kind, std::string>> waiting;
    std::uint32_t which = ring_.state_file();
    std::uint64_t cursor = ring_.tail();
    for (shm::LogRing::Line line; ring_.read(cursor, line);)
      if (line.kind == Kind::State || line.kind == Kind::StateBegin)
        waiting.emplace_back(line.kind, line.text);
    auto begun = std::find_if(waiting.begin(), waiting.end(),
                              [](const auto& each) { return each.first == Kind::StateBegin; });
    if (begun != waiting.end()) which = begun->second == "1" ? 0 : 1;
    for (std::size_t i = 0; i < 2; ++i) state_[i] = read_all(setup_.state[i]);
    for (const auto& [kind, text] : waiting) {
      if (kind == Kind::State) {
        state_[which] += "\n" + text;
      } else {
        which = text == "1" ? 1 : 0;
        state_[which].clear();
      }
    }
  }

  // For a successor whose shared memory is another; what has no place in that is a reason against it.
  void tell_all(const std::vector<Fd>& into) {
    std::string why;
    if (drains_.is_any_ordered())
      why = "a drain is under way, and the other version has other memory";
    if (judge_.is_unconfirmed())
      why = "a generation waits for its confirmation, and the other version has other memory";
    std::string told = state_log_.tell_all();
    if (into.size() != 1 || !write_all(into[0], told))
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
    if (former_) change_checks(*std::exchange(former_, nullptr)->config);
    count_workers();
    set_log_threshold(level_from(config().error_log.level));
  }

  // New servers have begun by themselves; the others go on as they were unless their check is another.
  void change_checks(const config::Config& before) {
    tls_.clear();
    std::map<std::uint32_t, const config::Backend*> known;
    for (const config::Backend& backend : before.backends) known[backend.number] = &backend;
    for (const config::Backend& now : config().backends) {
      auto found = known.find(now.number);
      if (found == known.end()) continue;
      const auto& check = found->second->check;
      if (!check && !now.check) continue;
      if (check && now.check && config::mean_the_same(*check, *now.check) &&
          speak_the_same(*found->second, now))
        continue;
      for (std::uint32_t slot : registry_.servers(now.number)) {
        if (checked_.erase(slot) > 0) health_.remove(slot);
        if (now.check) begin_checks(slot, *now.check);
      }
    }
  }

  void wake_workers() override {
    for (std::uint32_t i = 0; i < fleet_.segment.workers(); ++i) wake(setup_.worker_waker(i));
  }

  void on_finished() override { resume_sockets(); }

  // A server's checks and its name begin.
  void begin(std::uint32_t slot) {
    auto endpoint = config::parse_endpoint(registry_.columns(slot).at);
    if (endpoint && endpoint->kind == config::Endpoint::Kind::Name) names_.add(slot, *endpoint);
    const config::Backend* backend = registry_.backend(registry_.row(slot).backend);
    if (backend && backend->check) begin_checks(slot, *backend->check);
  }

  // Checks speak to a server as requests do.
  upstream::Health::Secure secure(std::uint32_t slot) {
    const config::Backend* backend = registry_.backend(registry_.row(slot).backend);
    if (!backend || !backend->tls) return {};
    auto& context = tls_[tls::ClientContext::key_of(*backend->tls)];
    if (!context)
      if (auto made = upstream::make_tls(*backend)) context = std::move(*made);
    auto at = config::parse_endpoint(registry_.columns(slot).at);
    bool named = at && at->kind != config::Endpoint::Kind::Unix;
    return {context, named ? at->host : std::string()};
  }

  static bool speak_the_same(const config::Backend& a, const config::Backend& b) {
    auto key = [](const config::Backend& backend) {
      return backend.tls ? tls::ClientContext::key_of(*backend.tls) : std::string();
    };
    return key(a) == key(b);
  }

  void begin_checks(std::uint32_t slot, const config::Check& check) {
    using Known = upstream::Health::Known;
    shm::Health health = registry_.columns(slot).health;
    Known known = health == shm::Health::Up     ? Known::Up
                  : health == shm::Health::Down ? Known::Down
                                                : Known::Nothing;
    health_.add(slot, check, upstream::from_shared(registry_.row(slot).address), known,
                !registry_.columns(slot).runtime, secure(slot));
    checked_.insert(slot);
  }

  // From the registry.
  void on_published() noexcept override { loop_.post(tell_workers_); }

  void on_server_event(const upstream::ServerEvent& event) noexcept override {
    std::string name = registry_.name(event.slot);
    if (event.type == "server.use")
      log(event.to == "down" ? Level::Warn : Level::Notice, "server ", name, " is ", event.to,
          ", was ", event.from, ": ", event.by, ": ", event.why);
    if (event.type == "server.added") added_.push_back(event.slot);
    if (event.type == "server.address" && checked_.contains(event.slot))
      moved_.push_back(event.slot);
    events_.add({0, wall_clock_us(), std::string(event.type), std::move(name), event.from, event.to,
                 std::string(event.why), std::string(event.by)});
  }

  void on_override(std::uint32_t slot) noexcept override {
    if (has_state()) state_log_.note_server(slot);
  }

  void on_removed(std::uint32_t slot) noexcept override {
    names_.remove(slot);
    ejector_.forget(slot);
    if (checked_.erase(slot) > 0) health_.remove(slot);
  }

  // From the drains.
  void on_drain_order() noexcept override { loop_.post(tell_workers_); }

  // From the checks.
  void on_health(std::uint32_t slot, bool up, std::string_view why) noexcept override {
    registry_.set_health(slot, up ? shm::Health::Up : shm::Health::Down, {"check", why});
  }

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
    return state_log_.is_behind() ? UINT64_MAX : last_record_;
  }
  std::uint64_t state_synced() const override { return has_state() ? ring_.synced() : UINT64_MAX; }
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
  void keep_result(const std::string& op_id, const std::string& result) override {
    state_log_.keep_result(op_id, result);
  }
  const std::string* find_result(const std::string& op_id) const override {
    return state_log_.find_result(op_id);
  }

  // For the state log.
  bool write_record(std::string_view record) override {
    return push(shm::LogRing::Kind::State, record);
  }
  bool begin_file(std::uint32_t which) override {
    return push(shm::LogRing::Kind::StateBegin, which ? "1" : "0");
  }
  bool push(shm::LogRing::Kind kind, std::string_view text) {
    if (!has_state()) return true;
    if (!ring_.has_room(text.size())) return false;
    log_port_.write(kind, text);
    last_record_ = ring_.head();
    return true;
  }
  bool has_state() const { return setup_.state.size() == 2; }

  // Once for all that was published in a turn.
  void on_task() noexcept override {
    for (std::uint32_t slot : std::exchange(added_, {}))
      if (!checked_.contains(slot)) begin(slot);
    for (std::uint32_t slot : std::exchange(moved_, {}))
      if (checked_.contains(slot))
        health_.set_address(slot, upstream::from_shared(registry_.row(slot).address));
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
  LogPort& log_port_;
  shm::LogRing ring_;
  admin::Events events_;
  admin::Audit audit_;
  upstream::Registry registry_;
  upstream::Health health_;
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
  std::set<std::uint32_t> checked_;
  std::map<std::string, std::shared_ptr<const tls::ClientContext>> tls_;  ///< for checks, by key
  std::vector<std::uint32_t> added_, moved_;
  std::string state_[2], carried_;
  std::uint64_t last_record_ = 0;  ///< position in the log ring behind it
  std::uint64_t quarantined_us_ = event::Loop::read_clock();  ///< what came later is to be told
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
