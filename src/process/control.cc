// SPDX-License-Identifier: Apache-2.0
#include "process/control.h"

#include "event/watch.h"
#include "process/bundle_memory.h"
#include "process/log_port.h"
#include "process/names.h"
#include "process/privileges.h"

#include <signal.h>

namespace weir::process {

namespace {

/// Ends the loop when the master says so or is gone.
class Orders final : private event::ReadyEvents {
 public:
  Orders(event::Loop& loop, net::Channel& channel) : loop_(loop), channel_(channel) {
    watch_.start(loop, channel.fd(), event::Watch::Edge::LevelRead, *this);
  }

 private:
  void on_ready(event::Ready) noexcept override {
    auto message = channel_.receive();
    bool nothing = !message && message.error().code() == Errc::NotFound;
    bool stop = !message || message->type == net::MessageType::Stop;
    if (stop && !nothing) loop_.stop();
  }

  event::Loop& loop_;
  net::Channel& channel_;
  event::Watch watch_;
};

Result<void> control(net::Channel& channel, const Setup& setup, shm::Segment& segment) {
  auto config = load_sealed(setup.bundle.get());
  if (!config) return config.error();
  LogPort log_port(setup, segment);
  event::Loop loop;
  std::vector<int> workers;
  for (std::uint32_t i = 0; i < setup.plan.workers; ++i) workers.push_back(setup.wakers[i].get());
  Names names(loop, **config, shm::AddressTable(segment), std::move(workers));
  if (auto locked = lock_down(setup); !locked) return locked;
  Orders orders(loop, channel);
  names.start();
  if (auto sent = channel.send(net::MessageType::Ready); !sent) return sent;
  loop.run();
  return {};
}

}  // namespace

int run_control(net::Channel channel) {
  signal(SIGPIPE, SIG_IGN);
  auto setup = receive_setup(channel);
  if (!setup) return 1;
  auto segment = shm::Segment::attach(setup->shared.release());
  if (!segment) return 1;
  auto done = control(channel, *setup, *segment);
  if (done) return 0;
  (void)channel.send(net::MessageType::Failed, done.error().text());
  return 1;
}

}  // namespace weir::process
