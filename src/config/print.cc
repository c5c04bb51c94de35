// SPDX-License-Identifier: Apache-2.0
#include "config/print.h"

#include "base/text.h"
#include "config/properties.h"
#include "config/quoting.h"
#include "config/statements.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::config {

namespace {

constexpr std::size_t comment_column = 56;

class Printer {
 public:
  explicit Printer(const Config& config) : config_(config) {}

  std::string print() {
    for (const Property& property : properties(config_))
      if (property.name == "access_log")
        access_log();
      else
        statement(property);
    for (const AdminSocket& socket : config_.admin) print(socket);
    for (const Listener& listener : config_.listeners) print(listener);
    for (const Backend& backend : config_.backends) print(backend);
    return std::move(out_);
  }
  std::string print_one(const Listener& listener) {
    print(listener);
    return std::move(out_);
  }
  std::string print_values(const Backend& backend) {
    values(backend);
    return std::move(out_);
  }

 private:
  void line(std::string_view statement, const Place* place) {
    const std::size_t begin = out_.size();
    out_.append(depth_ * 4, ' ').append(statement);
    const std::size_t width = out_.size() - begin;
    out_.append(width < comment_column ? comment_column - width : 1, ' ');
    out_.append("# ").append(place ? place_text(config_, *place) : "default").append("\n");
  }

  void statement(const Property& property) { line(property.text(), property.place); }

  void statements(const Properties& list) {
    for (const Property& property : list) statement(property);
  }

  void open(std::string_view head, const Place& place) {
    line(concat(head, " {"), &place);
    ++depth_;
  }

  void close() {
    --depth_;
    out_.append(depth_ * 4, ' ').append("}\n");
  }

  // A format that is not built in needs a statement of its own.
  void access_log() {
    const LogTarget& log = config_.access_log;
    const bool built_in = has_built_in_format(log);
    if (!built_in) line(concat("log_format effective ", quoted_template(log.format)), &log.place);
    line(concat("access_log ", target_text(log), " format ", built_in ? log.format : "effective",
                buffer_text(log)),
         find_origin(config_.origins, "access_log"));
  }

  void print(const AdminSocket& socket) {
    open(concat("admin ", quoted(socket.at.text)), socket.place);
    statements(properties(socket));
    close();
  }

  void print(const Listener& listener) {
    open(concat("listener ", listener.name), listener.place);
    statements(properties(listener));
    if (listener.tls) print_tls(*listener.tls);
    statements(properties(listener.policies));
    for (const Route& route : listener.routes) print(route);
    close();
  }

  // Matchers stand in the head, the action comes last.
  void print(const Route& route) {
    Properties list = properties(config_, route);
    const Property action = std::move(list.back());
    list.pop_back();
    std::string head = route.named ? concat("route ", route.name) : "route";
    for (const Property& property : list)
      if (property.name.empty()) head += concat(" ", property.value);
    open(head, route.place);
    for (const Property& property : list)
      if (!property.name.empty()) statement(property);
    statements(properties(route.cleared, route.place));
    std::vector<Policy> own;
    std::copy_if(route.policies.begin(), route.policies.end(), std::back_inserter(own),
                 [](const Policy& policy) { return !policy.inherited; });
    statements(properties(own));
    line(action.value, action.place);
    close();
  }

  void values(const Backend& backend) {
    statements(properties(config_, backend));
    statements(properties(backend.cleared, backend.place));
    statements(properties(backend.policies));
  }

  void print(const Backend& backend) {
    open(concat("backend ", backend.name), backend.place);
    values(backend);
    if (backend.check) {
      open(concat("check ", check_text(*backend.check)), backend.check->place);
      statements(properties(*backend.check));
      close();
    }
    if (backend.outlier) {
      open("outlier", backend.outlier->place);
      statements(properties(*backend.outlier));
      close();
    }
    if (backend.pipeline) {
      open(concat("pipeline ", std::to_string(backend.pipeline->connections)),
           backend.pipeline->place);
      statements(properties(*backend.pipeline));
      close();
    }
    if (backend.tls) print_tls(*backend.tls);
    for (const Server& server : backend.servers) print(server);
    close();
  }

  template <typename Tls>
  void print_tls(const Tls& tls) {
    open("tls", tls.place);
    statements(properties(tls));
    close();
  }

  void print(const Server& server) {
    std::string statement = concat("server ", server.name);
    for (const Property& property : properties(server))
      statement += concat(" ", property.name == "address" ? property.value : property.text());
    line(statement, &server.place);
  }

  const Config& config_;
  std::string out_;
  std::size_t depth_ = 0;
};

}  // namespace

std::string place_text(const Config& config, const Place& place) {
  return concat(config.files[place.file], ":", std::to_string(place.line));
}

std::string place_text(const Config& config, const Place* place) {
  return place ? place_text(config, *place) : std::string();
}

std::string print_effective(const Config& config) { return Printer(config).print(); }

std::string print_listener(const Config& config, const Listener& listener) {
  return Printer(config).print_one(listener);
}

std::string print_values(const Config& config, const Backend& backend) {
  return Printer(config).print_values(backend);
}

}  // namespace weir::config
