// SPDX-License-Identifier: Apache-2.0
//
// Transaction: commands collected over one connection, carried out together at `commit` or not at all.
//
//   transaction [op-id X] [if-generation G] [if-revision R] [scope backend/NAME]
//
// Compare-and-set is per scope, so two controllers of two backends never conflict.  An op-id that was
// committed once gives its first result again if the commands are the same, and is a conflict if they are not.
#pragma once

#include "admin/command.h"

#include <optional>
#include <string>
#include <vector>

namespace weir::admin {

class Transaction {
 public:
  /// All its commands together may have so many bytes.
  static constexpr std::size_t most_bytes = 1024 * 1024;

  /// Takes the options; fails the reply if one is wrong.
  bool begin(const Fleet& fleet, std::span<const std::string> options, Reply& reply);
  bool is_open() const { return open_; }
  void add(std::vector<std::string> words, Reply& reply);
  void commit(Fleet& fleet, const Caller& caller, bool force, Reply& reply);
  /// The commands in a row, for the audit log; cut if there are very many.
  std::string describe() const;
  void abort() { *this = Transaction(); }

 private:
  std::string digest() const;
  bool is_repeated(const Fleet& fleet, Reply& reply) const;
  bool is_in_conflict(const Fleet& fleet, Reply& reply) const;

  bool open_ = false;
  std::string op_id_;
  std::optional<std::uint64_t> generation_, revision_;
  std::optional<std::uint32_t> scope_;
  std::vector<std::vector<std::string>> commands_;
  std::size_t bytes_ = 0;
};

}  // namespace weir::admin
