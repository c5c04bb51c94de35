// SPDX-License-Identifier: Apache-2.0
#include "process/reload.h"

#include <weir/log.h>

#include "base/cursor.h"
#include "base/text.h"
#include "net/gate.h"
#include "process/reach.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

namespace weir::process {

namespace {

using net::MessageType;

constexpr std::uint64_t second_us = 1'000'000;
constexpr std::uint64_t load_limit_us = 35 * second_us;
constexpr std::uint64_t judge_limit_us = 30 * second_us;
constexpr std::uint64_t prepare_limit_us = 10 * second_us;
constexpr std::uint64_t commit_limit_us = 10 * second_us;
constexpr std::uint64_t settle_limit_us = 1 * second_us;
constexpr std::uint64_t closing_us = net::on_the_way_us + 300'000;  // workers look now and then
constexpr std::uint64_t settle_look_us = 2'000;  // workers change over within a turn or two

}  // namespace

Reload::Reload(ReloadHost& host, Assets& assets, std::string path, std::uint64_t last)
    : host_(host),
      assets_(assets),
      path_(std::move(path)),
      generation_(*assets.segment),
      last_(last) {
  loader_.role = Role::Loader;
}

Child* Reload::control() {
  for (Child& child : host_.children())
    if (child.role == Role::Control && child.ready) return &child;
  return nullptr;
}

bool Reload::tell_control(MessageType type, const std::string& bytes,
                          const std::vector<int>& descriptors) {
  Child* child = control();
  if (!child) return false;
  auto sent = child->channel.send(type, bytes, descriptors);
  if (!sent) log(Level::Error, "control: ", sent.error().text());
  return sent.has_value();
}

// Control counts what it is told.  While none runs, the master does: a plan is no reload.
void Reload::report(MessageType result, const std::string& bytes) {
  if (!tell_control(result, bytes) && !only_plan_)
    generation_.note_reload(result == MessageType::Settled, host_.kernel().wall_us());
}

void Reload::enter(Step step, std::uint64_t limit_us) {
  count_step();
  step_ = step;
  deadline_us_ = limit_us ? entered_us_ + limit_us : 0;
}

void Reload::count_step() {
  const std::uint64_t now = host_.kernel().monotonic_us();
  const std::uint64_t spent = now - std::exchange(entered_us_, now);
  switch (step_) {
    case Step::Idle: took_ = {}; return;
    case Step::Loading: took_.load += spent; return;
    case Step::Judging: took_.judge += spent; return;
    case Step::Preparing: took_.prepare += spent; return;
    case Step::Committing: took_.commit += spent; return;
    case Step::Settling: took_.settle += spent; return;
  }
}

// ---- Load --------------------------------------------------------------------------------------

void Reload::on_signal() {
  if (!is_idle()) {
    again_ = true;
    return;
  }
  begin("load\tSIGHUP\t0", Fd());
}

// An order is "load", "load FILE" (which is open), the same with "plan", or "rollback N"; then who gave it, and a ticket;
// with tabs in between.
void Reload::begin(std::string_view order, Fd file) {
  std::string_view how = take_until(order, '\t');
  ticket_ = take_last(order, '\t');
  std::string_view by = order;
  next_ = {};
  next_.about.by = by;
  next_.about.how = how;
  next_.about.number = ++last_;
  diagnostics_.clear();
  only_plan_ = how.starts_with("plan");
  confined_ = how.starts_with("load ") || how.starts_with("plan ");
  const bool back = how.starts_with("rollback ");
  past_ = back ? to_number<std::uint64_t>(how.substr(9)).value_or(0) : 0;
  const History::Entry* past = assets_.history.find(past_);
  if (back && !past) return refuse("generation " + std::string(how.substr(9)) + " is not kept");
  host_.on_reloading(true);
  enter(Step::Loading, load_limit_us);
  std::string_view name = confined_ ? how.substr(5) : std::string_view();
  auto started = back ? start_loader(*past) : start_loader(name, file);
  if (!started) not_loaded(started.error().text());
}

Result<void> Reload::start_loader(const History::Entry& past) {
  if (auto spawned = host_.kernel().spawn(loader_, {}); !spawned) return spawned;
  const History::Entry& present = assets_.history.present();
  return loader_.channel.send(
      MessageType::Load, {},
      {past.bundle.get(), past.secrets.get(), present.bundle.get(), present.secrets.get()});
}

// A way back must not fail: then it is what it was, certificates included.
void Reload::not_loaded(const std::string& why) {
  const History::Entry* past = assets_.history.find(std::exchange(past_, 0));
  if (!past) return refuse(why);
  if (loader_.pid > 0) host_.kernel().kill(loader_.pid, SIGKILL);
  loader_.channel.close();
  log(Level::Warn, "rollback to generation ", past->about.number,
      " with the certificates that it had, since: ", std::string_view(why));
  judge({duplicate(past->bundle), duplicate(past->secrets), duplicate(past->check_secrets)},
        write_plan(past->plan), {});
}

Result<void> Reload::start_loader(std::string_view name, const Fd& file) {
  if (!confined_) return host_.kernel().spawn(loader_, path_);
  if (auto spawned = host_.kernel().spawn(loader_, {}); !spawned) return spawned;
  std::string text = concat(directory_of(path_), "\n", name);
  return loader_.channel.send(MessageType::Load, text, {file.get()});
}

void Reload::on_loader() {
  auto message = loader_.channel.receive();
  if (!message) {
    if (message.error().code() == Errc::NotFound) return;
    loader_.channel.close();
    if (step_ == Step::Loading) not_loaded("the loader died");
    return;
  }
  if (message->type == MessageType::Diagnostics) {
    diagnostics_ = std::move(message->bytes);
    return;
  }
  loader_.channel.close();
  if (step_ != Step::Loading) return;
  if (message->type == MessageType::Plan) {
    if (message->descriptors.size() != 3) return not_loaded("the loader sent no bundle");
    return judge({std::move(message->descriptors[0]), std::move(message->descriptors[1]),
                  std::move(message->descriptors[2])},
                 message->bytes, diagnostics_);
  }
  log(Level::Error, "reload: ", diagnostics_.empty() ? message->bytes : diagnostics_);
  not_loaded(diagnostics_.empty() ? message->bytes : message->bytes + "\n" + diagnostics_);
}

void Reload::on_exit(pid_t pid) {
  if (pid != loader_.pid) return;
  loader_.pid = 0;
  if (step_ == Step::Loading && loader_.channel.is_open()) on_loader();
}

// ---- Judge -------------------------------------------------------------------------------------

void Reload::judge(Sealed sealed, const std::string& plan, const std::string& diagnostics) {
  auto parsed = read_plan(plan);
  if (!parsed) return refuse(parsed.error().text());
  if (!control()) return refuse("control is not running");
  if (confined_)
    if (auto may = check_reach(assets_.plan, *parsed, directory_of(path_)); !may)
      return refuse(may.error().text());
  next_.plan = std::move(*parsed);
  next_.bundle = std::move(sealed.bundle);
  next_.secrets = std::move(sealed.secrets);
  next_.check_secrets = std::move(sealed.check_secrets);
  enter(Step::Judging, judge_limit_us);
  (void)tell_control(MessageType::Candidate,
                     ticket_ + "\t" + write_about(next_.about) + "\n" + diagnostics,
                     {next_.bundle.get(), next_.check_secrets.get()});
}

void Reload::on_control(net::Message& message) {
  switch (message.type) {
    case MessageType::Load:
      if (is_idle())
        return begin(message.bytes,
                     message.descriptors.empty() ? Fd() : std::move(message.descriptors[0]));
      (void)tell_control(MessageType::Refused, message.bytes.substr(message.bytes.rfind('\t') + 1) +
                                                   "\t" + std::string(under_way));
      return;
    case MessageType::Prepare:
      if (step_ == Step::Judging) prepare();
      return;
    case MessageType::Abandon:
      if (step_ == Step::Judging || step_ == Step::Committing) refuse(message.bytes);
      return;
    case MessageType::Committed:
      if (step_ == Step::Committing) committed();
      return;
    default: return;
  }
}

// ---- Prepare -----------------------------------------------------------------------------------

// Everything of the machine that the next generation needs and that may be wanting.
Result<void> Reload::acquire() {
  Plan& plan = next_.plan;
  const shm::Layout& room = assets_.segment->layout();
  auto wants = [](std::uint64_t wanted, std::uint64_t most, const char* what) -> Result<void> {
    if (wanted <= most) return {};
    return Error(Errc::Limit, std::to_string(wanted) + " " + what + ": there is room for " +
                                  std::to_string(most) + " without an upgrade");
  };
  if (auto fits = wants(plan.workers, room.workers, "workers"); !fits) return fits;
  auto replacements = Replacements::make(assets_.plan, plan);
  if (!replacements) return replacements.error();
  replacements_ = std::move(*replacements);
  const bool has_lock = assets_.pid_lock.is_open() || assets_.state_lock.is_open();
  std::vector<std::string> notes;
  auto sockets = bind_missing(plan, {assets_.sockets, given_up_, room.sockets, has_lock}, notes);
  if (!sockets) return sockets.error();
  for (const std::string& note : notes) log(Level::Warn, note);
  new_sockets_ = std::move(*sockets);
  if (auto limited = limit_connections(plan, assets_.sockets.size() + new_sockets_.size());
      !limited)
    return limited;
  return open_logs(plan, error_log_, access_log_);
}

void Reload::prepare() {
  if (auto acquired = acquire(); !acquired) return refuse(acquired.error().text());
  enter(Step::Preparing, prepare_limit_us);
  awaited_.clear();
  // If none is there, one is about to be: it is told when it has started.
  for (Child& child : host_.children())
    if (child.role == Role::Worker && child.ready && !child.leaving && !prepare(child)) return;
  if (is_rollback() && awaited_.empty()) all_prepared();
}

bool Reload::prepare(Child& child) {
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  ::prlimit(child.pid, RLIMIT_NOFILE, &descriptors, nullptr);
  Setup setup;
  setup.role = Role::Worker;
  setup.index = child.index;
  setup.generation = next_.about.number;
  setup.plan = next_.plan;
  setup.bundle = duplicate(next_.bundle);
  setup.secrets = duplicate(next_.secrets);
  for (const ListeningSocket& socket : new_sockets_)
    setup.sockets.push_back({duplicate(socket.fd), socket.slot, socket.address});
  if (auto sent = send_setup(child.channel, setup, MessageType::Prepare); !sent) {
    if (is_rollback()) return true;  // it has died: see lost_worker()
    refuse(child.name() + ": " + sent.error().text());
    return false;
  }
  awaited_.push_back(child.index);
  return true;
}

void Reload::on_worker_ready(Child& child) {
  if (step_ == Step::Preparing) (void)prepare(child);
}

void Reload::on_worker(const Child& child, const net::Message& message) {
  if (step_ != Step::Preparing) return;
  if (message.type == MessageType::Refused)
    return refuse(child.name() + " could not prepare: " + message.bytes);
  if (to_number<std::uint64_t>(message.bytes) == next_.about.number) no_longer_awaited(child);
}

// A candidate may be what kills a worker that builds it.  A rollback leaves a generation that may be killing workers,
// and must not wait for a moment in which all of them live: those that died start with whatever is committed.
void Reload::lost_worker(const Child& child) {
  if (!is_rollback()) return refuse(child.name() + " died while it prepared");
  no_longer_awaited(child);
}

void Reload::no_longer_awaited(const Child& child) {
  std::erase(awaited_, child.index);
  if (awaited_.empty()) all_prepared();
}

void Reload::all_prepared() {
  enter(Step::Committing, commit_limit_us);
  (void)tell_control(MessageType::Prepared, std::to_string(next_.about.number));
}

// ---- Commit and settle -------------------------------------------------------------------------

void Reload::committed() {
  next_.about.committed_us = host_.kernel().wall_us();
  replacements_->put_in_place(assets_, next_.plan);
  assets_.plan = next_.plan;
  for (ListeningSocket& socket : new_sockets_) assets_.sockets.push_back(std::move(socket));
  new_sockets_.clear();
  assets_.error_log = std::move(error_log_);
  assets_.access_log = std::move(access_log_);
  log(Level::Notice, "generation ", next_.about.number, " is committed (", next_.about.how, " by ",
      next_.about.by, ")");
  assets_.history.add(std::move(next_));
  enter(Step::Settling, settle_look_us);
  settle_by_us_ = entered_us_ + settle_limit_us;
  host_.on_committed();
  hand_over_resources();
  look_if_settled();
}

// A process that does not run gets them when it is started.  The writer first: records that control writes for the new
// state files must not reach the old ones.
void Reload::hand_over_resources() {
  std::unique_ptr<Replacements> replaced = std::move(replacements_);
  if (replaced->concerns_writer()) {
    std::vector<int> files;
    for (const Fd& file : assets_.state) files.push_back(file.get());
    for (Child& child : host_.children())
      if (child.role == Role::Writer && child.channel.is_open())
        (void)child.channel.send(MessageType::State, {}, files);
  }
  Child* child = control();
  if (!child || !replaced->concerns_control()) return;
  Setup setup;
  setup.role = Role::Control;
  setup.plan = assets_.plan;
  for (const Fd& socket : assets_.admin) setup.admin.push_back(duplicate(socket));
  for (const Fd& file : assets_.state) setup.state.push_back(duplicate(file));
  if (auto sent = send_setup(child->channel, setup, MessageType::Resources); !sent)
    log(Level::Error, "control: ", sent.error().text());
}

void Reload::look_if_settled() {
  for (const Child& child : host_.children())
    if (child.role == Role::Worker && child.ready && !child.leaving &&
        generation_.running(child.index) != assets_.history.present().about.number)
      return;
  settled();
}

// Sockets of addresses that are gone, which workers are closing.  A new socket of such an address would share with
// them what the kernel brings: who comes to one that lets nobody in has to knock again, a second later.
void Reload::give_up_sockets() {
  std::set<std::string> wanted;
  for (const BindPlan& bind : assets_.plan.binds) wanted.insert(bind.at.text);
  const auto is_wanted = [&](const ListeningSocket& each) { return wanted.contains(each.address); };
  std::erase_if(given_up_, is_wanted);
  for (ListeningSocket& socket : assets_.sockets) {
    if (is_wanted(socket)) continue;
    if (is_shared(socket)) {
      ::unlink(socket.address.substr(5).c_str());
    } else {
      given_up_.push_back({std::move(socket.fd), socket.slot, socket.address});
      given_up_until_ = host_.kernel().monotonic_us() + closing_us;
    }
  }
  std::erase_if(assets_.sockets, std::not_fn(is_wanted));
}

void Reload::settled() {
  give_up_sockets();
  count_step();
  assets_.history.set_times(took_);
  const About& about = assets_.history.present().about;
  log(Level::Notice, "generation ", about.number, " runs in every worker: ", text(took_));
  report(MessageType::Settled, write_about(about));
  rest();
}

// ---- Failure -----------------------------------------------------------------------------------

void Reload::refuse(const std::string& why) {
  if (loader_.pid > 0) host_.kernel().kill(loader_.pid, SIGKILL);
  loader_.channel.close();
  for (Child& child : host_.children())
    if (child.role == Role::Worker && child.channel.is_open() && step_ >= Step::Preparing)
      (void)child.channel.send(MessageType::Abandon);
  new_sockets_.clear();
  error_log_.reset();
  access_log_.reset();
  replacements_.reset();
  // Workers that prepared it may still speak of it; until then nobody else knows the number.
  if (step_ < Step::Preparing && next_.about.number == last_) --last_;
  next_ = {};
  if (!why.empty())
    log(Level::Notice, "no reload: ", std::string_view(why).substr(0, why.find('\n')));
  report(MessageType::Refused, ticket_ + "\t" + why);
  rest();
}

void Reload::rest() {
  enter(Step::Idle, 0);
  host_.on_reloading(false);
  if (std::exchange(again_, false)) on_signal();
}

void Reload::on_death(const Child& child) {
  if (step_ == Step::Idle) return;
  if (child.role == Role::Worker) {
    bool awaited = std::find(awaited_.begin(), awaited_.end(), child.index) != awaited_.end();
    if (step_ == Step::Preparing && awaited) return lost_worker(child);
    if (step_ == Step::Settling) look_if_settled();
    return;
  }
  if (child.role != Role::Control) return;
  // The word in shared memory says whether it died before or after the one moment.
  if (step_ == Step::Committing && generation_.committed() == next_.about.number)
    return committed();
  if (step_ != Step::Settling) refuse("control died");
}

// While a reload is under way it may have taken given-up sockets back, so they are kept until it ends.
std::uint64_t Reload::deadline() const {
  if (given_up_until_ == 0 || step_ >= Step::Preparing) return deadline_us_;
  return deadline_us_ == 0 ? given_up_until_ : std::min(deadline_us_, given_up_until_);
}

void Reload::on_timer() {
  const std::uint64_t now = host_.kernel().monotonic_us();
  if (step_ < Step::Preparing && given_up_until_ != 0 && now >= given_up_until_) {
    given_up_.clear();
    given_up_until_ = 0;
  }
  if (deadline_us_ == 0 || now < deadline_us_) return;
  deadline_us_ = 0;
  switch (step_) {
    case Step::Idle: return;
    case Step::Loading: return not_loaded("the loader took too long");
    case Step::Judging: return refuse("control took too long to judge");
    case Step::Preparing: {
      std::string who;
      for (std::uint32_t index : awaited_) who += " " + std::to_string(index);
      return refuse("took too long to prepare: worker" + who);
    }
    case Step::Committing:
      // It may wake up and commit what we have given up: its death decides.
      for (Child& child : host_.children())
        if (child.role == Role::Control) host_.replace(child, "does not commit");
      return;
    case Step::Settling:
      enter(Step::Settling, settle_look_us);
      if (now < settle_by_us_) return look_if_settled();
      settle_by_us_ += settle_limit_us;
      for (Child& child : host_.children())
        if (child.role == Role::Worker && child.ready && !child.leaving &&
            generation_.running(child.index) != assets_.history.present().about.number)
          host_.replace(child, "has not taken over the new generation");
      return look_if_settled();
  }
}

}  // namespace weir::process
