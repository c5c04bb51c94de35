// SPDX-License-Identifier: Apache-2.0
//
// Lexer: text into words and punctuation, by the grammar at the top of weir.conf(5).  Quotes are
// taken off, escapes resolved and `${NAME}` expanded here, after a token's ends are known, so that
// nothing that was expanded can become syntax.
#pragma once

#include "config/source.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace weir::config {

/// One value of a statement.
struct Value {
  std::string_view text;  ///< without quotes, escapes and `${}`
  /// The same for a text that may hold `$variables`: dollars that came from `\$` or `${}` are doubled.
  std::string_view marked;
  Place at;
  bool bare = true;  ///< written without quotes
};

enum class TokenKind : std::uint8_t { Word, Open, Close, Semicolon, Line, End };

struct Token {
  TokenKind kind = TokenKind::End;
  Value value;  ///< of a Word; of others only the place
};

/// Texts that were made while lexing (escapes resolved, variables expanded); they stay where they are.
using Texts = std::deque<std::string>;

class Lexer {
 public:
  /// Reads file `number` of the reporter's sources.
  Lexer(std::uint32_t number, const FileReader& reader, Texts& texts, Reporter& reporter);

  /// The next token; what is wrong in it is reported, and it is delivered as well as it can be.
  Token next();

 private:
  Token punctuation(TokenKind kind);
  Token bare_word();
  Token quoted_word(char quote);
  void skip_blanks();
  void check_control(std::size_t at);
  bool at_continuation() const;
  void expand(std::string_view raw, Value& value, bool escapes);
  std::size_t expand_variable(std::string_view raw, std::size_t i, std::string& text,
                              std::string& marked, const Place& at);
  Place place(std::size_t at) const;

  std::string_view text_;
  std::size_t next_ = 0;
  std::size_t line_begin_ = 0;
  std::uint32_t line_ = 1;
  std::uint32_t number_;
  const FileReader& reader_;
  Texts& texts_;
  Reporter& reporter_;
};

}  // namespace weir::config
