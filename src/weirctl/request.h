// SPDX-License-Identifier: Apache-2.0
//
// A request to the admin socket: one line `[@json] word word...`.  A word that is empty or has
// blanks, quotes or backslashes in it stands in double quotes, with \" \\ and \n for what cannot:
// no value becomes two words or a second line.  What a command means is the daemon's business; here
// are only the few that need something of the caller.
#pragma once

#include "base/fd.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::weirctl {

/// A request, and what is to be known when its reply comes.
struct Request {
  std::string line;        ///< without its end
  Fd file;                 ///< goes with the line
  std::string problem;     ///< why it cannot be sent; empty if it can
  bool alone = false;      ///< only while no other is under way, so that the file has one owner
  bool json = false;       ///< only the body is printed
  bool closes = false;     ///< the last of a transaction
  bool streams = false;    ///< once begun, the reply may take forever
  bool quiet = false;      ///< nothing is printed
  std::size_t number = 0;  ///< its line of stdin; 0 if it is not from there
};

/// `word` as it stands in a request.
std::string quoted(std::string_view word);

/// The words of a line without their quotes.  Lenient: what is wrong with a line, the daemon says.
std::vector<std::string> words_of(std::string_view line);

/// The request of these words.  Opens the FILE of `reload FILE` and `plan FILE`, with the caller's
/// rights and not the daemon's.
Request make_request(const std::vector<std::string>& words, bool json);

/// The same for a line that is sent as it is.
Request make_request(std::string_view line, bool json);

}  // namespace weir::weirctl
