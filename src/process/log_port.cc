// SPDX-License-Identifier: Apache-2.0
#include "process/log_port.h"

#include "base/logger.h"

#include <unistd.h>

namespace weir::process {

namespace {

LogPort* port = nullptr;  // weir::log's sink is a plain function: this is whose it is

void write_error(std::string_view line) { port->write(shm::LogRing::Kind::Error, line); }

std::uint32_t ring_of(const Setup& setup) {
  return setup.role == Role::Worker ? shm::RingOf::worker(setup.index) : shm::RingOf::control;
}

std::string name_of(const Setup& setup) {
  std::string name = role_name(setup.role);
  return setup.role == Role::Worker ? name + "[" + std::to_string(setup.index) + "]" : name;
}

}  // namespace

LogPort::LogPort(std::string name, Level least, shm::LogRing ring, int writer_waker)
    : ring_(ring), writer_waker_(writer_waker) {
  port = this;
  ring_.recover();
  set_logger(std::move(name), least, write_error);
}

LogPort::LogPort(const Setup& setup, const shm::Segment& segment)
    : LogPort(name_of(setup), level_from(setup.plan.error_log.level),
              shm::LogRing(segment, ring_of(setup)), setup.writer_waker()) {}

void LogPort::write(shm::LogRing::Kind kind, std::string_view line) {
  if (ring_.push(kind, line)) wake(writer_waker_);
}

void LogPort::settle(bool keep) {
  if (ring_.settle(keep)) wake(writer_waker_);
}

void wake(int eventfd) {
  std::uint64_t one = 1;
  (void)!::write(eventfd, &one, sizeof(one));
}

void clear_wake(int eventfd) {
  std::uint64_t count;
  (void)!::read(eventfd, &count, sizeof(count));
}

}  // namespace weir::process
