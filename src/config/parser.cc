// SPDX-License-Identifier: Apache-2.0
#include "config/parser.h"

#include "base/text.h"

#include <utility>

namespace weir::config {

namespace {

class Parser {
 public:
  Parser(std::uint32_t number, const FileReader& reader, Texts& texts, Reporter& reporter)
      : lexer_(number, reader, texts, reporter), reporter_(reporter) {
    advance();
  }

  std::vector<Directive> file() {
    std::vector<Directive> all;
    for (;;) {
      statements(all, 0);
      if (token_.kind == TokenKind::End) return all;
      reporter_.error(token_.value.at, "\"}\" without a \"{\"",
                      "perhaps an earlier \"}\" is one too many");
      advance();
    }
  }

 private:
  void advance() { token_ = lexer_.next(); }

  // Up to a closing brace or the end, which is left to the caller.
  void statements(std::vector<Directive>& into, int depth) {
    while (token_.kind != TokenKind::End && token_.kind != TokenKind::Close) {
      if (token_.kind == TokenKind::Word) {
        into.push_back(statement(depth));
      } else if (token_.kind == TokenKind::Open) {
        reporter_.error(token_.value.at, "a block without a directive",
                        "the \"{\" stands on the same line as its directive");
        Directive nobody;
        block(nobody, depth);
      } else {
        advance();
      }
    }
  }

  Directive statement(int depth) {
    Directive directive;
    directive.word = token_.value.text;
    directive.at = token_.value.at;
    if (!token_.value.bare)
      reporter_.error(token_.value.at, "the name of a directive stands without quotes",
                      "take the quotes off");
    for (advance(); token_.kind == TokenKind::Word; advance())
      directive.values.push_back(token_.value);
    if (token_.kind == TokenKind::Open) block(directive, depth);
    return directive;
  }

  void block(Directive& directive, int depth) {
    const Place open = token_.value.at;
    directive.has_block = true;
    if (depth + 1 > deepest_block) {
      reporter_.error(open, "blocks in blocks, too deep", "no directive needs more than three");
      skip_block();
      return;
    }
    advance();
    statements(directive.block, depth + 1);
    if (token_.kind == TokenKind::End)
      reporter_.error(open, "\"{\" is never closed", "add a \"}\"");
    else
      advance();
  }

  void skip_block() {
    std::size_t open = 0;
    do {
      if (token_.kind == TokenKind::Open) ++open;
      if (token_.kind == TokenKind::Close) --open;
      advance();
    } while (open > 0 && token_.kind != TokenKind::End);
  }

  Lexer lexer_;
  Reporter& reporter_;
  Token token_;
};

}  // namespace

std::vector<Directive> parse_file(std::uint32_t number, const FileReader& reader, Texts& texts,
                                  Reporter& reporter) {
  return Parser(number, reader, texts, reporter).file();
}

}  // namespace weir::config
