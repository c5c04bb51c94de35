// SPDX-License-Identifier: Apache-2.0
//
// Wire: the bytes of a connection, where one request has them for itself and may move them past everything.
#pragma once

#include "base/buffer.h"
#include "http/codec.h"
#include "net/transport.h"

namespace weir::net {

/// All null if others share the connection.
struct Wire {
  Transport* transport = nullptr;
  http::WireCodec* codec = nullptr;
  Inbox* inbox = nullptr;  ///< read, but not understood
};

}  // namespace weir::net
