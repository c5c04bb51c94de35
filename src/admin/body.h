// SPDX-License-Identifier: Apache-2.0
//
// Body: what follows the first line of a reply, made piece by piece as the client takes it, so that a
// list of ten thousand servers never lies in memory as text.  Handlers give rows of named cells; here
// they become an aligned table or JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::admin {

/// One value.  In JSON a raw one is printed as it is (numbers, true, null, nested documents).
struct Cell {
  std::string text;
  bool raw = false;

  Cell() = default;
  Cell(std::string value) : text(std::move(value)) {}
  Cell(std::string_view value) : text(value) {}
  Cell(const char* value) : text(value) {}
  Cell(std::uint64_t value) : text(std::to_string(value)), raw(true) {}
  Cell(std::int64_t value) : text(std::to_string(value)), raw(true) {}
  Cell(std::uint32_t value) : text(std::to_string(value)), raw(true) {}
  static Cell json(std::string value) {
    Cell cell(std::move(value));
    cell.raw = true;
    return cell;
  }
  /// With one decimal.
  static Cell milliseconds(std::uint64_t us) {
    return json(std::to_string(us / 1000) + "." + std::to_string(us / 100 % 10));
  }
};
using Row = std::vector<Cell>;

class Body {
 public:
  virtual ~Body() = default;
  /// Appends the next piece to `out`; false if there was none left.
  virtual bool next(std::string& out) = 0;
};

/// A list of things.  `row(i)` is asked for 0 to count - 1, and may be asked twice.
struct Listing {
  std::vector<std::string_view> columns;
  std::size_t count = 0;
  std::function<Row(std::size_t)> row;
};

/// An aligned table, or an array of objects.
std::unique_ptr<Body> make_list(Listing listing, bool json);

/// One thing: lines of "name: value", or an object.
std::unique_ptr<Body> make_record(const std::vector<std::string_view>& names, const Row& row,
                                  bool json);

/// A text as it is; in JSON a string.
std::unique_ptr<Body> make_text(std::string text, bool json);

/// A document that is JSON already, or text lines, as the caller has chosen.
std::unique_ptr<Body> make_verbatim(std::string text);

/// What `make` returns, made when the first piece is wanted.
std::unique_ptr<Body> make_later(std::function<std::unique_ptr<Body>()> make);

/// `{"name":value,...}`
std::string json_object(const std::vector<std::string_view>& names, const Row& row);

}  // namespace weir::admin
