// SPDX-License-Identifier: Apache-2.0
#include "process/builder.h"

#include <weir/log.h>

#include "process/bundle_memory.h"
#include "shm/ticket_keys.h"
#include "upstream/numbering.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace weir::process {

namespace {

constexpr int nice_level = 10;  // requests first

Result<void> make_pipe(Fd& out, Fd& in) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return Error(Errc::System, std::string("pipe: ") + strerror(errno));
  out = Fd(ends[0]);
  in = Fd(ends[1]);
  return {};
}

}  // namespace

struct Builder::Job {
  std::uint64_t generation = 0;
  std::string bundle;   ///< its bytes; empty: only take `snapshot` apart
  std::string secrets;  ///< the same
  Snapshot snapshot;    ///< the one before
  Result<Snapshot> built{Snapshot()};
};

Builder::~Builder() {
  if (!started_) return;
  jobs_in_.reset();  // the thread reads the end and returns
  ::pthread_join(thread_, nullptr);
}

Result<void> Builder::start() {
  if (auto made = make_pipe(jobs_out_, jobs_in_); !made) return made;
  if (auto made = make_pipe(done_out_, done_in_); !made) return made;
  int error = ::pthread_create(&thread_, nullptr, run, this);
  if (error != 0) return Error(Errc::System, std::string("builder: ") + strerror(error));
  started_ = true;
  // Its first word: what a thread does to begin with is behind it.
  Job* nothing = nullptr;
  (void)!::read(done_out_.get(), &nothing, sizeof(nothing));
  return {};
}

void* Builder::run(void* builder) {
  // Signals sent to the process are for the loop's thread, whose stack a crash report has to show.
  sigset_t all;
  sigfillset(&all);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigdelset(&all, fault);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), nice_level);
  static_cast<Builder*>(builder)->leave_descriptors();
  static_cast<Builder*>(builder)->work();
  return nullptr;
}

// As long as two threads share a table of descriptors, the kernel counts references for each call of
// either, some 15 ns of a request each.  So this one takes a table of its own, with its pipes and stderr.
void Builder::leave_descriptors() {
  const auto [low, high] = std::minmax({jobs_out_.get(), done_in_.get()});
  // A kernel that is too old refuses: then all goes on with one table.
  if (::close_range(static_cast<unsigned>(high) + 1, ~0U, CLOSE_RANGE_UNSHARE) != 0) return;
  for (int fd = STDERR_FILENO + 1; fd < high; ++fd)
    if (fd != low) ::close(fd);
}

void Builder::work() {
  Job* job = nullptr;
  do {
    (void)!::write(done_in_.get(), &job, sizeof(job));
    if (::read(jobs_out_.get(), &job, sizeof(job)) != sizeof(job)) return;
    if (!job->bundle.empty())
      job->built =
          build_of(segment_, job->generation, job->bundle, job->secrets, job->snapshot.get());
    job->snapshot.reset();
    // Returns the freed pages to the kernel; otherwise each reload would leave fragmentation behind.
    if (job->bundle.empty()) ::malloc_trim(0);
  } while (true);
}

Result<Builder::Snapshot> Builder::build_here(const shm::Segment& segment, std::uint64_t generation,
                                              int bundle, int secrets,
                                              const proxy::Snapshot* before) {
  auto bytes = bytes_of_sealed(bundle);
  if (!bytes) return bytes.error();
  auto hidden = bytes_of_sealed(secrets);
  if (!hidden) return hidden.error();
  return build_of(segment, generation, *bytes, *hidden, before);
}

Result<Builder::Snapshot> Builder::build_of(const shm::Segment& segment, std::uint64_t generation,
                                            std::string_view bundle, std::string_view secrets,
                                            const proxy::Snapshot* before) {
  auto config = load_bytes(bundle, secrets);
  if (!config) return config.error();
  if (auto numbered = upstream::take_numbers(**config, shm::Identities(segment)); !numbered)
    return numbered.error();
  shm::TicketKeys tickets(segment);
  return proxy::Snapshot::build(**config, generation, before, &tickets);
}

void Builder::watch(event::Loop& loop, Done done) {
  done_ = std::move(done);
  watch_.start(loop, done_out_.get(), event::Watch::Edge::LevelRead, *this);
}

void Builder::send(Job* job) { (void)!::write(jobs_in_.get(), &job, sizeof(job)); }

void Builder::build(std::uint64_t generation, Fd bundle, Fd secrets, Snapshot before) {
  // Here, as the thread has no descriptors but its own.
  auto bytes = bytes_of_sealed(bundle.get());
  if (!bytes) return done_(generation, bytes.error());
  auto hidden = bytes_of_sealed(secrets.get());
  if (!hidden) return done_(generation, hidden.error());
  send(new Job{generation, std::move(*bytes), std::move(*hidden), std::move(before)});
}

void Builder::dispose(Snapshot old) { send(new Job{0, {}, {}, std::move(old)}); }

void Builder::on_ready(event::Ready) noexcept {
  Job* read = nullptr;
  if (::read(done_out_.get(), &read, sizeof(read)) != sizeof(read)) return;
  std::unique_ptr<Job> job(read);
  if (job && !job->bundle.empty()) done_(job->generation, std::move(job->built));
}

}  // namespace weir::process
