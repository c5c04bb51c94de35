// SPDX-License-Identifier: Apache-2.0
//
// Lines of the admin socket: whatever the bytes, there are words or an error; words written again with
// quotes are the same words; and looking a command up in the table never goes wrong.
#include "admin/command.h"
#include "admin/words.h"
#include "base/assert.h"

#include <cstdint>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::admin;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto words = parse_words(line);
  if (!words) return 0;
  std::string again;
  for (const std::string& word : *words) again += (again.empty() ? "" : " ") + quote(word);
  const auto same = parse_words(again);
  WEIR_ASSERT(same && *same == *words);
  std::size_t used = 0;
  const Command* command = find_command(*words, used);
  WEIR_ASSERT(!command || (used >= 1 && used <= words->size()));
  return 0;
}
