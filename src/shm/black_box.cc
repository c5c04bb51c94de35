// SPDX-License-Identifier: Apache-2.0
#include "shm/black_box.h"

#include "shm/copy_out.h"

#include <algorithm>

namespace weir::shm {

// The writer was not well: whatever it left must be harmless to read.
LastWords BlackBox::read() const {
  const Part part = reached();
  if (part < Part::Call) return {};
  LastWords words = copy_out(row_->words);
  normalise(words.in_builder);
  normalise(words.has_client);
  normalise(words.has_request);
  end_text(words.call);
  end_text(words.client);
  end_text(words.errand);
  end_text(words.listener);
  end_text(words.phase);
  end_text(words.method);
  end_text(words.host);
  end_text(words.path);
  end_text(words.route);
  end_text(words.file);
  if (part < Part::Client) words.errand[0] = 0;
  words.has_client = words.has_client && part >= Part::Client;
  words.has_request = words.has_request && part >= Part::Request;
  words.frames = part < Part::Trace ? 0 : std::min(words.frames, LastWords::most_frames);
  if (!words.has_request) words.fingerprint = 0;
  return words;
}

}  // namespace weir::shm
