// SPDX-License-Identifier: Apache-2.0
#include "process/privileges.h"

#include <weir/log.h>

#include <seccomp.h>

#include <errno.h>
#include <grp.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace weir::process {

namespace {

Error failed(const char* what) {
  return Error(Errc::System, std::string(what) + ": " + strerror(errno));
}

Result<void> change_user(const Plan& plan) {
  if (!plan.chroot.empty() && (::chroot(plan.chroot.c_str()) != 0 || ::chdir("/") != 0))
    return failed("chroot");
  if (!plan.drop) return {};
  // Keeping the same user needs no privilege, and a container may have removed CAP_SETGID.
  const bool stays = plan.uid == ::geteuid() && plan.gid == ::getegid();
  if (::setgroups(0, nullptr) != 0 && !(stays && errno == EPERM)) return failed("setgroups");
  if (::setgid(plan.gid) != 0 || ::setuid(plan.uid) != 0) return failed("setuid");
  return {};
}

// What a training build has learnt is written to files when a process ends.
#ifdef WEIR_TRAINING
constexpr bool is_for_training = true;
#else
constexpr bool is_for_training = false;
#endif

// No right to any file: the set of handled rights is all we know of, the set of granted ones is empty.
void deny_files() {
  if (is_for_training) return;
  landlock_ruleset_attr rules{};
  rules.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  long fd = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
  if (fd < 0) {
    log(Level::Info, "this kernel has no Landlock: files are kept away by user and seccomp alone");
    return;
  }
  if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
    log(Level::Warn, "Landlock refused the rules");
  ::close(static_cast<int>(fd));
}

constexpr int everybody[] = {
    SCMP_SYS(accept4),
    SCMP_SYS(bind),
    SCMP_SYS(brk),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(close),
    SCMP_SYS(connect),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fcntl),
    SCMP_SYS(fstat),
    SCMP_SYS(futex),
    SCMP_SYS(getpeername),
    SCMP_SYS(getpid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(ioctl),
    SCMP_SYS(listen),
    SCMP_SYS(lseek),
    SCMP_SYS(madvise),
    SCMP_SYS(membarrier),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(newfstatat),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pread64),
    SCMP_SYS(prlimit64),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(socket),
    SCMP_SYS(splice),
    SCMP_SYS(tgkill),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

constexpr int writer_only[] = {SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate)};

#if defined(__SANITIZE_ADDRESS__)
// The sanitizers look at their own memory map, and report through files.
constexpr int sanitizers[] = {SCMP_SYS(openat),     SCMP_SYS(readlink), SCMP_SYS(sched_getaffinity),
                              SCMP_SYS(clone),      SCMP_SYS(wait4),    SCMP_SYS(prctl),
                              SCMP_SYS(ptrace),     SCMP_SYS(getppid),  SCMP_SYS(process_vm_readv),
                              SCMP_SYS(getdents64), SCMP_SYS(kill),     SCMP_SYS(dup)};
#else
constexpr int sanitizers[] = {SCMP_SYS(sched_yield)};
#endif

template <std::size_t count>
void allow(scmp_filter_ctx filter, const int (&calls)[count]) {
  for (int call : calls) seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

}  // namespace

Result<void> deny_calls(const Setup& setup) {
  if (is_for_training) return {};
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (!filter) return Error(Errc::System, "seccomp: out of memory");
  allow(filter, everybody);
  allow(filter, sanitizers);
  if (setup.role == Role::Writer) allow(filter, writer_only);
  // Executable memory only for the regex compiler, and only if the configuration wants it.
  if (setup.plan.jit) {
    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 0);
    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 0);
  } else {
    for (int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
      seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  }
  (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
  int error = seccomp_load(filter);
  seccomp_release(filter);
  if (error != 0) return Error(Errc::System, std::string("seccomp: ") + strerror(-error));
  return {};
}

std::uint64_t raise_descriptor_limit(std::uint64_t wanted) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  rlimit raised{wanted, std::max<rlim_t>(limit.rlim_max, wanted)};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return wanted;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

Result<void> lock_down(const Setup& setup) {
  if (auto dropped = drop_rights(setup); !dropped) return dropped;
  return deny_calls(setup);
}

Result<void> drop_rights(const Setup& setup) {
  ::tzset();  // reads /etc/localtime, once
  prctl(PR_SET_NAME, "weir", 0, 0, 0);
  if (auto changed = change_user(setup.plan); !changed) return changed;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
  rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  deny_files();
  return {};
}

}  // namespace weir::process
