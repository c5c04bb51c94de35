// SPDX-License-Identifier: Apache-2.0
#include "base/gather.h"

#include <cstring>

namespace weir {

char* Gather::reserve(std::size_t size) {
  if (size <= scratch_size - used_) {
    reserved_ = scratch_.get() + used_;
  } else {
    overflow_.emplace_back(new char[size]);
    reserved_ = overflow_.back().get();
  }
  return reserved_;
}

void Gather::commit(std::size_t size) {
  if (size == 0) return;
  if (reserved_ == scratch_.get() + used_) used_ += size;
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
  pieces_.push_back({const_cast<char*>(bytes.data()), bytes.size()});
  size_ += bytes.size();
}

void Gather::clear() {
  used_ = size_ = 0;
  pieces_.clear();
  overflow_.clear();
}

}  // namespace weir
