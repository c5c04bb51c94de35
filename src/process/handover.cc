// SPDX-License-Identifier: Apache-2.0
#include "process/handover.h"

#include <weir/version.h>

#include "base/cursor.h"
#include "base/text.h"
#include "process/bundle_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace weir::process {

namespace {

constexpr std::string_view first_line = "weir-handover 1\n";
constexpr const char* at_variable = "WEIR_HANDOVER";
constexpr const char* why_variable = "WEIR_HANDOVER_FAILED";

std::string_view take_word(std::string_view& text) { return take_until(text, ' '); }

template <typename T = std::uint32_t>
T take_number(std::string_view& text) {
  return to_number<T>(take_word(text)).value_or(0);
}

/// One item after the other; what stands in lines of its own comes with it.
class Items {
 public:
  explicit Items(std::string_view text) : text_(text) {}

  bool next(std::string_view& name, std::string_view& value) {
    if (text_.empty()) return false;
    value = take_until(text_, '\n');
    name = take_word(value);
    if (!name.ends_with(':')) return true;
    name.remove_suffix(1);
    std::size_t size = std::min<std::size_t>(take_number<std::uint64_t>(value), text_.size());
    value = text_.substr(0, size);
    text_.remove_prefix(size);
    return true;
  }

 private:
  std::string_view text_;
};

/// Makes a Handover of items.
class Reader {
 public:
  Result<Handover> read(std::string_view text) {
    Items items(text);
    for (std::string_view name, value; items.next(name, value);) take(name, value);
    if (past_.empty() || given_.segment < 0)
      return Error(Errc::Invalid, "handover: something is missing");
    // A former generation whose plan another version has written cannot be gone back to, and is let go.
    for (Past& past : past_)
      if (past.is_readable || &past == &past_.back())
        given_.assets.history.add(std::move(past.entry));
    return std::move(given_);
  }

