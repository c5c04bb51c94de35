// SPDX-License-Identifier: Apache-2.0
#include "net/pump.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::net {

namespace {

struct Pipe {
  int out, in;
};

// Pipes are costly to make and to grow, so a few stay for the next transfer.
constexpr std::size_t most_spare_pipes = 64;
std::vector<Pipe> spare_pipes;
std::size_t open_pipes = 0, most_pipes = 64;

}  // namespace

void limit_pipes(std::size_t most) { most_pipes = most; }

Pump::~Pump() { give_pipe(); }

bool Pump::take_pipe() {
  if (pipe_[0] >= 0) return true;
  if (!spare_pipes.empty()) {
    pipe_[0] = spare_pipes.back().out;
    pipe_[1] = spare_pipes.back().in;
    spare_pipes.pop_back();
    return true;
  }
  if (open_pipes >= most_pipes) return false;
  if (::pipe2(pipe_, O_NONBLOCK | O_CLOEXEC) != 0) {
    pipe_[0] = pipe_[1] = -1;
    return false;
  }
  ++open_pipes;
  // Refused beyond the user's quota of pipe memory; the ordinary size works, only in smaller steps.
  (void)::fcntl(pipe_[1], F_SETPIPE_SZ, static_cast<int>(Pump::capacity));
  return true;
}

void Pump::give_pipe() {
  if (pipe_[0] < 0) return;
  if (in_pipe_ == 0 && spare_pipes.size() < most_spare_pipes) {
    spare_pipes.push_back({pipe_[0], pipe_[1]});
  } else {
    ::close(pipe_[0]);
    ::close(pipe_[1]);
    --open_pipes;
  }
  pipe_[0] = pipe_[1] = -1;
  in_pipe_ = 0;
}

IoResult Pump::move(const Context& context, Transport& from, Transport& to, std::uint64_t most) {
  // What is moved past the outbox must not overtake what lies there: a head, as a rule.
  if (Outbox::holds(to)) context.outbox.flush();
  if (to.has_failed()) return {Io::Failed};
  if (to.queued() > 0) return {Io::Again};
  if (from.can_splice() && to.can_splice() && (in_pipe_ > 0 || take_pipe()))
    return move_in_kernel(from, to, most);
  return move_by_copy(context, from, to, most);
}

IoResult Pump::move_in_kernel(Transport& from, Transport& to, std::uint64_t most) {
  std::size_t taken = 0;
  Io last = Io::Done;
  while (true) {
    if (in_pipe_ > 0) {
      IoResult out = to.splice_from(pipe_[0], in_pipe_);
      if (out.io != Io::Done) {
        last = out.io;
        break;
      }
      in_pipe_ -= out.bytes;
      if (in_pipe_ > 0) continue;
    }
    // The pipe is empty here, so Again from `from` means its socket, not our pipe.
    if (taken == most || taken >= capacity || ended_) break;
    std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(most - taken, capacity));
    IoResult in = from.splice_to(pipe_[1], want);
    if (in.io == Io::End) ended_ = true;
    if (in.io != Io::Done) {
      last = in.io;
      break;
    }
    taken += in.bytes;
    in_pipe_ += in.bytes;
  }
  if (in_pipe_ == 0) give_pipe();
  if (last == Io::Failed) return {Io::Failed, taken};
  if (taken > 0) return {Io::Done, taken};
  if (ended_ && in_pipe_ == 0) return {Io::End};
  return {Io::Again};
}

IoResult Pump::move_by_copy(const Context& context, Transport& from, Transport& to,
                            std::uint64_t most) {
  std::size_t room =
      static_cast<std::size_t>(std::min<std::uint64_t>(most, context.read_buffer.size()));
  std::span<char> buffer = context.read_buffer.first(room);
  IoResult result = from.read(buffer);
  if (result.io != Io::Done) return result;
  context.outbox.to(to).refer(buffer.first(result.bytes));
  context.outbox.flush();
  return result;
}

}  // namespace weir::net
