// SPDX-License-Identifier: Apache-2.0
#include "config/lexer.h"

#include "base/cursor.h"
#include "base/text.h"

#include <algorithm>

namespace weir::config {

namespace {

bool is_control(char c) { return (c >= 0 && c < ' ' && c != '\t') || c == '\x7f'; }

bool ends_bare_word(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '{' || c == '}' ||
         c == '"' || c == '\'';
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && !is_digit(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
}

// Appends to a text and to its marked form, in which dollars of an expansion are doubled.
void append_literally(std::string_view part, std::string& text, std::string& marked) {
  text.append(part);
  for (const char c : part) marked.append(c == '$' ? 2 : 1, c);
}

}  // namespace

Lexer::Lexer(std::uint32_t number, const FileReader& reader, Texts& texts, Reporter& reporter)
    : text_(reporter.sources().file(number).text),
      number_(number),
      reader_(reader),
      texts_(texts),
      reporter_(reporter) {
  if (text_.starts_with("\xEF\xBB\xBF")) next_ = line_begin_ = 3;  // a byte order mark is no word
}

Place Lexer::place(std::size_t at) const {
  return {number_, line_, static_cast<std::uint32_t>(at - line_begin_ + 1)};
}

bool Lexer::at_continuation() const {
  const std::string_view rest = text_.substr(next_, 3);
  return rest.starts_with("\\\n") || rest.starts_with("\\\r\n");
}

void Lexer::skip_blanks() {
  while (next_ < text_.size()) {
    const char c = text_[next_];
    if (is_blank(c) || (c == '\r' && text_.substr(next_ + 1, 1) == "\n")) {
      ++next_;
    } else if (c == '#') {
      next_ = find_or_end(text_, '\n', next_);
    } else if (at_continuation()) {
      next_ = text_.find('\n', next_) + 1;
      line_begin_ = next_;
      ++line_;
    } else {
      return;
    }
  }
}

Token Lexer::punctuation(TokenKind kind) {
  const Token token{kind, {{}, {}, place(next_), true}};
  ++next_;
  return token;
}

Token Lexer::next() {
  skip_blanks();
  if (next_ >= text_.size()) return {TokenKind::End, {{}, {}, place(text_.size()), true}};
  switch (text_[next_]) {
    case '{': return punctuation(TokenKind::Open);
    case '}': return punctuation(TokenKind::Close);
    case ';': return punctuation(TokenKind::Semicolon);
    case '"':
    case '\'': return quoted_word(text_[next_]);
    case '\n': {
      const Token token = punctuation(TokenKind::Line);
      line_begin_ = next_;
      ++line_;
      return token;
    }
    default: return bare_word();
  }
}

void Lexer::check_control(std::size_t at) {
  if (is_control(text_[at]))
    reporter_.error(place(at), "control character in the text",
                    "write \\n or \\t in double quotes; others cannot be written");
}

Token Lexer::bare_word() {
  const std::size_t begin = next_;
  bool expands = false;
  while (next_ < text_.size() && !at_continuation()) {
    if (text_.substr(next_, 2) == "${") {
      // Within ${...} everything belongs to the word, up to the end of the line.
      const std::size_t close = find_any_or_end(text_, "}\n", next_);
      expands = true;
      if (close == text_.size() || text_[close] == '\n') {
        reporter_.error(place(next_), "\"${\" is not closed", "write ${NAME} or ${NAME:-default}");
        next_ = close;
        break;
      }
      next_ = close + 1;
      continue;
    }
    if (ends_bare_word(text_[next_])) break;
    check_control(next_++);
  }
  Token token{TokenKind::Word, {text_.substr(begin, next_ - begin), {}, place(begin), true}};
  if (next_ == begin) check_control(next_++);  // a carriage return of its own
  token.value.marked = token.value.text;
  if (expands) expand(token.value.text, token.value, false);
  if (next_ < text_.size() && (text_[next_] == '"' || text_[next_] == '\''))
    reporter_.error(place(next_), "a quote inside a word",
                    "quote the whole value, or leave a blank between two values");
  return token;
}

Token Lexer::quoted_word(char quote) {
  const Place at = place(next_);
  const std::size_t begin = ++next_;
  while (next_ < text_.size() && text_[next_] != quote && text_[next_] != '\n') {
    if (quote == '"' && text_[next_] == '\\' && next_ + 1 < text_.size() &&
        text_[next_ + 1] != '\n')
      ++next_;
    check_control(next_++);
  }
  Token token{TokenKind::Word, {text_.substr(begin, next_ - begin), {}, at, false}};
  token.value.marked = token.value.text;
  if (next_ >= text_.size() || text_[next_] == '\n') {
    reporter_.error(at, "a quote is not closed on its line",
                    "write \\n in double quotes for the end of a line");
    return token;
  }
  ++next_;
  if (quote == '"') expand(token.value.text, token.value, true);
  if (next_ < text_.size() && !at_continuation() &&
      (!ends_bare_word(text_[next_]) || text_[next_] == '"' || text_[next_] == '\''))
    reporter_.error(place(next_), "a blank is missing after the closing quote",
                    "one value ends here; quotes stand around whole values");
  return token;
}

void Lexer::expand(std::string_view raw, Value& value, bool escapes) {
  if (raw.find_first_of(escapes ? "\\$" : "$") == std::string_view::npos) return;
  std::string text, marked;
  for (std::size_t i = 0; i < raw.size();) {
    const Place at{value.at.file, value.at.line,
                   value.at.column + static_cast<std::uint32_t>(i) + (value.bare ? 0 : 1)};
    if (raw.substr(i, 2) == "${") {
      if (raw.find('}', i) == std::string_view::npos) {
        if (!value.bare)  // of a bare word this has been said
          reporter_.error(at, "\"${\" is not closed", "write ${NAME} or ${NAME:-default}");
        break;
      }
      i = expand_variable(raw, i, text, marked, at);
    } else if (escapes && raw[i] == '\\' && i + 1 < raw.size()) {
      const std::size_t which = std::string_view("nt\"\\$").find(raw[i + 1]);
      if (which == std::string_view::npos) {
        reporter_.error(at, concat("unknown escape ", in_quotes(raw.substr(i, 2))),
                        "in double quotes there are \\n \\t \\\" \\\\ \\$; single quotes are raw");
      } else {
        append_literally(std::string_view("\n\t\"\\$").substr(which, 1), text, marked);
      }
      i += 2;
    } else {
      text.push_back(raw[i]);
      marked.push_back(raw[i++]);
    }
  }
  const bool same = text == marked;
  value.text = texts_.emplace_back(std::move(text));
  value.marked = same ? value.text : std::string_view(texts_.emplace_back(std::move(marked)));
}

// `raw` has "${...}" at i; returns where it goes on.
std::size_t Lexer::expand_variable(std::string_view raw, std::size_t i, std::string& text,
                                   std::string& marked, const Place& at) {
  const std::size_t close = raw.find('}', i);
  const std::string_view inner = raw.substr(i + 2, close - i - 2);
  const std::size_t colon = inner.find(":-");
  const std::string_view name = inner.substr(0, colon);
  if (!is_variable_name(name)) {
    reporter_.error(
        at, concat(in_quotes(raw.substr(i, close + 1 - i)), " names no environment variable"),
        "write ${NAME} or ${NAME:-default}");
  } else if (const auto value = reader_.environment(name)) {
    append_literally(*value, text, marked);
  } else if (colon != std::string_view::npos) {
    append_literally(inner.substr(colon + 2), text, marked);
  } else {
    reporter_.error(at, concat("environment variable ", in_quotes(name), " is not set"),
                    concat("set it, or write ${", name, ":-default}"));
  }
  return close + 1;
}

}  // namespace weir::config
