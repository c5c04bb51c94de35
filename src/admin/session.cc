// SPDX-License-Identifier: Apache-2.0
#include "admin/session.h"

#include "admin/generations.h"
#include "admin/words.h"
#include "base/cursor.h"
#include "base/wall_time.h"
#include "event/errand.h"
#include "shm/report.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace weir::admin {

namespace {

constexpr int most_rounds = 16;  // before others get their turn
constexpr std::size_t most_pending = 16'384;
constexpr std::size_t most_output = 256 * 1024;
constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t most_descriptors = 4;       // taken at once; the kernel closes what is beyond
constexpr std::uint64_t visible_us = 250'000;     // for workers to see a change
constexpr std::uint64_t durable_us = 5'000'000;   // for the disk to take a record
constexpr std::uint64_t reload_us = 120'000'000;  // for a reload to end
constexpr std::uint64_t stuck_us = 30'000'000;    // for a client to take what it has asked for
constexpr std::uint64_t silent_us = 600'000'000;  // for a client to ask something

std::string peer_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "unknown";
  return "uid " + std::to_string(peer.uid) + " pid " + std::to_string(peer.pid);
}

}  // namespace

AdminSession::AdminSession(event::Loop& loop, Fleet& fleet, Fd fd, config::AdminLevel level)
    : loop_(loop),
      fleet_(fleet),
      fd_(std::move(fd)),
      deadline_(*this),
      again_(*this),
      caller_{level, peer_of(fd_.get()), {}},
      progress_(loop.now()) {
  watch_.start(loop, fd_.get(), event::Watch::Edge::Both, *this);
}

AdminSession::~AdminSession() { fleet_.events.unsubscribe(*this); }

void AdminSession::on_ready(event::Ready) noexcept { pump(); }

void AdminSession::on_deadline() noexcept {
  const std::uint64_t now = loop_.now();
  if (out_at_ < out_.size() && now >= progress_ + stuck_us) return die();
  if (waits_for_client() && now >= progress_ + silent_us) return die();
  pump();
}

void AdminSession::pump() {
  if (dead_) return;
  // Each round makes room for the next; all of it is bounded by what the client takes.
  for (int rounds = 0;; ++rounds) {
    if (rounds == most_rounds) {
      if (leaving_) hear_no_more();
      return loop_.post(again_);
    }
    bool read = read_input();
    if (dead_) return;
    do {
      take_lines();
      write_replies();
    } while (may_take() && in_.find('\n') != std::string::npos);
    if (watching_) write_events();
    bool sent = send_output();
    if (dead_) return;
    if (!read && !sent) break;
  }
  if (leaving_) hear_no_more();
  if ((input_ended_ || closing_) && waits_for_client()) return die();
  arm();
}

void AdminSession::hear_no_more() {
  input_ended_ = true;
  watching_ = false;
  fleet_.events.unsubscribe(*this);
}

// With the bytes may come a descriptor: of several the last one counts, and the others are closed.
ssize_t AdminSession::receive(char* buffer, std::size_t size) {
  iovec piece{buffer, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_descriptors)];
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t count = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
  if (count < 0) return count;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= header->cmsg_len; at += sizeof(int)) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + at, sizeof(fd));
      caller_.file = Fd(fd);
    }
  }
  return count;
}

bool AdminSession::read_input() {
  if (input_ended_ || closing_ || in_.size() > longest_line || pending_.size() >= most_pending)
    return false;
  char buffer[read_bytes];
  ssize_t size = receive(buffer, sizeof(buffer));
  if (size > 0) {
    progress_ = loop_.now();
    if (!watching_) in_.append(buffer, static_cast<std::size_t>(size));
    return true;
  }
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  input_ended_ = true;
  if (size < 0 || watching_) die();
  return false;
}

// A body may hold much, so the next command runs only when it has been made, and as the client takes it.
bool AdminSession::may_take() const {
  bool body_waits = !pending_.empty() && pending_.back().reply.body;
  return pending_.size() < most_pending && !body_waits && !closing_ &&
         out_.size() - out_at_ < most_output;
}

