// SPDX-License-Identifier: Apache-2.0
#include "process/crash.h"

#include "proxy/last_words.h"
#include "shm/server_table.h"

#include <execinfo.h>
#include <signal.h>

#include <cstddef>
#include <iterator>
#include <optional>

// Where the program lies in memory, as the linker tells.
extern "C" const char __ehdr_start, _etext;

namespace weir::process {

namespace {

constexpr int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr std::size_t stack_bytes = std::size_t{128} * 1024;

// A signal handler has no other way to know them.
struct Witness {
  const event::Loop& loop;
  shm::BlackBox box;
  struct sigaction before[std::size(fatal)];
};
std::optional<Witness> witness;

void write_call(int signal) {
  shm::LastWords& words = witness->box.words();
  words.signal = signal;
  words.turn_us = witness->loop.turn_age();
  shm::set_text(words.call, witness->loop.call());
  witness->box.reached(shm::BlackBox::Part::Call);
}

// Addresses as addr2line wants them.
void write_trace() {
  shm::LastWords& words = witness->box.words();
  void* addresses[shm::LastWords::most_frames];
  int count = ::backtrace(addresses, static_cast<int>(std::size(addresses)));
  const char* begin = &__ehdr_start;
  for (int i = 0; i < count; ++i) {
    const char* at = static_cast<const char*>(addresses[i]);
    words.trace[i] = at >= begin && at < &_etext ? static_cast<std::uint64_t>(at - begin) : 0;
  }
  words.frames = static_cast<std::uint32_t>(count);
  witness->box.reached(shm::BlackBox::Part::Trace);
}

// Whoever handled these signals before (a sanitizer, or the kernel, which ends us) handles this one too.
void hand_on(int signal) {
  for (std::size_t i = 0; i < std::size(fatal); ++i)
    ::sigaction(fatal[i], &witness->before[i], nullptr);
  // A fault would happen again when we return, but what was sent would not; nothing tells them apart.
  ::raise(signal);
}

void on_fatal(int signal) {
  write_call(signal);
  proxy::write_last_words(witness->loop.subject(), witness->box);
  write_trace();
  hand_on(signal);
}

void use_own_stack() {
  // The stack may be what has run out.
  alignas(16) static char stack[stack_bytes];
  stack_t own{};
  own.ss_sp = stack;
  own.ss_size = sizeof(stack);
  ::sigaltstack(&own, nullptr);
}

}  // namespace

void leave_last_words(const event::Loop& loop, shm::BlackBox box) {
  witness.emplace(Witness{loop, box, {}});
  // The first call loads what later ones need.
  void* one;
  (void)::backtrace(&one, 1);
  use_own_stack();
  struct sigaction action {};
  action.sa_handler = on_fatal;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (int signal : fatal) sigaddset(&action.sa_mask, signal);
  for (std::size_t i = 0; i < std::size(fatal); ++i)
    ::sigaction(fatal[i], &action, &witness->before[i]);
}

}  // namespace weir::process
