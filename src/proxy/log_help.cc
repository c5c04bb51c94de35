// SPDX-License-Identifier: Apache-2.0
#include "proxy/log_help.h"

#include "base/mdoc.h"
#include "base/text.h"
#include "http/failure.h"
#include "proxy/access_log.h"

#include <cctype>

namespace weir::proxy {

namespace {

std::string_view retries(http::Again again) {
  switch (again) {
    case http::Again::No: return "";
    case http::Again::Safe: return "  Retried at another server if retry has connect_error.";
    case http::Again::Elsewhere: return "  Retried over another connection.";
    case http::Again::IfIdempotent:
      return "  Retried if the connection had been used before and the method is idempotent.";
  }
  return "";
}

std::string sentence(std::string text) {
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text + ".";
}

}  // namespace

std::string access_fields_mdoc() {
  std::string out = ".Bl -tag -width Ds\n";
  for (const AccessField& field : access_fields())
    out += concat(".It Li ", field.name, " Pq ", field.type, "\n", mdoc_text(sentence(field.help)),
                  "\n");
  return out + ".El\n";
}

std::string failures_mdoc() {
  std::string out = ".Bl -tag -width Ds\n";
  for (auto i = static_cast<unsigned>(http::Failure::None) + 1;
       i < static_cast<unsigned>(http::Failure::Count); ++i) {
    const http::FailureTraits& failure = http::traits(static_cast<http::Failure>(i));
    const std::string status = failure.status ? std::to_string(failure.status) : "no answer";
    out += concat(".It Li ", failure.name, " Pq ", status, "\n", mdoc_text(failure.words), "\n");
    if (!failure.error.empty()) out += concat("Proxy-Status: ", failure.error, ".\n");
    if (const std::string_view again = retries(failure.again); !again.empty())
      out += concat(again.substr(2), "\n");
  }
  return out + ".El\n";
}

}  // namespace weir::proxy
