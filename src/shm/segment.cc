// SPDX-License-Identifier: Apache-2.0
#include "shm/segment.h"

#include "base/assert.h"
#include "shm/balancing.h"
#include "shm/black_box.h"
#include "shm/counters.h"
#include "shm/drain.h"
#include "shm/generation.h"
#include "shm/identities.h"
#include "shm/in_flight.h"
#include "shm/log_ring.h"
#include "shm/lost_lines.h"
#include "shm/notices.h"
#include "shm/outliers.h"
#include "shm/quarantine.h"
#include "shm/queues.h"
#include "shm/report.h"
#include "shm/server_counts.h"
#include "shm/server_table.h"
#include "shm/shared_connections.h"
#include "shm/slot_table.h"
#include "shm/ticket_keys.h"
#include "shm/worker_state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace weir::shm {

namespace {

// "wershm02": another number means that words have another meaning where sizes are the same.
constexpr std::uint64_t magic = 0x3230'6d68'7372'6577;
constexpr std::size_t most_regions = 24;
constexpr std::size_t page = 4096;

// What workers only read.  Every region is made of whole pages.
constexpr std::string_view read_only_for_workers[] = {"slots",      "servers",     "columns",
                                                      "identities", "ticket_keys", "quarantine"};

struct Entry {
  char name[16];
  std::uint64_t offset, size;
};

struct Directory {
  std::uint64_t magic;
  Layout layout;
  std::atomic<std::uint32_t> workers;
  std::uint32_t count;
  Entry entries[most_regions];
};

Directory* directory_of(std::byte* memory) { return reinterpret_cast<Directory*>(memory); }

void plan(const Layout& layout, Directory& directory) {
  directory.magic = magic;
  directory.layout = layout;
  std::uint64_t offset = page;
  auto add = [&](const char* name, std::size_t size) {
    Entry& entry = directory.entries[directory.count++];
    std::strncpy(entry.name, name, sizeof(entry.name) - 1);
    entry.offset = offset;
    entry.size = (size + page - 1) / page * page;
    offset += entry.size;
  };
  add("workers", WorkerState::bytes(layout));
  add("slots", SlotTable::bytes(layout));
  add("in_flight", InFlight::bytes(layout));
  add("waiters", InFlight::waiter_bytes(layout));
  add("servers", ServerTable::row_bytes(layout));
  add("columns", ServerTable::column_bytes(layout));
  add("changes", ServerTable::change_bytes(layout));
  add("outliers", Outliers::bytes(layout));
  add("balancing", Balancing::bytes(layout));
  add("notices", Notices::bytes(layout));
  add("identities", Identities::bytes(layout));
  add("generation", Generation::bytes(layout));
  add("drain", Drain::bytes(layout));
  add("counters", Counters::bytes(layout));
  add("connections", SharedConnections::bytes(layout));
  add("queues", Queues::bytes(layout));
  add("server_counts", ServerCounts::bytes(layout));
  add("reports", Report::bytes(layout));
  add("black_box", BlackBox::bytes(layout));
  add("quarantine", Quarantine::bytes(layout));
  add("ticket_keys", TicketKeys::bytes(layout));
  add("lost_lines", LostLines::bytes(layout));
  add("rings", LogRing::bytes(layout));
}

std::uint64_t total_size(const Directory& directory) {
  const Entry& last = directory.entries[directory.count - 1];
  return last.offset + last.size;
}

// Another version of weir may have regions of other sizes, or others.
bool is_laid_out_as_ours(const Directory& directory, std::size_t size) {
  if (size < page || directory.magic != magic) return false;
  Directory ours{};
  plan(directory.layout, ours);
  return total_size(ours) == size && ours.count == directory.count &&
         std::memcmp(ours.entries, directory.entries, sizeof(ours.entries)) == 0;
}

Error system_error(const char* what) {
  return Error(Errc::System, std::string(what) + ": " + strerror(errno));
}

}  // namespace

Result<Segment> Segment::create(const Layout& layout, std::uint32_t workers) {
  WEIR_ASSERT(layout.workers >= 1 && layout.workers <= most_workers && workers <= layout.workers);
  Directory directory{};
  plan(layout, directory);
  directory.workers = workers ? workers : layout.workers;
  std::uint64_t size = total_size(directory);
  int fd = memfd_create("weir-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return system_error("shared memory");
  if (ftruncate(fd, static_cast<off_t>(size)) != 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0 ||
      pwrite(fd, &directory, sizeof(directory), 0) != static_cast<ssize_t>(sizeof(directory))) {
    Error error = system_error("shared memory");
    ::close(fd);
    return error;
  }
  return attach(fd);
}

Result<Segment> Segment::attach(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return system_error("shared memory");
  auto size = static_cast<std::size_t>(status.st_size);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return system_error("shared memory");
  Segment segment(fd, static_cast<std::byte*>(memory), size);
  if (!is_laid_out_as_ours(*directory_of(segment.memory_), size))
    return Error(Errc::Invalid, "shared memory has another layout");
  return segment;
}

Result<void> Segment::protect_from_worker() {
  const auto protect = [](std::byte* from, std::size_t size) {
    return mprotect(from, size, PROT_READ) == 0;
  };
  bool done = protect(memory_, page);  // the directory
  for (std::string_view name : read_only_for_workers)
    done &= protect(region(name).data(), region(name).size());
  if (!done) return system_error("shared memory");
  return {};
}

Segment::Segment(Segment&& other) noexcept
    : fd_(other.fd_), memory_(other.memory_), size_(other.size_) {
  other.fd_ = -1;
  other.memory_ = nullptr;
}

Segment::~Segment() {
  if (memory_) munmap(memory_, size_);
  if (fd_ >= 0) ::close(fd_);
}

namespace {

// The lock is on the first byte, which has no meaning for it.
struct flock lock_of(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  return lock;
}

}  // namespace

void Segment::show_use() const {
  const struct flock lock = lock_of(F_RDLCK);
  WEIR_ASSERT(::fcntl(fd_, F_SETLK, &lock) == 0);
}

bool Segment::has_users() const {
  struct flock lock = lock_of(F_WRLCK);
  return ::fcntl(fd_, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

const Layout& Segment::layout() const { return directory_of(memory_)->layout; }

const std::atomic<std::uint32_t>& Segment::worker_mark() const {
  return directory_of(memory_)->workers;
}

void Segment::note_workers(std::uint32_t workers) {
  WEIR_ASSERT(workers <= layout().workers);
  if (workers > this->workers()) directory_of(memory_)->workers.store(workers);
}

std::span<std::byte> Segment::region(std::string_view name) const {
  const Directory* directory = directory_of(memory_);
  for (std::uint32_t i = 0; i < directory->count; ++i) {
    const Entry& entry = directory->entries[i];
    if (name == entry.name) return {memory_ + entry.offset, static_cast<std::size_t>(entry.size)};
  }
  WEIR_ASSERT(!"no such region");
  return {};
}

}  // namespace weir::shm
