// SPDX-License-Identifier: Apache-2.0
//
// What can be said of a request whose head is incomplete, too long or malformed.  For logs only: nothing is decided by it.
#pragma once

#include <weir/message.h>

#include <span>

namespace weir::http {

/// Fills in what `head` does not say yet of method, target and host, from the bytes of an HTTP/1 head as far as they have come;
/// these must outlive it.  The target may be cut off, and none of them need be well-formed.  The protocol is Unknown if no
/// version has come.
void read_partly(std::span<const char> bytes, RequestHead& head);

}  // namespace weir::http
