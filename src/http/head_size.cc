// SPDX-License-Identifier: Apache-2.0
#include "http/head_size.h"

#include "http/h1_writer.h"

#include <string_view>

namespace weir::http {

std::size_t fields_size(const Headers& headers) {
  std::size_t size = 0;
  for (const Field& field : headers) size += field.name.size() + field.value.size() + 4;
  return size;
}

std::size_t status_line_size(const ResponseHead& head) {
  const std::string_view reason = head.reason.empty() ? reason_phrase(head.status) : head.reason;
  return std::string_view("HTTP/1.1 200 \r\n\r\n").size() + reason.size();
}

}  // namespace weir::http
