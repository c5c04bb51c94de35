// SPDX-License-Identifier: Apache-2.0
#include "process/daemon.h"

#include <fcntl.h>
#include <sys/types.h>

namespace weir::process {

bool Daemon::detach() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return true;
  Fd reader(ends[0]), writer(ends[1]);
  pid_t pid = ::fork();
  news_ = std::move(pid > 0 ? reader : writer);
  if (pid > 0) return false;
  ::setsid();
  return true;
}

int Daemon::wait_for_start() {
  char byte;
  return ::read(news_.get(), &byte, 1) == 1 ? 0 : 1;
}

void Daemon::started() {
  if (!news_.is_open()) return;
  Fd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd <= 2; ++fd) ::dup2(nowhere.get(), fd);
  (void)!::write(news_.get(), "", 1);
  news_.reset();
}

}  // namespace weir::process