void AdminSession::take_lines() {
  std::size_t begin = 0;
  while (may_take()) {
    std::size_t end = in_.find('\n', begin);
    if (end == std::string::npos || end - begin > longest_line) {
      if (in_.size() - begin <= longest_line) break;
      Pending& pending = pending_.emplace_back();
      pending.reply.fail("limit", "a line may have 64 KiB");
      closing_ = true;
      begin = in_.size();
      break;
    }
    std::string_view line(in_.data() + begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    take_line(line);
    begin = end + 1;
    if (watching_) begin = in_.size();
  }
  in_.erase(0, begin);
}

void AdminSession::take_line(std::string_view line) {
  event::Errand errand("command", line);
  event::About about(loop_, errand);
  auto words = parse_words(line);
  bool json = words && !words->empty() && words->front() == "@json";
  if (json) words->erase(words->begin());
  if (words && words->empty()) return;
  Pending& pending = pending_.emplace_back();
  if (!words)
    pending.reply.fail("usage", words.error().text());
  else
    answer(*words, json, pending.reply);
  pending.json = json;
  pending.line = line.substr(0, event::Errand::most_text);
  if (pending.reply.finished_at > 0) pending.audit = std::move(*words);
  bool durable = pending.reply.durable_at > 0;
  pending.due = loop_.now() + (pending.reply.finished_at > 0 ? reload_us
                               : durable                     ? durable_us
                                                             : visible_us);
  if (pending.reply.watches && pending.reply.is_ok()) {
    watching_ = true;
    watched_type_ = pending.reply.watch;
    seen_event_ = fleet_.events.last();
    fleet_.events.subscribe(*this);
  }
}

void AdminSession::answer(std::vector<std::string> words, bool json, Reply& reply) {
  std::span<const std::string> rest = std::span<const std::string>(words).subspan(1);
  if (words[0] == "transaction" && caller_.level >= config::AdminLevel::Operate) {
    transaction_.begin(fleet_, rest, reply);
    return;
  }
  if (!transaction_.is_open()) {
    run_command(fleet_, caller_, words, json, false, reply);
    if (reply.finished_at > 0) caller_.file.reset();
    if (reply.finished_at == 0) audit(words, reply);
    return;
  }
  if (words[0] == "abort") return transaction_.abort();
  if (words[0] != "commit") return transaction_.add(std::move(words), reply);
  bool force = rest.size() == 1 && rest[0] == "force";
  if (force && caller_.level < config::AdminLevel::Admin)
    return reply.fail("forbidden", "force needs level admin");
  if (!rest.empty() && !force) return reply.fail("usage", "write commit or commit force");
  words.push_back(transaction_.describe());
  transaction_.commit(fleet_, caller_, force, reply);
  audit(words, reply);
}

void AdminSession::audit(const std::vector<std::string>& words, const Reply& reply) {
  std::size_t used = 0;
  const Command* command = find_command(words, used);
  if (!command || (!command->changes && words[0] != "commit")) return;
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + quote(word);
  fleet_.audit.add({wall_clock_us(), caller_.by, std::move(text),
                    reply.is_ok() ? "ok " + reply.text : reply.code + ": " + reply.text});
}

bool AdminSession::may_go(const Pending& pending) const {
  const Reply& reply = pending.reply;
  bool visible = fleet_.daemon.seen_by_all() >= reply.visible_at;
  bool durable = fleet_.daemon.state_synced() >= reply.durable_at;
  bool answered = fleet_.daemon.answered_by_all() >= reply.answered_at;
  bool drained = fleet_.drains.seen_by_all() >= reply.drained_at;
  return (visible && durable && answered && drained) || loop_.now() >= pending.due;
}

// What it asked for has come to its end, or to nothing in all that time.
bool AdminSession::take_outcome(Pending& pending) {
  Reloads::Ticket ticket = std::exchange(pending.reply.finished_at, 0);
  if (ticket == 0) return true;
  const Outcome* outcome = fleet_.reloads.outcome(ticket);
  if (outcome)
    tell_outcome(*outcome, pending.json, pending.reply);
  else if (loop_.now() >= pending.due)
    pending.reply.fail("timeout", "it has not come to an end");
  else
    pending.reply.finished_at = ticket;
  if (pending.reply.finished_at == 0) audit(pending.audit, pending.reply);
  return pending.reply.finished_at == 0;
}

void AdminSession::write_head(Pending& pending) {
  pending.begun = true;
  Reply& reply = pending.reply;
  if (fleet_.daemon.state_synced() < reply.durable_at)
    reply.fail("timeout", "the disk has not taken it yet");
  put(reply.is_ok() ? "ok" : "error " + reply.code);
  if (!reply.text.empty()) {
    std::string text = reply.text;
    std::replace(text.begin(), text.end(), '\n', ' ');
    put(" " + text);
  }
  for (std::uint32_t i = 0; i < fleet_.workers.size(); ++i)
    if (fleet_.runs(i) && (fleet_.registry.table().seen(i) < reply.visible_at ||
                           shm::Report(fleet_.segment, i).answered() < reply.answered_at ||
                           fleet_.drains.seen(i) < reply.drained_at))
      put(" pending worker " + std::to_string(i));
  put("\n");
}

void AdminSession::put(std::string_view text) {
  if (text.empty()) return;
  out_ += text;
  at_line_start_ = text.back() == '\n';
}

// A line that begins with a dot gets another one: a single dot is the end.
void AdminSession::put_stuffed(std::string_view piece) {
  while (!piece.empty()) {
    if (piece.front() == '.' && at_line_start_) put(".");
    std::size_t end = std::min(find_or_end(piece, '\n') + 1, piece.size());
    put(piece.substr(0, end));
    piece.remove_prefix(end);
  }
}

void AdminSession::write_replies() {
  std::string piece;
  while (!pending_.empty() && out_.size() - out_at_ < most_output) {
    Pending& pending = pending_.front();
    if (!pending.begun) {
      if (!take_outcome(pending) || !may_go(pending)) return;
      write_head(pending);
    }
    if (pending.reply.body) {
      event::Errand errand("command", pending.line);
      event::About about(loop_, errand);
      piece.clear();
      if (pending.reply.body->next(piece)) {
        put_stuffed(piece);
        continue;
      }
    }
    if (!at_line_start_) put("\n");
    if (!pending.reply.watches) put(".\n");
    pending_.pop_front();
  }
}

void AdminSession::write_events() {
  if (!pending_.empty()) return;
  const Events& events = fleet_.events;
  while (seen_event_ < events.last() && out_.size() - out_at_ < most_output) {
    if (seen_event_ + 1 < events.first_kept()) {
      put(json_object({"type", "from", "to"}, {"gap", seen_event_ + 1, events.first_kept() - 1}) +
          "\n");
      seen_event_ = events.first_kept() - 1;
      continue;
    }
    auto event = events.find(++seen_event_);
    if (event && event->type.starts_with(watched_type_))
      put(Events::line(*event, fleet_.view->generation));
  }
}

// True if the client took all there was, so that there is room for more.
bool AdminSession::send_output() {
  bool some = false;
  while (out_at_ < out_.size()) {
    ssize_t size = ::send(fd_.get(), out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) die();
      return false;
    }
    out_at_ += static_cast<std::size_t>(size);
    progress_ = loop_.now();
    some = true;
  }
  out_.clear();
  out_at_ = 0;
  return some;
}

void AdminSession::arm() {
  std::uint64_t at = 0;
  if (out_at_ < out_.size()) at = progress_ + stuck_us;
  if (waits_for_client()) at = progress_ + silent_us;
  if (!pending_.empty() && !pending_.front().begun)
    at = at == 0 ? pending_.front().due : std::min(at, pending_.front().due);
  deadline_.set(loop_, at);
}

void AdminSession::die() {
  if (dead_) return;
  dead_ = true;
  watch_.stop();
  deadline_.clear();
  Hook::unlink();
  loop_.reap(*this);
}

}  // namespace weir::admin
