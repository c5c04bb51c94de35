// SPDX-License-Identifier: Apache-2.0
#include "admin/transaction.h"

#include "admin/servers.h"
#include "admin/state_log.h"
#include "admin/words.h"
#include "base/sha256.h"
#include "base/text.h"

namespace weir::admin {

bool Transaction::begin(const Fleet& fleet, std::span<const std::string> options, Reply& reply) {
  if (open_) {
    reply.fail("usage", "a transaction is open already; commit or abort it");
    return false;
  }
  Transaction fresh;
  fresh.open_ = true;
  for (std::size_t i = 0; i + 1 < options.size(); i += 2) {
    const std::string &name = options[i], &value = options[i + 1];
    auto number = to_number(value);
    if (name == "op-id" && value.size() <= 128) {
      fresh.op_id_ = value;
    } else if (name == "if-generation" && number) {
      fresh.generation_ = number;
    } else if (name == "if-revision" && number) {
      fresh.revision_ = number;
    } else if (name == "scope" && value.starts_with("backend/")) {
      fresh.scope_ = find_backend(fleet, value.substr(8), reply);
      if (!fresh.scope_) return false;
    } else {
      reply.fail("usage", in_quotes(name + " " + value) + " is no option of a transaction");
      return false;
    }
  }
  if (options.size() % 2 != 0 || (fresh.revision_ && !fresh.scope_)) {
    reply.fail("usage", fresh.revision_ ? "if-revision needs a scope" : "an option has no value");
    return false;
  }
  *this = std::move(fresh);
  return true;
}

void Transaction::add(std::vector<std::string> words, Reply& reply) {
  for (const std::string& word : words) bytes_ += word.size() + 1;
  if (bytes_ > most_bytes) return reply.fail("limit", "the transaction is longer than 1 MiB");
  commands_.push_back(std::move(words));
}

std::string Transaction::describe() const {
  constexpr std::size_t longest = 2000;
  std::string text = op_id_.empty() ? "" : "op-id " + quote(op_id_);
  for (const auto& command : commands_) {
    if (text.size() > longest) return text + "; ...";
    if (!text.empty()) text += ";";
    for (const std::string& word : command) text += (text.empty() ? "" : " ") + quote(word);
  }
  return text;
}

// Half a SHA-256 of the words: enough that two different transactions are never taken for one.
std::string Transaction::digest() const {
  std::string text;
  for (const auto& command : commands_) {
    for (const std::string& word : command) text += concat(std::to_string(word.size()), ":", word);
    text += '\n';
  }
  return sha256_hex(text).substr(0, 32);
}

// True if the reply is made: the first result once more, or a conflict.
bool Transaction::is_repeated(const Fleet& fleet, Reply& reply) const {
  if (op_id_.empty()) return false;
  const OperationResult* first = fleet.daemon.find_result(op_id_);
  if (!first) return false;
  if (first->digest != digest()) {
    reply.fail("conflict", concat("op-id ", quote(op_id_),
                                  " was committed with other commands; nothing is done"));
  } else {
    reply.text = first->text;
    reply.visible_at = fleet.registry.table().changes();
  }
  return true;
}

bool Transaction::is_in_conflict(const Fleet& fleet, Reply& reply) const {
  if (generation_ && *generation_ != fleet.view->generation) {
    reply.fail("conflict", "the generation is " + std::to_string(fleet.view->generation));
    return true;
  }
  if (revision_ && fleet.registry.revision(*scope_) != *revision_) {
    std::string what = "the revision is " + std::to_string(fleet.registry.revision(*scope_));
    const std::string scope = fleet.registry.backend_name(*scope_) + "/";
    for (std::uint64_t seq = fleet.events.last(); seq >= fleet.events.first_kept(); --seq)
      if (auto event = fleet.events.find(seq); event->object.starts_with(scope)) {
        what += "; last: " + event->object + " " + event->type + " by " + event->cause;
        break;
      }
    reply.fail("conflict", what);
    return true;
  }
  return false;
}

void Transaction::commit(Fleet& fleet, const Caller& caller, bool force, Reply& reply) {
  Transaction mine = std::move(*this);
  *this = Transaction();
  if (mine.is_repeated(fleet, reply)) return;
  if (mine.is_in_conflict(fleet, reply)) return;
  upstream::Registry& registry = fleet.registry;
  Guard guard(registry);
  registry.begin();
  for (std::size_t i = 0; i < mine.commands_.size() && reply.is_ok(); ++i) {
    run_command(fleet, caller, mine.commands_[i], false, true, reply);
    if (!reply.is_ok()) reply.text = "command " + std::to_string(i + 1) + ": " + reply.text;
  }
  if (reply.is_ok() && !force)
    if (std::string why = guard.objection(registry); !why.empty())
      reply.fail("refused", why + "; commit force does it all the same");
  if (!reply.is_ok()) return registry.abort();
  registry.commit();
  reply.body.reset();
  reply.text = "committed " + std::to_string(mine.commands_.size());
  if (mine.scope_) reply.text += " revision " + std::to_string(registry.revision(*mine.scope_));
  reply.visible_at = registry.table().changes();
  if (!mine.op_id_.empty()) fleet.daemon.keep_result(mine.op_id_, {reply.text, mine.digest()});
}

}  // namespace weir::admin
