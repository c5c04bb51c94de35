// SPDX-License-Identifier: Apache-2.0
//
// FakeExplanation: what a factory has said of a request.
#pragma once

#include <weir/filter.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::test {

struct FakeExplanation final : Explanation {
  std::string said;          ///< lines of `say`, joined by "|"
  std::uint16_t status = 0;  ///< of `answer`; 0 = it was not called
  std::string why;

  void say(std::string_view text) override { said.append(said.empty() ? "" : "|").append(text); }
  void answer(std::uint16_t code, std::string_view text) override {
    status = code;
    why = text;
  }
};

}  // namespace weir::test
