// SPDX-License-Identifier: Apache-2.0
//
// The fields of one HTTP/2 header block of a client -> the heads that the rest of weir knows (RFC 9113 §8.2,
// §8.3); those of a server are in http/h2_answer_fields.  What arrives becomes the text of an HTTP/1.1 head in
// the stream's arena, so that everything behind this (routes, filters, logs, the writer towards a server) sees
// one kind of message.
//
// HPACK makes a field cost one byte on the wire, so fields are counted and charged while they are decoded.
#pragma once

#include <weir/message.h>

#include "http/failure.h"
#include "http/h1_parser.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

/// What a decoded header block means.
enum class Understood : std::uint8_t {
  Fine,
  Refused,   ///< well-formed; the request is answered with the failure
  Malformed  ///< RFC 9113 §8.1.1: a stream error
};

/// What the fields of a block have cost so far, and whether that is too much.
class H2Cost {
 public:
  /// The limit that a block is beyond first; `Method` and `Target`: max_line, by that pseudo-field.
  enum class Limit : std::uint8_t { None, Method, Target, Line, Total, Fields };

  /// What each field is charged with beyond its bytes (RFC 9113 §6.5.2).
  static constexpr std::size_t overhead = 32;

  /// One more; false if the block is beyond the limits, from now on.
  bool add(std::string_view name, std::string_view value, const HeadLimits& limits);
  /// Everything added, kept or not: bytes with overhead.
  std::size_t charged() const { return charged_; }
  bool is_too_large() const { return exceeded_ != Limit::None; }
  Limit exceeded() const { return exceeded_; }

 private:
  std::size_t charged_ = 0;
  std::uint32_t count_ = 0;
  Limit exceeded_ = Limit::None;
};

class H2Fields final {
 public:
  /// Keeps the memory of one that is of no more use for the next.
  struct GiveBack {
    void operator()(H2Fields* fields) const;
  };
  using Lease = std::unique_ptr<H2Fields, GiveBack>;

  enum class Of : std::uint8_t { Head, Trailers };

  H2Fields(Of kind, const HeadLimits& limits) : limits_(limits), kind_(kind) {}

  /// One that has memory already, if there is such.
  static Lease take(Of kind, const HeadLimits& limits);

  /// The next field of the block, as it was decoded: names in lower case, pseudo-fields first.  What is
  /// beyond the limits is charged but not kept.  `never_index`: so it was encoded, and so it is passed on.
  void add(std::string_view name, std::string_view value, bool never_index = false);

  /// Everything added so far, kept or not: bytes with overhead.
  std::size_t charged() const { return cost_.charged(); }

  /// The block was a request's; `ended`: no body follows.  The head's texts are in `arena`.
  Understood finish_request(bool ended, Arena& arena, RequestHead& head, Failure& failure);

  /// Forgets everything, for another block; keeps its memory.
  void begin(Of kind);

  /// What can be said of a request that is refused before it is understood, and the text of its head so far.
  void name_partly(Arena& arena, RequestHead& head);

  /// The block was a trailer section; names that may not stand there are dropped.
  Understood finish_trailers(Arena& arena, Headers& trailers);

 private:
  struct Line {
    std::uint32_t at, name, value;  ///< where in the text, and how long
    FieldName id;
    bool never_index;
  };
  struct Pseudo {
    std::string method, scheme, authority, path, protocol, host;
  };

  static std::vector<std::unique_ptr<H2Fields>>& spares();
  bool admit(std::string_view name, std::string_view value);
  void put_text(std::string_view name, std::string_view value);
  void add_pseudo(std::string_view name, std::string_view value);
  void add_line(std::string_view name, FieldName id, std::string_view value,
                bool never_index = false);
  void put_start_line();
  void put_cookie();
  std::string_view settle(Arena& arena, Headers& headers);
  Understood understand_request(bool ended, Arena& arena, RequestHead& head, Failure& failure);
  bool is_well_formed() const;
  bool do_hosts_agree() const;

  HeadLimits limits_;
  std::string text_;  ///< start line and lines as HTTP/1.1 would spell them
  std::string cookie_;
  std::vector<Line> lines_;
  std::vector<Field> fields_;  ///< while they are moved
  Pseudo pseudo_;
  H2Cost cost_;
  Of kind_;
  std::uint16_t dropped_ = 0;
  bool malformed_ = false;
  bool has_cookie_ = false;
  bool never_index_cookie_ = false;  ///< a crumb of it was not to be
  bool is_extended_ = false;         ///< CONNECT with :protocol
};

/// The token of a name that HTTP/1 could not misread; nothing if it could (RFC 9113 §8.2.1).
std::optional<FieldName> safe_name(std::string_view name);

/// A value that HTTP/1 could not misread.
bool is_safe_value(std::string_view value);

/// None of them belongs to a connection (RFC 9113 §8.2.2).
bool may_all_stand(const Headers& headers);

/// Belongs to one HTTP/1.1 connection, so HTTP/2 must not have it (RFC 9113 §8.2.2).
bool is_connection_field(const Field& field);

}  // namespace weir::http
