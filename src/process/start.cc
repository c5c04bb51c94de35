// SPDX-License-Identifier: Apache-2.0
#include "process/start.h"

#include <weir/log.h>

#include "base/wall_time.h"
#include "net/socket.h"
#include "process/address_use.h"
#include "process/child.h"
#include "process/log_port.h"
#include "process/own_files.h"
#include "process/preflight.h"
#include "process/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>

namespace weir::process {

namespace {

constexpr int loader_deadline_ms = 31'000;
constexpr std::uint32_t least_slots = 16;  // sockets a TCP bind: room for other numbers of workers
// Room for what a reload may bring, as far as nobody says more; it is address space, not memory.
constexpr std::uint32_t most_servers = 65'536;
constexpr std::uint32_t least_workers = 16, least_sockets = 4096;
constexpr std::uint32_t least_listeners = 1024, least_routes = 16'384, least_backends = 4096;
constexpr std::uint64_t reserved_descriptors = 128;
constexpr std::uint64_t default_connections = 100'000;

Result<void> load(const std::string& path, Assets& assets) {
  Child loader;
  loader.role = Role::Loader;
  if (auto spawned = spawn(loader, path); !spawned) return spawned;
  pollfd wait{loader.channel.fd(), POLLIN, 0};
  (void)::poll(&wait, 1, loader_deadline_ms);
  auto message = loader.channel.receive();
  if (message && message->type == net::MessageType::Diagnostics) {
    std::fputs(message->bytes.c_str(), stderr);
    (void)::poll(&wait, 1, loader_deadline_ms);
    message = loader.channel.receive();
  }
  loader.channel.close();
  int status;
  (void)::waitpid(loader.pid, &status, 0);
  if (!message) return Error(Errc::System, path + ": the loader died");
  if (message->type != net::MessageType::Plan) return Error(Errc::Invalid, message->bytes);
  if (message->descriptors.size() != 3)
    return Error(Errc::Invalid, path + ": the loader sent no bundle");
  auto plan = read_plan(message->bytes);
  if (!plan) return plan.error();
  assets.plan = *plan;
  assets.history.add({{1, wall_clock_us(), "start", "load"},
                      std::move(*plan),
                      std::move(message->descriptors[0]),
                      std::move(message->descriptors[1]),
                      std::move(message->descriptors[2])});
  return {};
}

Result<void> bind_admin(Assets& assets) {
  for (const AdminPlan& plan : assets.plan.admin) {
    auto socket = bind_admin(plan, plan.path);
    if (!socket) return socket.error();
    assets.admin.push_back(std::move(*socket));
  }
  return {};
}

// Before anything is bound or written: another instance is named, and left alone.
Result<void> lock(Assets& assets) {
  const Plan& plan = assets.plan;
  if (!plan.pid_file.empty()) {
    auto locked = lock_pid_file(plan);
    if (!locked) return locked.error();
    assets.pid_lock = std::move(*locked);
  }
  std::vector<std::string> made;
  auto state = open_state(plan, made);
  if (!state) return state.error();
  assets.state = std::move(*state);
  if (plan.state_file.empty()) return {};
  auto locked = lock_state_file(plan);
  if (!locked) return locked.error();
  assets.state_lock = std::move(*locked);
  return {};
}

Result<Fd> open_log(const config::LogTarget& target, const std::string& place) {
  if (target.to != config::LogTo::File) return Fd();
  Fd fd(::open(target.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  if (!fd.is_open())
    return Error(Errc::System, "log " + target.path + ": " + strerror(errno)).within(place);
  return fd;
}

// The lowest slots that no socket has.
class FreeSlots {
 public:
  FreeSlots(const std::vector<ListeningSocket>& sockets, std::uint32_t room) : room_(room) {
    for (const ListeningSocket& socket : sockets) taken_.insert(socket.slot);
  }
  std::optional<std::uint32_t> take() {
    while (taken_.contains(next_)) ++next_;
    return next_ < room_ ? std::optional(next_++) : std::nullopt;
  }

 private:
  std::set<std::uint32_t> taken_;
  std::uint32_t room_, next_ = 0;
};

Result<Fd> bind_one(const BindPlan& bind) {
  auto address = net::Address::from(bind.at);
  if (!address) return address.error();
  if (address->family() == AF_UNIX)
    return bind_local(*address, bind.at.host, {bind.mode, bind.gid});
  // Another weir (or anybody) on this address must be noticed: the first socket binds alone.
  return net::listen_on(*address, {.reuse_port = true});
}

// Binds one address after the other.
class Binding {
 public:
  Binding(const Plan& plan, const BindTerms& terms, std::vector<std::string>& notes)
      : plan_(plan), terms_(terms), slots_(terms.sockets, terms.room), notes_(notes) {
    for (const auto* some : {&terms.sockets, &terms.given_up})
      for (const ListeningSocket& socket : *some) own_.insert(number_of(socket.fd.get()));
  }

  Result<void> bind(const BindPlan& bind) {
    const bool local = bind.at.kind == config::Endpoint::Kind::Unix;
    std::uint32_t missing = local ? 1 : std::max(least_slots, plan_.workers);
    for (const ListeningSocket& former : terms_.given_up) {
      if (former.address != bind.at.text) continue;
      if (auto added = add(bind, duplicate(former.fd)); !added) return added;
      missing -= missing > 0;
    }
    if (local && missing == 0)
      if (auto set = set_rights(bind.at.host, {bind.mode, bind.gid}); !set) return set;
    if (missing > 0 && !local)
      if (auto alone = check_alone(bind); !alone) return alone;
    for (; missing > 0; --missing) {
      auto socket = bind_one(bind);
      if (!socket) return socket.error();
      if (auto added = add(bind, std::move(*socket)); !added) return added;
    }
    return {};
  }

  std::vector<ListeningSocket> take() { return std::move(made_); }

 private:
  static ino_t number_of(int fd) {
    struct stat kind {};
    return ::fstat(fd, &kind) == 0 ? kind.st_ino : 0;
  }

  Result<void> check_alone(const BindPlan& bind) {
    auto address = net::Address::from(bind.at);
    if (!address) return address.error();
    const AddressUse use = look_for_use(*address, own_);
    std::string note = bind.shared ? sharing(use) : std::string();
    std::string why = bind.shared ? std::string() : objection(use, terms_.has_lock, note);
    if (!why.empty()) return Error(Errc::Exists, bind.at.text + ": " + why);
    if (!note.empty()) notes_.push_back(bind.at.text + ": " + note);
    return {};
  }

  Result<void> add(const BindPlan& bind, Fd fd) {
    if (!fd.is_open()) return Error(Errc::System, bind.at.text + ": " + strerror(errno));
    auto slot = slots_.take();
    if (!slot) return Error(Errc::Limit, "no room for more listening sockets without an upgrade");
    own_.insert(number_of(fd.get()));
    made_.push_back({std::move(fd), *slot, bind.at.text});
    return {};
  }

  const Plan& plan_;
  const BindTerms& terms_;
  FreeSlots slots_;
  std::vector<std::string>& notes_;
  std::set<ino_t> own_;  ///< numbers of sockets that are ours
  std::vector<ListeningSocket> made_;
};

// Sockets first that workers of a dead master still have: so no client of theirs is lost.
Result<void> bind_first(Assets& assets) {
  std::set<std::string> addresses;
  for (const BindPlan& bind : assets.plan.binds) addresses.insert(bind.at.text);
  assets.reclaimed = Reclaimed::ask(addresses);
  const bool has_lock = assets.pid_lock.is_open() || assets.state_lock.is_open();
  auto sockets = bind_missing(assets.plan, {{}, assets.reclaimed.sockets(), UINT32_MAX, has_lock},
                              assets.notes);
  if (!sockets) return sockets.error();
  assets.sockets = std::move(*sockets);
  if (assets.reclaimed.workers() == 0) return {};
  Reclaimed::own(assets.sockets);
  assets.notes.push_back("listening sockets taken over from " +
                         std::to_string(assets.reclaimed.workers()) +
                         " workers of a weir that has died");
  return {};
}

Result<void> acquire(const std::string& path, Assets& assets) {
  if (auto done = load(path, assets); !done) return done;
  if (auto may = check_user(assets.plan); !may) return may;
  if (auto done = lock(assets); !done) return done;
  if (auto done = bind_first(assets); !done) return done;
  if (auto done = bind_admin(assets); !done) return done;
  if (auto done = open_logs(assets.plan, assets.error_log, assets.access_log); !done) return done;
  if (auto done = share(assets); !done) return done;
  if (auto done = limit_connections(assets.plan, assets.sockets.size()); !done) return done;
  if (assets.pid_lock.is_open()) return write_pid(assets.plan, assets.pid_lock);
  return {};
}

}  // namespace

Setup Assets::setup_of(Role role) const {
  Setup setup;
  setup.role = role;
  setup.plan = plan;
  setup.shared = Fd(::fcntl(segment->fd(), F_DUPFD_CLOEXEC, 0));
  setup.bundle = duplicate(history.present().bundle);
  setup.generation = history.present().about.number;
  for (const Fd& waker : wakers) setup.wakers.push_back(duplicate(waker));
  const History::Entry& present = history.present();
  if (role == Role::Worker) setup.secrets = duplicate(present.secrets);
  if (role == Role::Control) setup.secrets = duplicate(present.check_secrets);
  if (role == Role::Worker)
    for (const ListeningSocket& socket : sockets)
      setup.sockets.push_back({duplicate(socket.fd), socket.slot, socket.address});
  else
    for (const Fd& file : state) setup.state.push_back(duplicate(file));
  if (role == Role::Control) {
    for (const Fd& socket : admin) setup.admin.push_back(duplicate(socket));
    setup.history = history.copy();
    setup.news = news;
    setup.carried = duplicate(carried);
  }
  if (role == Role::Writer) {
    setup.error_log = duplicate(error_log);
    setup.access_log = duplicate(access_log);
  }
  return setup;
}

Result<void> share(Assets& assets) {
  shm::Layout layout;
  layout.workers = std::max(least_workers, assets.plan.workers);
  layout.servers = most_servers;
  layout.listeners = std::max(least_listeners, 2 * assets.plan.listeners);
  layout.routes = std::max(least_routes, 2 * assets.plan.routes);
  layout.backends = std::max(least_backends, 2 * assets.plan.backends);
  layout.sockets = std::max(least_sockets, 2 * static_cast<std::uint32_t>(assets.sockets.size()));
  layout.started_us = wall_clock_us();
  auto segment = shm::Segment::create(layout, assets.plan.workers);
  if (!segment) return segment.error();
  assets.segment = std::make_unique<shm::Segment>(std::move(*segment));
  for (std::size_t i = 0; i < WakerOf::count(layout.workers); ++i) {
    assets.wakers.emplace_back(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!assets.wakers.back().is_open())
      return Error(Errc::System, std::string("eventfd: ") + strerror(errno));
  }
  return {};
}

Result<std::vector<ListeningSocket>> bind_missing(const Plan& plan, const BindTerms& terms,
                                                  std::vector<std::string>& notes) {
  std::set<std::string> bound;
  for (const ListeningSocket& socket : terms.sockets) bound.insert(socket.address);
  Binding binding(plan, terms, notes);
  for (const BindPlan& bind : plan.binds) {
    if (!bound.insert(bind.at.text).second) continue;
    if (auto done = binding.bind(bind); !done) return done.error().within(bind.place);
  }
  return binding.take();
}

// Every client needs a descriptor and another one towards its server; a pipe for its large bodies takes
// two more, which may be wanting: then they are copied.
Result<void> limit_connections(Plan& plan, std::size_t sockets) {
  std::uint64_t fixed = sockets + reserved_descriptors;
  std::uint64_t wanted = plan.max_connections ? plan.max_connections : default_connections;
  std::uint64_t each = (wanted + plan.workers - 1) / plan.workers;
  std::uint64_t limit = raise_descriptor_limit(each * 4 + fixed);
  if (limit < each * 2 + fixed) {
    if (plan.max_connections > 0)
      return Error(Errc::Limit, "max_connections " + std::to_string(wanted) + " needs " +
                                    std::to_string(each * 2 + fixed) +
                                    " descriptors a worker, but the limit is " +
                                    std::to_string(limit) + " (raise it: ulimit -n, LimitNOFILE=)");
    if (limit <= fixed + 4)
      return Error(Errc::Limit, "only " + std::to_string(limit) + " descriptors are allowed");
    each = (limit - fixed) / 3;
    wanted = each * plan.workers;
  }
  plan.max_connections = wanted;
  plan.pipes = (limit - fixed - each * 2) / 2;
  return {};
}

Result<void> open_logs(const Plan& plan, Fd& error_log, Fd& access_log) {
  auto error = open_log(plan.error_log, plan.error_log_place);
  if (!error) return error.error();
  auto access = open_log(plan.access_log, plan.access_log_place);
  if (!access) return access.error();
  error_log = std::move(*error);
  access_log = std::move(*access);
  return {};
}

Result<Assets> prepare(const std::string& path) {
  Assets assets;
  auto done = acquire(path, assets);
  if (done) return assets;
  // One that has been made for nothing.
  struct stat kind {};
  if (assets.pid_lock.is_open() && ::fstat(assets.pid_lock.get(), &kind) == 0 && kind.st_size == 0)
    ::unlink(assets.plan.pid_file.c_str());
  return done.error();
}

}  // namespace weir::process
