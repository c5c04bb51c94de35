// SPDX-License-Identifier: Apache-2.0
#include "base/gather.h"

#include <cstring>
#include <utility>

namespace weir {

namespace {

constexpr std::size_t most_spare_chunks = 16;  // 1 MiB: what a burst leaves behind, no more

}  // namespace

std::vector<Gather::Memory>& Gather::spare_chunks() {
  static std::vector<Memory> spare;
  return spare;
}

Gather::Gather() { chunks_.emplace_back(new char[chunk_size]); }

Gather::~Gather() = default;

char* Gather::reserve(std::size_t size) {
  if (size > chunk_size) {
    large_.emplace_back(new char[size]);
    return reserved_ = large_.back().get();
  }
  if (size > chunk_size - used_) {
    std::vector<Memory>& spare = spare_chunks();
    if (spare.empty()) {
      chunks_.emplace_back(new char[chunk_size]);
    } else {
      chunks_.push_back(std::move(spare.back()));
      spare.pop_back();
    }
    used_ = 0;
  }
  return reserved_ = chunks_.back().get() + used_;
}

void Gather::commit(std::size_t size) {
  if (size == 0) return;
  if (reserved_ == chunks_.back().get() + used_) used_ += size;
  size_ += size;
  if (!pieces_.empty()) {
    iovec& last = pieces_.back();
    if (static_cast<char*>(last.iov_base) + last.iov_len == reserved_) {
      last.iov_len += size;
      return;
    }
  }
  pieces_.push_back({reserved_, size});
}

void Gather::refer(std::span<const char> bytes) {
  if (bytes.empty()) return;
  if (bytes.size() < worth_pointing) {
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
    return;
  }
  points_ = true;
  pieces_.push_back({const_cast<char*>(bytes.data()), bytes.size()});
  size_ += bytes.size();
}

void Gather::clear() {
  used_ = size_ = 0;
  points_ = false;
  pieces_.clear();
  large_.clear();
  std::vector<Memory>& spare = spare_chunks();
  for (; chunks_.size() > 1; chunks_.pop_back())
    if (spare.size() < most_spare_chunks) spare.push_back(std::move(chunks_.back()));
}

}  // namespace weir
