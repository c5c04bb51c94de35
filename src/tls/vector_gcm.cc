// SPDX-License-Identifier: Apache-2.0
#include "tls/vector_gcm.h"

#include "config.h"

#if WEIR_HAVE_IPSEC_MB

#include <openssl/crypto.h>

#include <intel-ipsec-mb.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>

namespace weir::tls {

namespace {

struct Operations {
  aes_gcm_pre_t expand = nullptr;
  aes_gcm_enc_dec_t seal = nullptr, open = nullptr;
};

// When it starts, the library tests all that it can do: 3 MB of code that is not needed again.
void leave_code_to_the_kernel() {
  auto leave = [](dl_phdr_info* object, std::size_t, void*) {
    if (!std::strstr(object->dlpi_name, "libIPSec_MB")) return 0;
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (const ElfW(Phdr) & part : std::span(object->dlpi_phdr, object->dlpi_phnum))
      if (part.p_type == PT_LOAD && !(part.p_flags & PF_W)) {
        const std::uintptr_t begin = (object->dlpi_addr + part.p_vaddr) & ~(page - 1);
        const std::uintptr_t end = object->dlpi_addr + part.p_vaddr + part.p_memsz;
        ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
      }
    return 1;
  };
  ::dl_iterate_phdr(leave, nullptr);
}

struct Library {
  Library() {
    IMB_MGR* manager = alloc_mb_mgr(0);
    if (!manager) return;
    init_mb_mgr_auto(manager, nullptr);
    constexpr std::uint64_t needed =
        IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ | IMB_FEATURE_AVX512_SKX;
    constexpr std::uint64_t tested = IMB_FEATURE_SELF_TEST | IMB_FEATURE_SELF_TEST_PASS;
    usable = (manager->features & needed) == needed &&
             (manager->features & tested) != IMB_FEATURE_SELF_TEST;
    of_16 = {manager->gcm128_pre, manager->gcm128_enc, manager->gcm128_dec};
    of_32 = {manager->gcm256_pre, manager->gcm256_enc, manager->gcm256_dec};
    free_mb_mgr(manager);
    leave_code_to_the_kernel();
  }

  bool usable = false;
  Operations of_16, of_32;
};

const Library& library() {
  static const Library found;
  return found;
}

const Operations& operations(std::size_t key_bytes) {
  return key_bytes == 16 ? library().of_16 : library().of_32;
}

std::atomic<std::uint64_t> next_number = 1;

}  // namespace

struct GcmKey::Expanded {
  alignas(64) gcm_key_data data;
  std::uint64_t of = 0;
};

// A key takes the place of the one that was expanded longest ago: 128 busy connections have two each.  Places are
// made when they are needed, and stay.
struct GcmKey::Kept {
  std::array<Expanded*, 256> slots;
  std::uint16_t next = 0;

  static Kept& mine() {
    constinit static thread_local Kept kept{};
    return kept;
  }
};

bool has_vector_gcm() { return library().usable; }

GcmKey::~GcmKey() { forget(); }

void GcmKey::forget() {
  if (size_ == 0) return;
  OPENSSL_cleanse(bytes_, sizeof(bytes_));
  size_ = 0;
  Expanded* expanded = Kept::mine().slots[slot_];
  if (expanded && expanded->of == number_) OPENSSL_cleanse(expanded, sizeof(*expanded));
}

void GcmKey::set(Bytes key) {
  forget();
  std::memcpy(bytes_, key.data(), key.size());
  size_ = static_cast<unsigned char>(key.size());
  number_ = next_number.fetch_add(1, std::memory_order_relaxed);
}

const GcmKey::Expanded& GcmKey::expand() {
  Kept& kept = Kept::mine();
  if (Expanded* known = kept.slots[slot_]; known && known->of == number_) return *known;
  slot_ = kept.next;
  kept.next = static_cast<std::uint16_t>((kept.next + 1) % kept.slots.size());
  Expanded*& expanded = kept.slots[slot_];
  if (!expanded) expanded = new Expanded;
  operations(size_).expand(bytes_, &expanded->data);
  expanded->of = number_;
  return *expanded;
}

void GcmKey::seal(const unsigned char* nonce, Bytes aad, Bytes in, unsigned char* out,
                  unsigned char* tag) {
  gcm_context_data scratch;
  operations(size_).seal(&expand().data, &scratch, out, in.data(), in.size(), nonce, aad.data(),
                         aad.size(), tag, tag_bytes);
}

void GcmKey::open(const unsigned char* nonce, Bytes aad, Bytes in, unsigned char* out,
                  unsigned char* tag) {
  gcm_context_data scratch;
  operations(size_).open(&expand().data, &scratch, out, in.data(), in.size(), nonce, aad.data(),
                         aad.size(), tag, tag_bytes);
}

}  // namespace weir::tls

#else

namespace weir::tls {

bool has_vector_gcm() { return false; }

}  // namespace weir::tls

#endif
