// SPDX-License-Identifier: Apache-2.0
#include "process/reach.h"

#include "base/sha256.h"
#include "base/text.h"
#include "config/tls_block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace weir::process {

namespace {

namespace fs = std::filesystem;

// The way from the directory to the path, if it leads down.
std::optional<std::string> way_down(const std::string& directory, const std::string& path) {
  std::error_code none;
  fs::path from = fs::absolute(directory, none).lexically_normal();
  fs::path way = fs::absolute(path, none).lexically_normal().lexically_relative(from);
  if (way.empty() || *way.begin() == "..") return std::nullopt;
  return way.string();
}

Result<std::string> read_all(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
    return Error(Errc::Invalid, "is not a regular file");
  constexpr std::size_t step = 64 * 1024;
  std::string text;
  while (text.size() <= config::most_source_bytes) {
    std::size_t at = text.size();
    text.resize(at + step);
    ssize_t count = ::pread(fd, text.data() + at, step, static_cast<off_t>(at));
    if (count < 0) return Error(Errc::System, concat("cannot be read: ", strerror(errno)));
    text.resize(at + static_cast<std::size_t>(count));
    if (count == 0) return text;
  }
  return Error(Errc::Limit, "is larger than 64 MiB");
}

// The kernel sees to it that no link and no ".." leads out of the directory.
Result<std::string> read_beneath(const std::string& directory, const std::string& path) {
  auto way = way_down(directory, path);
  if (!way)
    return Error(Errc::Invalid, concat("is not beneath ", directory,
                                       ", where a file that was handed over may read"));
  Fd base(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  Fd file(static_cast<int>(::syscall(SYS_openat2, base.get(), way->c_str(), &how, sizeof(how))));
  if (!file.is_open()) return Error(Errc::System, concat("cannot be opened: ", strerror(errno)));
  return read_all(file.get());
}

using Paths = std::set<std::pair<std::string, std::string>>;  // what for, and which

Paths paths_of(const Plan& plan) {
  Paths paths;
  auto add = [&paths](const char* what, const std::string& path) {
    if (!path.empty()) paths.emplace(what, path);
  };
  add("chroot", plan.chroot);
  add("pid_file", plan.pid_file);
  add("state_file", plan.state_file);
  if (plan.error_log.to == config::LogTo::File) add("error_log", plan.error_log.path);
  if (plan.access_log.to == config::LogTo::File) add("access_log", plan.access_log.path);
  for (const AdminPlan& socket : plan.admin) add("admin", socket.path);
  for (const BindPlan& bind : plan.binds)
    if (bind.at.kind == config::Endpoint::Kind::Unix) add("bind", bind.at.host);
  return paths;
}

}  // namespace

std::string directory_of(const std::string& path) {
  std::string directory = fs::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

config::FileReader confined_reader(const std::string& directory, const std::string& name, Fd main) {
  config::FileReader reader = config::disk_reader();
  auto file = std::make_shared<Fd>(std::move(main));
  reader.read = [=, disk = reader.read](const std::string& path) {
    // The roots that everybody trusts are no secret.
    const auto roots = config::system_root_files();
    if (std::find(roots.begin(), roots.end(), path) != roots.end()) return disk(path);
    return path == name ? read_all(file->get()) : read_beneath(directory, path);
  };
  reader.secret = [=](const std::string& path) -> Result<config::Secret> {
    Result<std::string> text = read_beneath(directory, path);
    if (!text) return text.error();
    std::string hash = sha256_hex(*text);
    return config::Secret{std::make_shared<const std::string>(std::move(*text)), std::move(hash)};
  };
  reader.list = [=, disk = reader.list](const std::string& pattern) {
    // Of what is outside nothing is said but that.
    return way_down(directory, pattern) ? disk(pattern) : std::vector<std::string>{pattern};
  };
  return reader;
}

Result<void> check_reach(const Plan& now, const Plan& next, const std::string& directory) {
  Paths known = paths_of(now);
  for (const auto& each : paths_of(next)) {
    if (known.contains(each) || way_down(directory, each.second)) continue;
    return Error(Errc::Invalid,
                 concat(each.first, " ", each.second, " is neither in use now nor beneath ",
                        directory, ": a file that was handed over cannot name it"));
  }
  return {};
}

}  // namespace weir::process