 private:
  // The first word of a value is a descriptor.
  Fd take_fd(std::string_view& value) {
    int fd = to_number<int>(take_word(value)).value_or(-1);
    if (fd < 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return Fd();
    given_.descriptors.push_back(fd);
    return Fd(fd);
  }

  void take(std::string_view name, std::string_view value) {
    Assets& assets = given_.assets;
    if (name == "version")
      given_.version = value;
    else if (name == "path")
      given_.path = value;
    else if (name == "last")
      given_.last = take_number<std::uint64_t>(value);
    else if (name == "reload_wanted")
      given_.reload_wanted = value == "1";
    else if (name == "memory")
      given_.same_memory = value == "same";
    else if (name == "plan")
      take_plan(value, assets.plan);
    else if (name == "next_plan")
      given_.next_plan = value;
    else if (name == "past_plan")
      take_past(value);
    else if (name == "child")
      take_child(value);
    else
      take_descriptor(name, value);
  }

  void take_descriptor(std::string_view name, std::string_view value) {
    Assets& assets = given_.assets;
    if (name == "executable")
      given_.executable = take_fd(value).release();
    else if (name == "carried")
      given_.carried = take_fd(value).release();
    else if (name == "segment")
      given_.segment = take_fd(value).release();
    else if (name == "error_log")
      assets.error_log = take_fd(value);
    else if (name == "access_log")
      assets.access_log = take_fd(value);
    else if (name == "pid_lock")
      assets.pid_lock = take_fd(value);
    else if (name == "state_lock")
      assets.state_lock = take_fd(value);
    else if (name == "waker")
      assets.wakers.push_back(take_fd(value));
    else if (name == "admin")
      assets.admin.push_back(take_fd(value));
    else if (name == "state")
      assets.state.push_back(take_fd(value));
    else if (name == "past") {
      Past& past = past_.emplace_back();
      past.entry.bundle = take_fd(value);
      past.entry.about = read_about(value);
    } else if (name == "secrets" && !past_.empty()) {
      past_.back().entry.secrets = take_fd(value);
    } else if (name == "check_secrets" && !past_.empty()) {
      past_.back().entry.check_secrets = take_fd(value);
    } else if (name == "socket") {
      ListeningSocket socket;
      socket.fd = take_fd(value);
      socket.slot = take_number(value);
      socket.address = value;
      assets.sockets.push_back(std::move(socket));
    }
  }

  // One of another version may be unreadable; the taker makes its own.
  static void take_plan(std::string_view text, Plan& plan) {
    if (auto read = read_plan(text)) plan = std::move(*read);
  }

  void take_past(std::string_view text) {
    auto plan = read_plan(text);
    if (past_.empty() || !plan) return;
    past_.back().is_readable = true;
    past_.back().entry.plan = std::move(*plan);
  }

  void take_child(std::string_view value) {
    Child child;
    std::string_view role = take_word(value);
    for (Role each : {Role::Control, Role::Writer, Role::Worker})
      if (role == role_name(each)) child.role = each;
    child.index = take_number(value);
    child.incarnation = take_number(value);
    child.pid = take_number<pid_t>(value);
    child.ready = take_number(value) != 0;
    child.leaving = take_number(value) != 0;
    child.stranger = take_number(value) != 0;
    child.generation = take_number<std::uint64_t>(value);
    child.started_us = take_number<std::uint64_t>(value);
    if (!value.empty()) child.channel = net::Channel(take_fd(value));
    given_.children.push_back(std::move(child));
  }

  struct Past {
    History::Entry entry;
    bool is_readable = false;
  };

  Handover given_;
  std::vector<Past> past_;
};

std::string own_arguments() {
  std::string text;
  Fd file(::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  for (ssize_t size; file.is_open() && (size = ::read(file.get(), buffer, sizeof(buffer))) > 0;)
    text.append(buffer, static_cast<std::size_t>(size));
  return text;
}

}  // namespace

HandoverText::HandoverText(const Given& given) : text_(first_line) {
  const Assets& assets = given.assets;
  add("version", version);
  add("path", given.path);
  add("last", std::to_string(given.last));
  add("reload_wanted", given.reload_wanted ? "1" : "0");
  add_descriptor("executable", given.executable);
  add_descriptor("segment", assets.segment->fd());
  if (assets.error_log.is_open()) add_descriptor("error_log", assets.error_log.get());
  if (assets.access_log.is_open()) add_descriptor("access_log", assets.access_log.get());
  for (const Fd& fd : assets.wakers) add_descriptor("waker", fd.get());
  for (const Fd& fd : assets.admin) add_descriptor("admin", fd.get());
  for (const Fd& fd : assets.state) add_descriptor("state", fd.get());
  for (const ListeningSocket& socket : assets.sockets) {
    descriptors_.push_back(socket.fd.get());
    add("socket", concat(std::to_string(socket.fd.get()), " ", std::to_string(socket.slot), " ",
                         socket.address));
  }
  for (const History::Entry& past : assets.history.entries()) {
    descriptors_.push_back(past.bundle.get());
    add("past", concat(std::to_string(past.bundle.get()), " ", write_about(past.about)));
    if (past.secrets.is_open()) add_descriptor("secrets", past.secrets.get());
    if (past.check_secrets.is_open()) add_descriptor("check_secrets", past.check_secrets.get());
    add_lines("past_plan", write_plan(past.plan));
  }
  add_lines("plan", write_plan(assets.plan));
  for (const Child& child : given.children) add_child(child);
}

void HandoverText::add_child(const Child& child) {
  if (child.pid == 0 && child.leaving) return;
  std::string value = role_name(child.role);
  for (std::uint64_t number : {std::uint64_t{child.index}, std::uint64_t{child.incarnation},
                               static_cast<std::uint64_t>(child.pid), std::uint64_t{child.ready},
                               std::uint64_t{child.leaving}, std::uint64_t{child.stranger},
                               child.generation, child.started_us})
    value += " " + std::to_string(number);
  if (child.channel.is_open()) {
    descriptors_.push_back(child.channel.fd());
    value += " " + std::to_string(child.channel.fd());
  }
  add("child", value);
}

void HandoverText::add_locks(const Assets& assets) {
  if (assets.pid_lock.is_open()) add_descriptor("pid_lock", assets.pid_lock.get());
  if (assets.state_lock.is_open()) add_descriptor("state_lock", assets.state_lock.get());
}

void HandoverText::add(std::string_view item, std::string_view value) {
  text_.append(item).append(" ").append(value).append("\n");
}

void HandoverText::add_descriptor(std::string_view item, int fd) {
  descriptors_.push_back(fd);
  add(item, std::to_string(fd));
}

void HandoverText::add_lines(std::string_view item, std::string_view lines) {
  add(concat(item, ":"), std::to_string(lines.size()));
  text_.append(lines);
}

Result<Fd> HandoverText::seal() const { return seal_text("weir-handover", text_); }

Result<Handover> read_handover(int fd) {
  struct stat kind {};
  // Nobody but a weir can have made it so that it cannot be changed any more.
  if (::fstat(fd, &kind) != 0 || (::fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE) == 0)
    return Error(Errc::Invalid, "handover: no sealed memory");
  std::string text(static_cast<std::size_t>(kind.st_size), '\0');
  if (::pread(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      !text.starts_with(first_line))
    return Error(Errc::Invalid, "handover: it is written in another way");
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return Reader().read(std::string_view(text).substr(first_line.size()));
}

Error exec_with(const std::string& binary, const std::vector<int>& descriptors, int handover,
                const std::string& why) {
  std::string text = own_arguments();
  std::vector<char*> arguments;
  for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1) {
    arguments.push_back(text.data() + at);
    if (text.find('\0', at) == std::string::npos) break;
  }
  arguments.push_back(nullptr);
  ::setenv(at_variable, std::to_string(handover).c_str(), 1);
  if (!why.empty()) ::setenv(why_variable, why.c_str(), 1);
  ::fcntl(handover, F_SETFD, 0);
  for (int fd : descriptors) ::fcntl(fd, F_SETFD, 0);
  ::execv(binary.c_str(), arguments.data());
  Error error(Errc::System, binary + ": " + strerror(errno));
  for (int fd : descriptors) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(handover, F_SETFD, FD_CLOEXEC);
  ::unsetenv(at_variable);
  ::unsetenv(why_variable);
  return error;
}

int take_handover(std::string& why) {
  const char* at = ::getenv(at_variable);
  int fd = at ? to_number<int>(at).value_or(-1) : -1;
  if (const char* text = ::getenv(why_variable)) why = text;
  ::unsetenv(at_variable);
  ::unsetenv(why_variable);
  return fd;
}

}  // namespace weir::process
