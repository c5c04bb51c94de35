// SPDX-License-Identifier: Apache-2.0
//
// What follows from a method alone (RFC 9110 §9) and from Expect; the heads themselves are the contract's
// (<weir/message.h>).
#pragma once

#include <weir/message.h>

#include "http/failure.h"

#include <string_view>

namespace weir::http {

/// The method with this name.  Methods are case-sensitive; what weir does not know is Method::Other.
Method method_from(std::string_view text);

/// The name of a known method; empty for Method::Other.
std::string_view method_name(Method method);

/// May be sent twice with the effect of once (RFC 9110 §9.2.2).
bool is_idempotent(Method method);

/// Sets head.expects_continue by its Expect field and framing; RequestExpectation if anything else is
/// expected (RFC 9110 §10.1.1).
Failure understand_expectation(RequestHead& head);

}  // namespace weir::http
