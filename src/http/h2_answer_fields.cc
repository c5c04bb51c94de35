// SPDX-License-Identifier: Apache-2.0
#include "http/h2_answer_fields.h"

#include "base/characters.h"
#include "http/framing.h"
#include "http/hop_by_hop.h"

#include <optional>

namespace weir::http {

namespace {

// Where there is never a body is no length (RFC 9110 §8.6), but some servers say 0 with 204.
bool is_length_right(const ResponseHead& head) {
  const Field* length = head.headers.find(FieldName::ContentLength);
  return !length || (head.status >= 200 && (head.status != 204 || length->value == "0"));
}

Failure failure_of(H2Cost::Limit limit) {
  switch (limit) {
    case H2Cost::Limit::Total: return Failure::ResponseHeadTooLarge;
    case H2Cost::Limit::Fields: return Failure::ResponseTooManyFields;
    default: return Failure::ResponseLineTooLong;
  }
}

// "name: value" in `arena`, one behind the other if nobody else takes memory there.
Field put_line(Arena& arena, std::string_view name, std::string_view value) {
  char* const line = arena.text(name.size() + value.size() + 4);
  char* out = line + name.copy(line, name.size());
  *out++ = ':';
  *out++ = ' ';
  char* const end = out + value.copy(out, value.size());
  end[0] = '\r';
  end[1] = '\n';
  return {{line, name.size()}, {out, value.size()}, FieldName::Other, true, false};
}

}  // namespace

void H2AnswerFields::begin(Arena& arena) {
  arena_ = &arena;
  fields_.clear();
  cost_ = {};
  status_ = 0;
  malformed_ = false;
}

void H2AnswerFields::add(std::string_view name, std::string_view value, bool never_index) {
  if (!cost_.add(name, value, limits_)) return;
  if (name.starts_with(':')) return add_status(name, value);
  const std::optional<FieldName> id = safe_name(name);
  if (!id || !is_safe_value(value)) {
    malformed_ = true;
    return;
  }
  Field& field = fields_.emplace_back(put_line(*arena_, name, value));
  field.id = *id;
  field.never_index = never_index;
}

// 101 does not exist here (RFC 9113 §8.6).
void H2AnswerFields::add_status(std::string_view name, std::string_view value) {
  const bool is_right = name == ":status" && status_ == 0 && fields_.empty() && value.size() == 3 &&
                        value[0] >= '1' && value[0] <= '5' && is_digit(value[1]) &&
                        is_digit(value[2]) && value != "101";
  malformed_ = malformed_ || !is_right;
  if (is_right)
    status_ = static_cast<std::uint16_t>((value[0] - '0') * 100 + (value[1] - '0') * 10 +
                                         (value[2] - '0'));
}

Understood H2AnswerFields::finish(bool ended, Method method, ResponseHead& head, Failure& failure) {
  if (cost_.is_too_large()) {
    failure = failure_of(cost_.exceeded());
    return Understood::Refused;
  }
  failure = Failure::ResponseSyntax;
  if (malformed_ || status_ == 0) return Understood::Malformed;
  head.protocol = Protocol::Http2;
  head.status = status_;
  head.headers.assign(*arena_, fields_);
  if (!may_all_stand(head.headers) || !is_length_right(head)) return Understood::Malformed;
  head.headers.remove(FieldName::Te);
  if (head.status == 204) head.headers.remove(FieldName::ContentLength);
  failure = frame_response(head, method);
  if (failure != Failure::None) return Understood::Malformed;
  head.keep_alive = true;
  const bool is_cut = ended && (head.is_interim() ||
                                (head.framing.end == BodyEnd::Length && head.framing.length > 0));
  if (is_cut) {
    failure = Failure::ResponseSyntax;
    return Understood::Malformed;
  }
  if (head.framing.end == BodyEnd::Close) head.framing = {BodyEnd::Chunked, 0};
  if (ended && head.framing.end != BodyEnd::None) head.framing = {BodyEnd::Length, 0};
  return Understood::Fine;
}

Understood H2AnswerFields::finish_trailers(Headers& trailers) {
  if (malformed_ || status_ != 0 || cost_.is_too_large()) return Understood::Malformed;
  trailers.assign(*arena_, fields_);
  if (!may_all_stand(trailers)) return Understood::Malformed;
  trailers.remove_if(is_forbidden_in_trailers);
  return Understood::Fine;
}

}  // namespace weir::http
