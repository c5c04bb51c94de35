// SPDX-License-Identifier: Apache-2.0
//
// The fields of one HTTP/2 header block of a server -> the head of an answer, or its trailers (RFC 9113 §8.2,
// §8.3.2).  Each field is checked as it is decoded and put into the request's arena as the line that HTTP/1.1
// would have sent, where it stays.
#pragma once

#include <weir/message.h>

#include "http/failure.h"
#include "http/h2_fields.h"

#include <string_view>
#include <vector>

namespace weir::http {

class H2AnswerFields final {
 public:
  /// `limits` must outlive it.
  explicit H2AnswerFields(const HeadLimits& limits) : limits_(limits) {}

  /// Another block begins; its texts go to `arena`, which must live until the block is finished or another
  /// begins.
  void begin(Arena& arena);

  /// The next field, as it was decoded.  What is beyond the limits is charged but not kept.
  void add(std::string_view name, std::string_view value, bool never_index);

  /// Everything added so far, kept or not: bytes with overhead.
  std::size_t charged() const { return cost_.charged(); }

  /// The block was the head of an answer to `method`, also an interim one; `ended`: no body follows.
  Understood finish(bool ended, Method method, ResponseHead& head, Failure& failure);

  /// The block was a trailer section; names that may not stand there are dropped.
  Understood finish_trailers(Headers& trailers);

 private:
  void add_status(std::string_view name, std::string_view value);

  const HeadLimits& limits_;
  Arena* arena_ = nullptr;
  std::vector<Field> fields_;
  H2Cost cost_;
  std::uint16_t status_ = 0;  ///< 0: not told
  bool malformed_ = false;
};

}  // namespace weir::http
