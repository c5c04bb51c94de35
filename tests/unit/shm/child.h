// SPDX-License-Identifier: Apache-2.0
//
// Child: a process beside the test, for as long as the object lives; a test that fails in the middle
// leaves nobody behind.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::shm {

class Child {
 public:
  /// Forks; the child does `work` and ends with status 0.
  template <typename Work>
  explicit Child(Work work) : pid_(fork()) {
    if (pid_ != 0) return;
    work();
    _exit(0);
  }
  Child(Child&& other) noexcept : pid_(other.pid_) { other.pid_ = -1; }
  Child& operator=(Child&&) = delete;
  ~Child() { kill(); }

  /// -1 once its end has been waited for.
  pid_t pid() const { return pid_; }

  /// Kills it, at whichever instruction it is, and waits until it is gone.
  void kill() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    wait();
  }
  /// Waits for its end, or that it stops, and returns its status as waitpid() tells it; -1 if its end
  /// has been waited for.
  int wait() {
    int status = -1;
    if (pid_ > 0) waitpid(pid_, &status, 0);
    if (!WIFSTOPPED(status)) pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

}  // namespace weir::shm
