// SPDX-License-Identifier: Apache-2.0
//
// Filter: something that looks at one request and its response, may change them, or may answer in
// their place.  A FilterKind is what a module (or weir itself) registers: the word that stands in
// weir.conf and the function that turns such a statement into a factory.  The factory is immutable
// and shared by all streams; a Filter belongs to one stream and dies with it.
#pragma once

#include <weir/arena.h>
#include <weir/message.h>
#include <weir/result.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// What happens after a filter had its say.
enum class Verdict : std::uint8_t {
  Continue,  ///< the next filter, then on
  Respond,  ///< the filter has called StreamView::respond or refuse; nothing is forwarded.  Without such a
            ///< call the client gets 500 (filter_breach)
  Reroute  ///< forward_path or host changed in a way that wants another look at the routes
};

/// Why a filter refuses a request; logs and error pages name it.
enum class Refusal : std::uint8_t {
  MalformedPath,  ///< 400 request_target: what the filter makes of the path is none
  RegexLimit      ///< 500 regex_limit: a Regex gave up, so nobody knows whether it matches
};

/// What a filter may see and do to one request.  Texts it sets are copied into the stream's arena.
class StreamView {
 public:
  virtual ~StreamView() = default;
  virtual RequestHead& request() = 0;
  virtual ResponseHead& response() = 0;
  virtual Arena& arena() = 0;
  /// A text with its `$variables` filled in as of now; bytes that may not stand in a field are dropped.
  virtual std::string_view expand(std::string_view text) = 0;
  /// Answers the request with this status and text (copied); for Verdict::Respond.
  virtual void respond(std::uint16_t status, std::string_view text) = 0;
  /// Answers the request with the page of that failure; for Verdict::Respond.
  virtual void refuse(Refusal why) = 0;
};

class Filter {
 public:
  virtual ~Filter() = default;
  virtual Verdict on_request(StreamView&) { return Verdict::Continue; }
  /// Before the head of a server's answer, or of one that weir makes itself, is written.  In the latter case
  /// `on_request` may not have run; if the request could not be understood, `request()` is empty.
  virtual Verdict on_response(StreamView&) { return Verdict::Continue; }
};

/// A statement of weir.conf as a factory sees it: its words, already unquoted, and where it stands.
struct Statement {
  std::string_view word;
  std::vector<std::string> values;
  std::string place;  ///< "weir.conf:12:9"
};

/// What one statement of weir.conf became.  A `const` filter without state of its own is its own
/// factory: `filter()` may be called for any number of streams at once.
class FilterFactory {
 public:
  virtual ~FilterFactory() = default;
  /// The filter to run for a stream; owned by the factory, shared, stateless.
  virtual Filter& filter() const = 0;
};

/// One word of weir.conf that makes a filter.
struct FilterKind {
  const char* word;
  const char* help;  ///< one line
  Result<std::unique_ptr<FilterFactory>> (*make)(const Statement&);
};

}  // namespace weir
