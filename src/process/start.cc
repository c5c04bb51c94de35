// SPDX-License-Identifier: Apache-2.0
#include "process/start.h"

#include <weir/log.h>

#include "base/wall_time.h"
#include "net/socket.h"
#include "process/child.h"
#include "process/log_port.h"
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
  loader.channel.close();
  int status;
  (void)::waitpid(loader.pid, &status, 0);
  if (!message) return Error(Errc::System, path + ": the loader died");
  if (message->type != net::MessageType::Plan || message->descriptors.size() != 1)
    return Error(Errc::Invalid, message->bytes);
  auto plan = read_plan(message->bytes);
  if (!plan) return plan.error();
  assets.plan = std::move(*plan);
  assets.bundle = std::move(message->descriptors[0]);
  return {};
}

Result<void> bind_all(Assets& assets) {
  for (const BindPlan& bind : assets.plan.binds) {
    auto address = net::Address::from(bind.at);
    if (!address) return address.error();
    bool local = address->family() == AF_UNIX;
    std::uint32_t slots = local ? 1 : std::max(least_slots, assets.plan.workers);
    for (std::uint32_t i = 0; i < slots; ++i) {
      // Another weir (or anybody) on this address must be noticed: the first socket binds alone.
      auto socket = net::listen_on(*address, {.reuse_port = !local});
      if (!socket) return socket.error();
      // Like a port, a socket for clients is for everybody; its directory may say otherwise.
      if (local && ::chmod(bind.at.host.c_str(), 0666) != 0)
        return Error(Errc::System, bind.at.text + ": " + strerror(errno));
      assets.sockets.push_back({std::move(*socket), bind.listener});
      assets.shared_by_all.push_back(local);
    }
  }
  return {};
}

// Nobody may connect before owner and mode are what they shall be.
Result<void> bind_admin(Assets& assets) {
  for (const AdminPlan& plan : assets.plan.admin) {
    config::Endpoint at;
    at.kind = config::Endpoint::Kind::Unix;
    at.host = plan.path;
    at.text = "unix:" + plan.path;
    auto address = net::Address::from(at);
    if (!address) return address.error();
    mode_t before = ::umask(0177);
    auto socket = net::listen_on(*address, {});
    ::umask(before);
    if (!socket) return socket.error().within("admin");
    if ((plan.gid != UINT32_MAX &&
         ::chown(plan.path.c_str(), static_cast<uid_t>(-1), plan.gid) != 0) ||
        ::chmod(plan.path.c_str(), plan.mode) != 0)
      return Error(Errc::System, "admin " + plan.path + ": " + strerror(errno));
    assets.admin.push_back(std::move(*socket));
  }
  return {};
}

Result<void> open_state(Assets& assets) {
  if (assets.plan.state_file.empty()) return {};
  for (const char* suffix : {"", ".alt"}) {
    std::string path = assets.plan.state_file + suffix;
    assets.state.emplace_back(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat kind;
    if (!assets.state.back().is_open() || ::fstat(assets.state.back().get(), &kind) != 0)
      return Error(Errc::System, "state_file " + path + ": " + strerror(errno));
    if (!S_ISREG(kind.st_mode)) return Error(Errc::Invalid, "state_file " + path + " is no file");
  }
  return {};
}

Result<Fd> open_log(const config::LogTarget& target) {
  if (target.to != config::LogTo::File) return Fd();
  Fd fd(::open(target.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  if (!fd.is_open()) return Error(Errc::System, "log " + target.path + ": " + strerror(errno));
  return fd;
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

// Every client needs a descriptor and another one towards its server; a pipe for its large bodies takes
// two more, which may be wanting: then they are copied.
Result<void> limit_connections(Assets& assets) {
  Plan& plan = assets.plan;
  std::uint64_t fixed = assets.sockets.size() + reserved_descriptors;
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

}  // namespace

Result<void> open_logs(Assets& assets) {
  auto error_log = open_log(assets.plan.error_log);
  if (!error_log) return error_log.error();
  auto access_log = open_log(assets.plan.access_log);
  if (!access_log) return access_log.error();
  assets.error_log = std::move(*error_log);
  assets.access_log = std::move(*access_log);
  return {};
}

Result<Assets> prepare(const std::string& path) {
  Assets assets;
  if (auto done = load(path, assets); !done) return done.error();
  if (auto done = bind_all(assets); !done) return done.error();
  if (auto done = bind_admin(assets); !done) return done.error();
  if (auto done = open_state(assets); !done) return done.error();
  if (auto done = open_logs(assets); !done) return done.error();
  if (auto done = share(assets); !done) return done.error();
  if (auto done = limit_connections(assets); !done) return done.error();
  return assets;
}

}  // namespace weir::process
