// SPDX-License-Identifier: Apache-2.0
//
// Comma lists that may be spread over several field lines of the same name (RFC 9110 §5.3).
#pragma once

#include <weir/headers.h>

#include <string_view>

namespace weir::http {

/// Walks over the elements of a list from the last one to the first, without the empty ones.  For lists in which
/// commas always separate: quotes mean nothing.
class ReverseList {
 public:
  /// `headers` must not change meanwhile.
  ReverseList(const Headers& headers, FieldName id)
      : id_(id), at_(headers.end()), begin_(headers.begin()) {}

  /// The next element to the left, or an empty text at the end.
  std::string_view next();

 private:
  FieldName id_;
  const Field* at_;
  const Field* begin_;
  std::string_view rest_;
};

}  // namespace weir::http
