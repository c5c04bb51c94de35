// SPDX-License-Identifier: Apache-2.0
#include "shm/black_box.h"

#include <algorithm>

namespace weir::shm {

namespace {

template <std::size_t size>
void end(char (&text)[size]) {
  text[size - 1] = 0;
}

}  // namespace

// The writer was not well: whatever it left must be harmless to read.
LastWords BlackBox::read() const {
  LastWords words = row_->words;
  Part part = reached();
  if (part < Part::Call) return {};
  end(words.call);
  end(words.client);
  end(words.errand);
  end(words.listener);
  end(words.phase);
  end(words.method);
  end(words.host);
  end(words.path);
  end(words.route);
  end(words.file);
  if (part < Part::Client) words.errand[0] = 0;
  words.has_client = words.has_client && part >= Part::Client;
  words.has_request = words.has_request && part >= Part::Request;
  words.frames = part < Part::Trace ? 0 : std::min(words.frames, LastWords::most_frames);
  if (!words.has_request) words.fingerprint = 0;
  return words;
}

}  // namespace weir::shm
