// SPDX-License-Identifier: Apache-2.0
#include "process/worker.h"

#include "process/crash.h"
#include "process/privileges.h"
#include "process/runtime.h"
#include "proxy/last_words.h"
#include "shm/worker_state.h"
#include "tls/library.h"

#include <malloc.h>
#include <signal.h>

namespace weir::process {

namespace {

using net::MessageType;

/// What the master says while the worker runs.
class Orders final : private event::ReadyEvents {
 public:
  Orders(event::Loop& loop, net::Channel& channel, Runtime& runtime)
      : loop_(loop), channel_(channel), runtime_(runtime) {
    watch_.start(loop, channel.fd(), event::Watch::Edge::LevelRead, *this);
  }

 private:
  void on_ready(event::Ready) noexcept override {
    auto message = channel_.receive();
    if (message) return obey(*message);
    if (message.error().code() == Errc::NotFound) return;
    // The master is gone: nobody could replace us, so finish what runs and end.
    watch_.stop();
    runtime_.outlive_master();
  }

  void obey(const net::Message& message) {
    switch (message.type) {
      case MessageType::Drain: return runtime_.leave(false);
      case MessageType::Stop: return runtime_.leave(true);
      case MessageType::Prepare: return prepare(message);
      case MessageType::Abandon: return runtime_.abandon();
      default: return;
    }
  }

  void prepare(const net::Message& message) {
    auto next = receive_setup(channel_, message);
    if (!next) return (void)channel_.send(MessageType::Failed, next.error().text());
    runtime_.prepare(std::move(*next), [this](std::uint64_t generation, const Result<void>& done) {
      if (done)
        (void)channel_.send(MessageType::Prepared, std::to_string(generation));
      else
        (void)channel_.send(MessageType::Refused, done.error().text());
    });
  }

  event::Loop& loop_;
  net::Channel& channel_;
  Runtime& runtime_;
  event::Watch watch_;
};

Result<void> work(net::Channel& channel, Setup& setup, shm::Segment& segment) {
  LogPort log_port(setup, segment);
  event::Loop loop;
  shm::WorkerState state(segment, setup.index);
  loop.publish_turn(state.turn());
  leave_last_words(loop, shm::BlackBox(segment, setup.index), proxy::write_last_words);
  Builder builder(segment);
  tls::initialise();
  auto first = Builder::build_here(segment, setup.generation, setup.bundle.get(),
                                   setup.secrets.get(), nullptr);
  if (!first) return first.error();
  Runtime runtime(loop, setup, segment, log_port, builder);
  if (auto dropped = drop_rights(setup); !dropped) return dropped;
  if (auto started = builder.start(); !started) return started;
  if (auto denied = deny_calls(setup); !denied) return denied;
  Orders orders(loop, channel, runtime);
  runtime.start(std::move(*first));
  if (auto sent = channel.send(MessageType::Ready); !sent) return sent;
  loop.run();
  return {};
}

}  // namespace

int run_worker(net::Channel channel) {
  signal(SIGPIPE, SIG_IGN);
  // The builder thread allocates what the loop's thread frees: one arena for both keeps memory flat.
  ::mallopt(M_ARENA_MAX, 1);
  auto setup = receive_setup(channel);
  if (!setup) return 1;
  auto segment = shm::Segment::attach(setup->shared.release());
  if (!segment) return 1;
  segment->show_use();
  auto worked = segment->protect_from_worker();
  if (worked) worked = work(channel, *setup, *segment);
  if (worked) return 0;
  (void)channel.send(net::MessageType::Failed, worked.error().text());
  return 1;
}

}  // namespace weir::process
