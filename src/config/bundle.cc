// SPDX-License-Identifier: Apache-2.0
#include "config/bundle.h"

#include "base/sha256.h"
#include "base/text.h"

#include <memory>

namespace weir::config {

namespace {

constexpr std::string_view magic = "weir-bundle 2 ";

// Each text is "LENGTH:" and its bytes, each list its length as such a text and then its members.
void put(std::string& out, std::string_view text) {
  append_number(out, text.size());
  out.append(":").append(text);
}

void put_count(std::string& out, std::size_t count) { put(out, std::to_string(count)); }

void put_pairs(std::string& out, const std::map<std::string, std::string, std::less<>>& pairs) {
  put_count(out, pairs.size());
  for (const auto& [name, value] : pairs) put(out, name), put(out, value);
}

std::string body(const Bundle& bundle) {
  std::string out;
  put_count(out, bundle.files.size());
  for (const SourceFile& file : bundle.files) put(out, file.name), put(out, file.text);
  put_count(out, bundle.listings.size());
  for (const auto& [pattern, names] : bundle.listings) {
    put(out, pattern);
    put_count(out, names.size());
    for (const std::string& name : names) put(out, name);
  }
  put_pairs(out, bundle.environment);
  put_pairs(out, bundle.secrets);
  return out;
}

// Takes apart what put() made; once something was wrong, everything is empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view text() {
    const std::size_t colon = rest_.find(':');
    const auto size = to_number<std::size_t>(rest_.substr(0, colon));
    if (colon == std::string_view::npos || !size || *size > rest_.size() - colon - 1) return fail();
    const std::string_view text = rest_.substr(colon + 1, *size);
    rest_.remove_prefix(colon + 1 + *size);
    return text;
  }

  // The length of a list; each member takes at least two bytes, so a lie costs nothing.
  std::size_t count() {
    const auto number = to_number<std::size_t>(text());
    if (!number || *number > rest_.size() / 2) fail();
    return good_ ? *number : 0;
  }

  std::map<std::string, std::string, std::less<>> pairs() {
    std::map<std::string, std::string, std::less<>> all;
    for (std::size_t n = count(); n > 0 && good_; --n) {
      std::string name(text());
      all[std::move(name)] = text();
    }
    return all;
  }

  bool is_good() const { return good_; }
  bool is_done() const { return good_ && rest_.empty(); }

 private:
  std::string_view fail() {
    good_ = false;
    rest_ = {};
    return {};
  }

  std::string_view rest_;
  bool good_ = true;
};

bool read_body(std::string_view bytes, Bundle& bundle) {
  Reader in(bytes);
  for (std::size_t n = in.count(); n > 0 && in.is_good(); --n) {
    std::string name(in.text());
    bundle.files.push_back({std::move(name), std::string(in.text())});
  }
  for (std::size_t n = in.count(); n > 0 && in.is_good(); --n) {
    std::vector<std::string>& names = bundle.listings[std::string(in.text())];
    for (std::size_t m = in.count(); m > 0 && in.is_good(); --m) names.emplace_back(in.text());
  }
  bundle.environment = in.pairs();
  bundle.secrets = in.pairs();
  return in.is_done() && !bundle.files.empty();
}

}  // namespace

std::string hash(const Bundle& bundle) { return sha256_hex(body(bundle)); }

std::string serialise(const Bundle& bundle) {
  const std::string contents = body(bundle);
  return concat(magic, std::to_string(bundle.generation), " ", std::to_string(bundle.cores), " ",
                sha256_hex(contents), "\n", contents);
}

Result<Bundle> parse_bundle(std::string_view bytes) {
  const Error bad(Errc::Invalid, "not a bundle, or a damaged one");
  const std::size_t end = bytes.find('\n');
  if (!bytes.starts_with(magic) || end == std::string_view::npos) return bad;
  const auto head = split(bytes.substr(magic.size(), end - magic.size()), ' ');
  const std::string_view contents = bytes.substr(end + 1);
  if (head.size() != 3 || head[2] != sha256_hex(contents)) return bad;
  const auto generation = to_number(head[0]);
  const auto cores = to_number<std::uint32_t>(head[1]);
  Bundle bundle;
  if (!generation || !cores || !read_body(contents, bundle)) return bad;
  bundle.generation = *generation;
  bundle.cores = *cores;
  return bundle;
}

std::string serialise(const Secrets& secrets) {
  std::string out;
  put_pairs(out, secrets);
  return out;
}

Result<Secrets> parse_secrets(std::string_view bytes) {
  Reader in(bytes);
  Secrets secrets = in.pairs();
  if (!in.is_done()) return Error(Errc::Invalid, "not the secrets of a bundle, or damaged");
  return secrets;
}

FileReader bundle_reader(const Bundle& bundle, const Secrets* secrets) {
  std::map<std::string_view, const SourceFile*> files;
  for (const SourceFile& file : bundle.files) files.emplace(file.name, &file);
  FileReader reader;
  reader.read = [files](const std::string& path) -> Result<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return Error(Errc::NotFound, "is not in the bundle");
    return found->second->text;
  };
  reader.list = [&bundle](const std::string& pattern) {
    const auto found = bundle.listings.find(pattern);
    return found == bundle.listings.end() ? std::vector<std::string>() : found->second;
  };
  reader.environment = [&bundle](std::string_view name) -> std::optional<std::string> {
    const auto found = bundle.environment.find(name);
    if (found == bundle.environment.end()) return std::nullopt;
    return found->second;
  };
  reader.secret = [&bundle, secrets](const std::string& path) -> Result<Secret> {
    const auto found = bundle.secrets.find(path);
    if (found == bundle.secrets.end()) return Error(Errc::NotFound, "is not in the bundle");
    Secret secret{nullptr, found->second};
    const auto known = secrets ? secrets->find(path) : Secrets::const_iterator();
    if (secrets && known != secrets->end())
      secret.text = std::make_shared<const std::string>(known->second);
    return secret;
  };
  reader.cores = bundle.cores;
  return reader;
}

FileReader recording_reader(const FileReader& inner, Bundle& bundle, Secrets& secrets) {
  bundle.cores = inner.cores;
  const auto numbers = std::make_shared<std::map<std::string, std::size_t, std::less<>>>();
  FileReader reader;
  reader.read = [&inner, &bundle, numbers](const std::string& path) -> Result<std::string> {
    if (const auto known = numbers->find(path); known != numbers->end())
      return bundle.files[known->second].text;
    Result<std::string> text = inner.read(path);
    if (!text) return text;
    numbers->emplace(path, bundle.files.size());
    bundle.files.push_back({path, *text});
    return text;
  };
  reader.list = [&inner, &bundle](const std::string& pattern) {
    const auto known = bundle.listings.find(pattern);
    if (known != bundle.listings.end()) return known->second;
    return bundle.listings[pattern] = inner.list(pattern);
  };
  reader.environment = [&inner, &bundle](std::string_view name) {
    std::optional<std::string> value = inner.environment(name);
    if (value) bundle.environment.insert_or_assign(std::string(name), *value);
    return value;
  };
  reader.secret = [&inner, &bundle, &secrets](const std::string& path) -> Result<Secret> {
    if (const auto known = secrets.find(path); known != secrets.end())
      return Secret{std::make_shared<const std::string>(known->second), bundle.secrets[path]};
    Result<Secret> secret = inner.secret(path);
    if (!secret) return secret;
    bundle.secrets[path] = secret->hash;
    if (secret->text) secrets[path] = *secret->text;
    return secret;
  };
  reader.cores = inner.cores;
  return reader;
}

}  // namespace weir::config
