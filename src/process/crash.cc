// SPDX-License-Identifier: Apache-2.0
#include "process/crash.h"

#include "event/errand.h"
#include "shm/server_table.h"

#include <execinfo.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>

// Where the program lies in memory, as the linker tells.
extern "C" const char __ehdr_start, _etext;

namespace weir::process {

namespace {

constexpr int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr std::size_t most_kind = 24;
static_assert(most_kind + 1 + event::Errand::most_text < sizeof(shm::LastWords::errand));
constexpr std::size_t stack_bytes = std::size_t{128} * 1024;

// A signal handler has no other way to know them.
struct Witness {
  const event::Loop& loop;
  shm::BlackBox box;
  TellSubject tell;
  long thread;
  struct sigaction before[std::size(fatal)];
};
std::optional<Witness> witness;

void write_call(int signal, bool in_loop) {
  shm::LastWords& words = witness->box.words();
  words.signal = signal;
  words.in_builder = !in_loop;
  words.turn_us = in_loop ? witness->loop.turn_age() : 0;
  shm::set_text(words.call, in_loop ? witness->loop.call() : "");
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
  bool in_loop = ::syscall(SYS_gettid) == witness->thread;
  write_call(signal, in_loop);
  witness->tell(in_loop ? witness->loop.subject() : nullptr, witness->box);
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

void write_errand(const event::Subject* subject, shm::BlackBox& box) {
  shm::LastWords& words = box.words();
  words.has_client = words.has_request = false;
  words.fingerprint = 0;
  words.errand[0] = 0;
  if (subject) {
    const auto& errand = static_cast<const event::Errand&>(*subject);
    char text[sizeof(words.errand)];
    char* end = std::copy_n(errand.kind().data(), std::min(errand.kind().size(), most_kind), text);
    *end++ = ' ';
    end = std::copy_n(errand.text().data(), errand.text().size(), end);
    shm::set_text(words.errand, {text, static_cast<std::size_t>(end - text)});
  }
  box.reached(shm::BlackBox::Part::Client);
}

void leave_last_words(const event::Loop& loop, shm::BlackBox box, TellSubject tell) {
  witness.emplace(Witness{loop, box, tell, ::syscall(SYS_gettid), {}});
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
