// SPDX-License-Identifier: Apache-2.0
#include "weirctl/session.h"

#include "base/cursor.h"
#include "base/text.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

namespace weir::weirctl {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t most_pending = 4096;
constexpr std::size_t most_unsent = 256 * 1024;
constexpr std::size_t most_printed = 256 * 1024;
constexpr std::size_t longest_line = 64 * 1024 * 1024;
constexpr std::size_t read_size = 64 * 1024;

int status_of(std::string_view code) {
  if (code == "usage" || code == "unknown") return Usage;
  if (code == "conflict") return Conflict;
  if (code == "timeout") return TimedOut;
  return Refused;
}

/// Writes everything to stdout.  Ends the program if nobody takes it; a reader that has left is no
/// reason for a message.
void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd out{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&out, 1, -1);
    } else if (errno != EINTR) {
      if (errno != EPIPE) std::fprintf(stderr, "weirctl: stdout: %s\n", std::strerror(errno));
      ::_exit(Refused);
    }
  }
}

}  // namespace

int Session::run(std::optional<Request> first) {
  if (first) ask(std::move(*first));
  while (!over_) {
    take_requests();
    if (pending_.empty() && ended_) break;
    turn();
  }
  print(std::exchange(printed_, {}));
  return status_;
}

bool Session::has_room() const {
  if (pending_.empty()) return true;
  return mode_ == Mode::Lines && !held_ && pending_.size() < most_pending &&
         out_.size() < most_unsent;
}

void Session::take_requests() {
  while (has_room()) {
    std::optional<Request> request = held_ ? std::exchange(held_, std::nullopt) : next_request();
    if (!request) return;
    if (request->alone && !pending_.empty())
      held_ = std::move(request);
    else
      ask(std::move(*request));
  }
}

std::optional<Request> Session::next_request() {
  if (ended_) return std::nullopt;
  if (mode_ == Mode::Transaction && status_ != Ok) return abort_request();
  if (const auto line = closing_ ? std::nullopt : input_.next()) {
    Request request = make_request(*line, options_.json);
    request.number = input_.number();
    closing_ = mode_ == Mode::Transaction && request.closes;
    return request;
  }
  if (input_.is_open() && !closing_) return std::nullopt;
  if (mode_ == Mode::Transaction && !std::exchange(closing_, true))
    return make_request("commit", options_.json);
  ended_ = true;
  return std::nullopt;
}

Request Session::abort_request() {
  ended_ = true;
  Request request = make_request("abort", options_.json);
  request.quiet = true;
  return request;
}

void Session::ask(Request request) {
  if (!request.problem.empty()) return fail(Refused, request.problem, request.number);
  if (request.streams) std::signal(SIGINT, [](int) { ::_exit(Ok); });
  if (pending_.empty()) patience_ = options_.patience;
  out_.append(std::exchange(request.line, {})) += '\n';
  if (request.file.is_open()) file_ = std::move(request.file);
  pending_.push_back(std::move(request));
}

void Session::turn() {
  print(std::exchange(printed_, {}));
  const bool reads_input = !ended_ && !closing_ && input_.is_open() && has_room();
  const short wanted = out_.empty() ? POLLIN : POLLIN | POLLOUT;
  pollfd fds[] = {{socket_.get(), wanted, 0}, {reads_input ? STDIN_FILENO : -1, POLLIN, 0}};
  const bool is_patient = pending_.empty() || (pending_.front().streams && has_head_);
  const auto start = steady_clock::now();
  const auto left = std::chrono::ceil<milliseconds>(std::max(patience_, {}));
  const int count = ::poll(fds, 2, is_patient ? -1 : static_cast<int>(left.count()));
  if (!is_patient) patience_ -= steady_clock::now() - start;
  if (count < 0) return;
  if (fds[0].revents & POLLOUT) send();
  if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
    receive();
  else if (!is_patient && patience_ <= steady_clock::duration::zero())
    end(TimedOut, "no answer in time");
  if (!over_ && fds[1].revents) read_input();
}

void Session::read_input() {
  if (Result<void> done = input_.read(); !done) fail(Refused, "stdin: " + done.error().text(), 0);
}

void Session::send() {
  iovec part{out_.data(), out_.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (file_.is_open()) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = file_.get();
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  const ssize_t count = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  file_.reset();
  // A daemon that hangs up may have said why: the rest is not sent, but what it wrote is read.
  out_.erase(0, count < 0 ? out_.size() : static_cast<std::size_t>(count));
}

void Session::receive() {
  const std::size_t had = in_.size();
  in_.resize(had + read_size);
  const ssize_t count = ::recv(socket_.get(), in_.data() + had, read_size, MSG_DONTWAIT);
  const bool is_idle = count < 0 && (errno == EAGAIN || errno == EINTR);
  in_.resize(had + (count > 0 ? static_cast<std::size_t>(count) : 0));
  if (count <= 0 && !is_idle) return end(NoDaemon, "the daemon closed the connection");
  std::size_t begin = 0;
  // Everything before `had` was searched by the call before this one.
  for (std::size_t at = had; !over_ && (at = in_.find('\n', at)) != std::string::npos; ++at) {
    on_line(std::string_view(in_).substr(begin, at - begin));
    begin = at + 1;
  }
  in_.erase(0, begin);
  if (in_.size() > longest_line) end(NoDaemon, "a line of the answer is too long");
}

void Session::on_line(std::string_view line) {
  if (pending_.empty() || (!has_head_ && !on_head(line)))
    return end(NoDaemon, "what answers is not weir: " + in_quotes(line));
  if (!std::exchange(has_head_, true)) return;
  if (line == ".") {
    pending_.pop_front();
    has_head_ = false;
    patience_ = options_.patience;
    return;
  }
  if (pending_.front().quiet) return;
  if (line.starts_with('.')) line.remove_prefix(1);
  printed_.append(line) += '\n';
  if (printed_.size() > most_printed) print(std::exchange(printed_, {}));
}

bool Session::on_head(std::string_view line) {
  const Request& request = pending_.front();
  const std::string_view outcome = take_until(line, ' ');
  std::string_view rest = trim(line);
  if (outcome == "ok") {
    if (!rest.empty() && !request.json && !request.quiet) printed_.append(rest) += '\n';
    return true;
  }
  if (outcome != "error") return false;
  const std::string_view code = take_until(rest, ' ');
  if (!request.quiet) fail(status_of(code), concat(code, ": ", trim(rest)), request.number);
  return true;
}

void Session::fail(int status, const std::string& text, std::size_t number) {
  print(std::exchange(printed_, {}));
  if (status_ == Ok) status_ = status;
  const std::string place = number ? concat("line ", std::to_string(number), ": ") : "";
  std::fprintf(stderr, "weirctl: %s%s\n", place.c_str(), text.c_str());
}

void Session::end(int status, const std::string& text) {
  over_ = true;
  if (pending_.empty() || !pending_.front().quiet)
    fail(status, text, pending_.empty() ? 0 : pending_.front().number);
}

}  // namespace weir::weirctl
