// SPDX-License-Identifier: Apache-2.0
//
// Result<T>: a value or the reason why there is none.  weir throws no exceptions; whatever can
// fail because of a peer, the environment or the operator returns one of these.  The names are a
// subset of std::expected (C++23), so this can become an alias for it one day.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace weir {

/// What kind of thing went wrong; text says the rest.
enum class Errc { Invalid, NotFound, Exists, Limit, Protocol, System, Unsupported };

/// A failure with its story, told from the outside in: "listener web: bind 0.0.0.0:80: in use".
class Error {
 public:
  Error(Errc code, std::string text) : code_(code), text_(std::move(text)) {}

  Errc code() const { return code_; }
  const std::string& text() const { return text_; }

  /// The same failure seen from one level further up.
  Error within(std::string_view place) const {
    return Error(code_, std::string(place).append(": ").append(text_));
  }

 private:
  Errc code_;
  std::string text_;
};

/// A T, or an Error.  Check before use: dereferencing a failed Result is a bug.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  const Error& error() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace weir
