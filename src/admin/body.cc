// SPDX-License-Identifier: Apache-2.0
#include "admin/body.h"

#include "base/text.h"
#include "base/wording.h"

#include <algorithm>

namespace weir::admin {

namespace {

constexpr std::size_t piece_bytes = 32 * 1024;
constexpr std::size_t widest_column = 60;

void append_cell(std::string& out, const Cell& cell) {
  if (cell.raw) {
    out += cell.text;
    return;
  }
  out += '"';
  append_json(out, cell.text);
  out += '"';
}

void append_object(std::string& out, const std::vector<std::string_view>& names, const Row& row) {
  out += '{';
  for (std::size_t i = 0; i < names.size() && i < row.size(); ++i) {
    if (i > 0) out += ',';
    out += '"';
    append_json(out, names[i]);
    out += "\":";
    append_cell(out, row[i]);
  }
  out += '}';
}

// A cell of a table: one line, and something to be seen.
std::string shown(const Cell& cell) {
  if (cell.text.empty()) return "-";
  std::string text;
  append_shown(text, cell.text);
  return text;
}

class JsonList final : public Body {
 public:
  explicit JsonList(Listing listing) : listing_(std::move(listing)) {}

  bool next(std::string& out) override {
    if (done_) return false;
    std::size_t begin = out.size();
    if (at_ == 0) out += '[';
    for (; at_ < listing_.count && out.size() - begin < piece_bytes; ++at_) {
      if (at_ > 0) out += ',';
      append_object(out, listing_.columns, listing_.row(at_));
    }
    if (at_ < listing_.count) return true;
    out += "]\n";
    done_ = true;
    return true;
  }

 private:
  Listing listing_;
  std::size_t at_ = 0;
  bool done_ = false;
};

class TextList final : public Body {
 public:
  explicit TextList(Listing listing) : listing_(std::move(listing)) {
    for (std::string_view column : listing_.columns) widths_.push_back(column.size());
    for (std::size_t i = 0; i < listing_.count; ++i) {
      Row row = listing_.row(i);
      for (std::size_t c = 0; c < widths_.size() && c < row.size(); ++c)
        widths_[c] = std::max(widths_[c], std::min(shown(row[c]).size(), widest_column));
    }
  }

  bool next(std::string& out) override {
    if (begun_ && at_ == listing_.count) return false;
    std::size_t begin = out.size();
    if (!begun_) {
      Row head(listing_.columns.begin(), listing_.columns.end());
      line(out, head);
      begun_ = true;
    }
    for (; at_ < listing_.count && out.size() - begin < piece_bytes; ++at_)
      line(out, listing_.row(at_));
    return true;
  }

 private:
  void line(std::string& out, const Row& row) const {
    for (std::size_t c = 0; c < widths_.size() && c < row.size(); ++c) {
      std::string text = shown(row[c]);
      out += text;
      bool last = c + 1 == widths_.size();
      if (!last) out.append(widths_[c] > text.size() ? widths_[c] - text.size() + 2 : 2, ' ');
    }
    out += '\n';
  }

  Listing listing_;
  std::vector<std::size_t> widths_;
  std::size_t at_ = 0;
  bool begun_ = false;
};

class Verbatim final : public Body {
 public:
  explicit Verbatim(std::string text) : text_(std::move(text)) {}

  bool next(std::string& out) override {
    if (at_ == text_.size()) return false;
    std::size_t size = std::min(piece_bytes, text_.size() - at_);
    out.append(text_, at_, size);
    at_ += size;
    return true;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

class Later final : public Body {
 public:
  explicit Later(std::function<std::unique_ptr<Body>()> make) : make_(std::move(make)) {}

  bool next(std::string& out) override {
    if (!body_) body_ = make_();
    return body_->next(out);
  }

 private:
  std::function<std::unique_ptr<Body>()> make_;
  std::unique_ptr<Body> body_;
};

}  // namespace

std::unique_ptr<Body> make_list(Listing listing, bool json) {
  if (json) return std::make_unique<JsonList>(std::move(listing));
  return std::make_unique<TextList>(std::move(listing));
}

std::unique_ptr<Body> make_record(const std::vector<std::string_view>& names, const Row& row,
                                  bool json) {
  std::string out;
  if (json) {
    append_object(out, names, row);
    return make_verbatim(out + "\n");
  }
  std::size_t width = 0;
  for (std::string_view name : names) width = std::max(width, name.size());
  for (std::size_t i = 0; i < names.size() && i < row.size(); ++i) {
    out.append(names[i]).append(":").append(width - names[i].size() + 1, ' ');
    out += shown(row[i]) + "\n";
  }
  return make_verbatim(std::move(out));
}

std::unique_ptr<Body> make_text(std::string text, bool json) {
  if (!json) return make_verbatim(std::move(text));
  std::string out = "\"";
  append_json(out, text);
  return make_verbatim(out + "\"\n");
}

std::unique_ptr<Body> make_verbatim(std::string text) {
  return std::make_unique<Verbatim>(std::move(text));
}

std::unique_ptr<Body> make_later(std::function<std::unique_ptr<Body>()> make) {
  return std::make_unique<Later>(std::move(make));
}

std::string json_object(const std::vector<std::string_view>& names, const Row& row) {
  std::string out;
  append_object(out, names, row);
  return out;
}

}  // namespace weir::admin
