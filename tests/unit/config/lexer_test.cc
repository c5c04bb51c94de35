// SPDX-License-Identifier: Apache-2.0
//
// Tokens: quotes, escapes, comments, continued lines, environment variables.
#include "config/lexer.h"

#include "config/loading.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::config {
namespace {

// The tokens as text: words in <>, ends of lines as "/".
std::string tokens(const std::string& text, bool marked = false) {
  World world;
  world.environment = {{"NAME", "value"}, {"EVIL", "a; } \"$host"}};
  const FileReader reader = world.reader();
  Sources sources;
  Diagnostics diagnostics;
  Reporter report(sources, diagnostics);
  Texts texts;
  Lexer lexer(sources.add({"weir.conf", text}), reader, texts, report);
  std::string all;
  for (Token token = lexer.next(); token.kind != TokenKind::End; token = lexer.next()) {
    switch (token.kind) {
      case TokenKind::Open: all += "{"; break;
      case TokenKind::Close: all += "}"; break;
      case TokenKind::Semicolon: all += ";"; break;
      case TokenKind::Line: all += "/"; break;
      default:
        all += "<" + std::string(marked ? token.value.marked : token.value.text) + ">";
        break;
    }
  }
  return all + (diagnostics.has_errors() ? "!" : "");
}

TEST(Lexer, Tokens) {
  const struct {
    const char* text;
    const char* tokens;
  } cases[] = {
      {"", ""},
      {"a b;c\n", "<a><b>;<c>/"},
      {"a{b;}c", "<a>{<b>;}<c>"},
      {"a \\\n b \\\r\n c", "<a><b><c>"},
      {"a\\\nb", "<a><b>"},
      {"a\\b", "<a\\b>"},
      {"# all of it { ; \\\nb", "/<b>"},
      {"a#b #c", "<a#b>"},
      {"a\r\nb\r\n", "<a>/<b>/"},
      {"\xEF\xBB\xBFworkers", "<workers>"},
      {"'a b' \"c;d\" '{'", "<a b><c;d><{>"},
      {R"("\"\\\n\t\$" '\n"')", "<\"\\\n\t$><\\n\">"},
      {"''\"\"", "<><>!"},
      {"'' \"\"", "<><>"},
      {"${NAME} x${NAME}y \"${NAME} z\" '${NAME}'", "<value><xvaluey><value z><${NAME}>"},
      {"${NONE:-a b} ${NONE:-} ${NAME:-x}", "<a b><><value>"},
      {"${NONE:-{;\"}", "<{;\">"},
      {"${EVIL} \"${EVIL}\"", "<a; } \"$host><a; } \"$host>"},
      {"\"\\${NAME}\"", "<${NAME}>"},
      {"$host $$ a$", "<$host><$$><a$>"},
  };
  for (const auto& each : cases) EXPECT_EQ(tokens(each.text), each.tokens) << each.text;
}

TEST(Lexer, DollarsThatAreNoVariablesAreDoubledWhereTextsHaveVariables) {
  EXPECT_EQ(tokens(R"("\$a $b")", true), "<$$a $b>");
  EXPECT_EQ(tokens("${EVIL}", true), "<a; } \"$$host>");
  EXPECT_EQ(tokens("'$a'", true), "<$a>");
}

TEST(Lexer, Places) {
  World world;
  const FileReader reader = world.reader();
  Sources sources;
  Diagnostics diagnostics;
  Reporter report(sources, diagnostics);
  Texts texts;
  Lexer lexer(sources.add({"weir.conf", "a 'b'\n  c \\\n   d"}), reader, texts, report);
  std::string places;
  for (Token token = lexer.next(); token.kind != TokenKind::End; token = lexer.next())
    places += sources.text(token.value.at) + " ";
  EXPECT_EQ(places, "weir.conf:1:1 weir.conf:1:3 weir.conf:1:6 weir.conf:2:3 weir.conf:3:4 ");
}

}  // namespace
}  // namespace weir::config
