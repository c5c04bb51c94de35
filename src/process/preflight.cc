// SPDX-License-Identifier: Apache-2.0
#include "process/preflight.h"

#include "base/fd.h"
#include "base/text.h"
#include "config/print.h"
#include "config/statements.h"
#include "process/reach.h"
#include "process/start.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

namespace weir::process {

namespace {

using config::Severity;

bool has_capability(int which) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("CapEff:"))
      return (std::stoull(line.substr(7), nullptr, 16) >> which & 1) != 0;
  return true;  // nothing is known: let the start find out
}

bool changes_user(const Plan& plan) {
  return plan.drop && (plan.uid != ::geteuid() || plan.gid != ::getegid());
}

std::uint16_t first_free_port() {
  std::ifstream file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  std::uint16_t port = 1024;
  file >> port;
  return port;
}

bool can_reach_syslog() {
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view("/dev/log").copy(address.sun_path, sizeof(address.sun_path) - 1);
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

class Preflight {
 public:
  Preflight(const config::Config& config, Plan plan) : config_(config), plan_(std::move(plan)) {}

  std::vector<config::Diagnostic> check() {
    look_at_files();
    look_at_user();
    look_at_binds();
    look_at_limits();
    return std::move(found_);
  }

 private:
  void add(Severity severity, const std::string& place, std::string message, std::string hint) {
    config::Diagnostic diagnostic;
    diagnostic.severity = severity;
    diagnostic.place = place;
    diagnostic.message = std::move(message);
    diagnostic.hint = std::move(hint);
    found_.push_back(std::move(diagnostic));
  }
  void error(const std::string& place, std::string message, std::string hint) {
    add(Severity::Error, place, std::move(message), std::move(hint));
  }
  std::string place_of(std::string_view statement) const {
    return config::place_text(config_, config::find_origin(config_.origins, statement));
  }

  // Something is to be made at `path`, or opened for writing if it is there and `may_exist`.
  void look_at(std::string_view what, const std::string& path, const std::string& place,
               bool may_exist) {
    const std::string directory = directory_of(path);
    struct stat kind {};
    if (::stat(directory.c_str(), &kind) != 0)
      return error(place, concat(what, " ", path, ": directory ", directory, ": ", strerror(errno)),
                   concat("create it: mkdir -p ", directory));
    if (!S_ISDIR(kind.st_mode))
      return error(place, concat(what, " ", path, ": ", directory, " is not a directory"), {});
    const bool exists = may_exist && ::stat(path.c_str(), &kind) == 0;
    if (exists && S_ISDIR(kind.st_mode))
      return error(place, concat(what, " ", path, " is a directory"), {});
    const std::string& needed = exists ? path : directory;
    if (::access(needed.c_str(), exists ? W_OK : W_OK | X_OK) != 0)
      error(place, concat(what, " ", path, ": cannot write to ", needed, ": ", strerror(errno)),
            "weir opens it as the user that starts it: run weir -t as that user");
  }

  void look_at_log(std::string_view what, const config::LogTarget& log, const std::string& place) {
    if (log.to == config::LogTo::File) look_at(what, log.path, place, true);
    if (log.to == config::LogTo::Syslog && !can_reach_syslog())
      add(Severity::Warning, place, concat(what, " syslog: /dev/log: ", strerror(errno)),
          "lines are lost until a syslog daemon listens there");
  }

  void look_at_files() {
    look_at_log("error_log", plan_.error_log, plan_.error_log_place);
    look_at_log("access_log", plan_.access_log, plan_.access_log_place);
    if (!plan_.pid_file.empty()) look_at("pid_file", plan_.pid_file, plan_.pid_place, true);
    // A directory in which its second file can be made, too.
    if (!plan_.state_file.empty()) look_at("state_file", plan_.state_file, plan_.state_place, true);
    for (const AdminPlan& socket : plan_.admin) look_at("admin", socket.path, socket.place, false);
    for (const BindPlan& bind : plan_.binds)
      if (bind.at.kind == config::Endpoint::Kind::Unix)
        look_at("bind", bind.at.host, bind.place, false);
    struct stat kind {};
    if (plan_.chroot.empty()) return;
    if (::stat(plan_.chroot.c_str(), &kind) != 0 || !S_ISDIR(kind.st_mode))
      error(place_of("chroot"), concat("chroot ", plan_.chroot, ": no such directory"),
            concat("create it: mkdir -p ", plan_.chroot));
  }

  void look_at_user() {
    if (auto may = check_user(plan_); !may)
      error(place_of("user"), may.error().text(),
            "write: user root, or give the container these capabilities");
    else if (changes_user(plan_) && !has_capability(CAP_KILL))
      add(Severity::Warning, place_of("user"),
          "the capability KILL is missing: workers that hang cannot be ended",
          "give it to the container, or write: user root");
    if (!plan_.chroot.empty() && !has_capability(CAP_SYS_CHROOT))
      error(place_of("chroot"), "chroot needs the capability SYS_CHROOT", {});
  }

  void look_at_binds() {
    const std::uint16_t first = first_free_port();
    for (const BindPlan& bind : plan_.binds)
      if (bind.at.kind != config::Endpoint::Kind::Unix && bind.at.port != 0 &&
          bind.at.port < first && !has_capability(CAP_NET_BIND_SERVICE))
        error(bind.place,
              concat("bind ", bind.at.text, ": ports below ", std::to_string(first),
                     " need the capability NET_BIND_SERVICE"),
              "give it to weir (AmbientCapabilities= of its service), or bind to another port");
  }

  void look_at_limits() {
    const std::size_t sockets = plan_.binds.size() * std::max(16U, plan_.workers);
    if (auto limited = limit_connections(plan_, sockets); !limited)
      error(place_of("max_connections"), limited.error().text(), {});
  }

  const config::Config& config_;
  Plan plan_;
  std::vector<config::Diagnostic> found_;
};

}  // namespace

Result<void> check_user(const Plan& plan) {
  if (!changes_user(plan) || (has_capability(CAP_SETUID) && has_capability(CAP_SETGID))) return {};
  return Error(
      Errc::System,
      "to run its processes as another user weir needs the capabilities SETUID and SETGID");
}

std::vector<config::Diagnostic> check_start(const config::Config& config, Plan plan) {
  return Preflight(config, std::move(plan)).check();
}

}  // namespace weir::process
