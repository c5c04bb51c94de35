// SPDX-License-Identifier: Apache-2.0
#include "process/worker.h"

#include "net/pump.h"
#include "process/bundle_memory.h"
#include "process/privileges.h"
#include "process/runtime.h"
#include "upstream/numbering.h"

#include <signal.h>

namespace weir::process {

namespace {

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
    if (message && message->type == net::MessageType::Drain) return runtime_.drain();
    if (message && message->type == net::MessageType::Stop) return loop_.stop();
    if (message || message.error().code() == Errc::NotFound) return;
    // The master is gone: nobody could replace us, so finish what runs and end.
    watch_.stop();
    runtime_.drain();
  }

  event::Loop& loop_;
  net::Channel& channel_;
  Runtime& runtime_;
  event::Watch watch_;
};

Result<void> work(net::Channel& channel, const Setup& setup, shm::Segment& segment) {
  auto config = load_sealed(setup.bundle.get());
  if (!config) return config.error();
  if (auto known = upstream::take_numbers(**config, shm::Identities(segment)); !known) return known;
  LogPort log_port(setup, segment);
  event::Loop loop;
  net::limit_pipes(setup.plan.pipes);
  Runtime runtime(loop, setup, segment, **config, log_port);
  if (auto built = runtime.build(); !built) return built;
  if (auto locked = lock_down(setup); !locked) return locked;
  Orders orders(loop, channel, runtime);
  runtime.start();
  if (auto sent = channel.send(net::MessageType::Ready); !sent) return sent;
  loop.run();
  return {};
}

}  // namespace

int run_worker(net::Channel channel) {
  signal(SIGPIPE, SIG_IGN);
  auto setup = receive_setup(channel);
  if (!setup) return 1;
  auto segment = shm::Segment::attach(setup->shared.release());
  if (!segment) return 1;
  auto worked = work(channel, *setup, *segment);
  if (worked) return 0;
  (void)channel.send(net::MessageType::Failed, worked.error().text());
  return 1;
}

}  // namespace weir::process
