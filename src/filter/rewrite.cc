// SPDX-License-Identifier: Apache-2.0
#include "filter/rewrite.h"

#include <weir/regex.h>

#include "base/cursor.h"
#include "base/text.h"
#include "http/failure.h"
#include "http/url.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace weir::filter {

namespace {

constexpr std::size_t longest_path = 8 * 1024;

/// A piece of the replacement: a literal, then a group (0 = none).
struct Piece {
  std::string text;
  std::size_t group = 0;
};

class Rewrite final : public Filter, public FilterFactory {
 public:
  Rewrite(Regex pattern, std::vector<Piece> pieces)
      : pattern_(std::move(pattern)), pieces_(std::move(pieces)) {}

  Needs needs() const override { return {.request = true}; }
  Filter& make(Arena&) const override { return const_cast<Rewrite&>(*this); }

  Verdict on_request(StreamView& stream) override {
    switch (apply(stream.arena(), stream.request())) {
      case Done::Nothing:
      case Done::Rewritten: return Verdict::Continue;
      case Done::Malformed: stream.refuse(Refusal::MalformedPath); break;
      case Done::LimitExceeded: stream.refuse(Refusal::RegexLimit); break;
    }
    return Verdict::Respond;
  }

  void explain(StreamView& stream, Explanation& explanation) const override {
    RequestHead& request = stream.request();
    switch (apply(stream.arena(), request)) {
      case Done::Nothing: return explanation.say(concat("does not match ", request.forward_path));
      case Done::Rewritten:
        return explanation.say(concat("the path becomes ", request.forward_path,
                                      request.has_query ? "?" : "", request.query));
      case Done::Malformed: return answer(explanation, http::Failure::RequestTarget);
      case Done::LimitExceeded: return answer(explanation, http::Failure::RegexLimit);
    }
  }

 private:
  enum class Done { Nothing, Rewritten, Malformed, LimitExceeded };

  static void answer(Explanation& explanation, http::Failure failure) {
    const http::FailureTraits& traits = http::traits(failure);
    explanation.answer(traits.status, concat(traits.name, ": ", traits.words));
  }

  // Whether what comes out is a path that may be forwarded is found out behind all filters.
  Done apply(Arena& arena, RequestHead& request) const {
    Captures captures;
    switch (pattern_.match(request.forward_path, &captures)) {
      case Regex::Outcome::NoMatch: return Done::Nothing;
      case Regex::Outcome::LimitExceeded: return Done::LimitExceeded;
      case Regex::Outcome::Match: break;
    }
    const std::string_view target = fill(arena, captures);
    const std::size_t mark = find_or_end(target, '?');
    const std::string_view path = target.substr(0, mark);
    if (target.size() > longest_path || !path.starts_with('/')) return Done::Malformed;
    if (mark < target.size()) {
      const std::string_view query = target.substr(mark + 1);
      if (!http::is_safe_query(query)) return Done::Malformed;
      add_query(arena, request, query);
    }
    request.forward_path = path;
    return Done::Rewritten;
  }

  std::string_view fill(Arena& arena, const Captures& captures) const {
    auto group = [&captures](std::size_t i) {
      return i < captures.count ? captures.group[i] : std::string_view();
    };
    std::size_t size = 0;
    for (const Piece& piece : pieces_)
      size += piece.text.size() + (piece.group ? group(piece.group).size() : 0);
    char* begin = arena.text(size);
    char* out = begin;
    for (const Piece& piece : pieces_) {
      out = std::copy(piece.text.begin(), piece.text.end(), out);
      if (piece.group) out = std::ranges::copy(group(piece.group), out).out;
    }
    return {begin, size};
  }

  // The query of the new path comes first, then the client's.
  static void add_query(Arena& arena, RequestHead& request, std::string_view query) {
    if (request.has_query && !request.query.empty()) {
      std::size_t size = query.size() + 1 + request.query.size();
      char* both = arena.text(size);
      std::memcpy(both, query.data(), query.size());
      both[query.size()] = '&';
      std::memcpy(both + query.size() + 1, request.query.data(), request.query.size());
      query = {both, size};
    }
    request.query = query;
    request.has_query = true;
  }

  Regex pattern_;
  std::vector<Piece> pieces_;
};

Result<std::vector<Piece>> parse_replacement(std::string_view text) {
  std::vector<Piece> pieces(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$') {
      pieces.back().text += text[i];
      continue;
    }
    ++i;
    if (i < text.size() && text[i] == '$') {
      pieces.back().text += '$';
      continue;
    }
    if (i == text.size() || text[i] < '1' || text[i] > '9')
      return Error(Errc::Invalid,
                   "in a rewrite, $ must be followed by the number of a group, 1 to 9");
    pieces.back().group = static_cast<std::size_t>(text[i] - '0');
    pieces.emplace_back();
  }
  return pieces;
}

}  // namespace

Result<std::unique_ptr<FilterFactory>> build_rewrite(const Statement& statement,
                                                     const FilterContext&) {
  const auto& values = statement.values;
  if (values.size() != 3 || values[0] != "path")
    return Error(Errc::Invalid, "rewrite wants: path REGEX REPLACEMENT");
  auto pattern = Regex::compile(values[1]);
  if (!pattern) return pattern.error();
  auto pieces = parse_replacement(values[2]);
  if (!pieces) return pieces.error();
  return std::unique_ptr<FilterFactory>(
      std::make_unique<Rewrite>(std::move(*pattern), std::move(*pieces)));
}

}  // namespace weir::filter
