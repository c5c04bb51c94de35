// SPDX-License-Identifier: Apache-2.0
#include "proxy/metrics.h"

#include <weir/protocol.h>
#include <weir/version.h>

#include "base/text.h"
#include "http/h2_limits.h"
#include "proxy/metric_families.h"
#include "shm/generation.h"
#include "shm/log_ring.h"
#include "shm/lost_lines.h"
#include "shm/quarantine.h"
#include "shm/worker_state.h"
#include "tls/failure.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <utility>

namespace weir::proxy {

using shm::Count;
using shm::Tally;

namespace {

using Of = MetricFamily::Of;
using Value = MetricFamily::Value;

constexpr std::string_view classes[] = {R"(class="none")", R"(class="1xx")", R"(class="2xx")",
                                        R"(class="3xx")",  R"(class="4xx")", R"(class="5xx")"};

// Of streams on connections to servers.
constexpr std::string_view resetters[] = {R"(by="server")", R"(by="weir")"};

constexpr std::string_view check_results[] = {R"(result="passed")", R"(result="failed")",
                                              R"(result="inconclusive")"};

/// Counts that stand one after the other in shared memory, and the label that tells them apart.
struct Counts {
  Value value;
  std::string_view label;
  std::size_t count;
  std::string_view (*name)(std::size_t nth);
};
constexpr std::string_view versions[] = {"TLSv1.2", "TLSv1.3"};
constexpr std::string_view senders[] = {"client", "weir"};
constexpr std::string_view statuses[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
constexpr Counts counts[] = {
    {Value::CountByClass, "class", std::size(statuses),
     [](std::size_t nth) { return statuses[nth]; }},
    {Value::CountByProtocol, "protocol", alpn_tokens.size(),
     [](std::size_t nth) { return alpn_tokens[nth]; }},
    {Value::CountByVersion, "version", std::size(versions),
     [](std::size_t nth) { return versions[nth]; }},
    {Value::CountByAbuse, "kind", static_cast<std::size_t>(http::H2Abuse::Count),
     [](std::size_t nth) { return http::name_of(static_cast<http::H2Abuse>(nth)); }},
    {Value::CountBySender, "by", std::size(senders), [](std::size_t nth) { return senders[nth]; }},
    // There is no count of those that did not fail.
    {Value::CountByReason, "reason", static_cast<std::size_t>(tls::Failure::Count) - 1,
     [](std::size_t nth) { return tls::name_of(static_cast<tls::Failure>(nth + 1)); }}};

struct UseLabel {
  shm::Use use;
  std::string_view label;
};
constexpr UseLabel uses[] = {{shm::Use::Up, R"(use="up")"},
                             {shm::Use::HalfOpen, R"(use="half-open")"},
                             {shm::Use::Starting, R"(use="starting")"},
                             {shm::Use::Drain, R"(use="drain")"},
                             {shm::Use::Down, R"(use="down")"}};

struct Bound {
  std::uint64_t us;
  std::string_view label;
};
constexpr Bound bounds[] = {
    {1'000, R"(le="0.001")"},   {2'500, R"(le="0.0025")"},  {5'000, R"(le="0.005")"},
    {10'000, R"(le="0.01")"},   {25'000, R"(le="0.025")"},  {50'000, R"(le="0.05")"},
    {100'000, R"(le="0.1")"},   {250'000, R"(le="0.25")"},  {500'000, R"(le="0.5")"},
    {1'000'000, R"(le="1")"},   {2'500'000, R"(le="2.5")"}, {5'000'000, R"(le="5")"},
    {10'000'000, R"(le="10")"}, {30'000'000, R"(le="30")"}, {60'000'000, R"(le="60")"}};

// The same for servers: 2 to the 10th, 12th, ... microseconds.
constexpr Bound coarse_bounds[] = {
    {1 << 10, R"(le="0.001024")"}, {1 << 12, R"(le="0.004096")"},  {1 << 14, R"(le="0.016384")"},
    {1 << 16, R"(le="0.065536")"}, {1 << 18, R"(le="0.262144")"},  {1 << 20, R"(le="1.048576")"},
    {1 << 22, R"(le="4.194304")"}, {1 << 24, R"(le="16.777216")"}, {1 << 26, R"(le="67.108864")"}};

// A piece is complete when it has so many bytes: the samples of one thing fit in what is left of 64 KiB.
constexpr std::size_t piece = 52 * 1024;

shm::Of counted(Of of) {
  constexpr shm::Of kinds[] = {shm::Of::Listener, shm::Of::Route, shm::Of::Backend,
                               shm::Of::Server};
  return kinds[static_cast<std::size_t>(of) - static_cast<std::size_t>(Of::Listener)];
}

void append_header(std::string& out, const MetricFamily& family) {
  out.append("# HELP ").append(family.name).append(" ").append(family.help);
  out.append("\n# TYPE ").append(family.name).append(" ");
  out.append(type_name(family)).append("\n");
}

void append_label(std::string& labels, std::string_view name, std::string_view value) {
  if (!labels.empty()) labels += ',';
  labels.append(name).append("=\"");
  for (const char c : value) {
    if (c == '\\' || c == '"') labels += '\\';
    if (c == '\n')
      labels += "\\n";
    else
      labels += c;
  }
  labels += '"';
}

void append_value(std::string& out, std::uint64_t value) {
  append_number(out, value);
  out += '\n';
}

// Exact, where a floating point number would lose microseconds after some years.
void append_seconds(std::string& out, std::uint64_t us) {
  append_number(out, us / 1'000'000);
  std::uint64_t rest = us % 1'000'000;
  if (rest != 0) out += '.';
  for (std::uint64_t place = 100'000; rest != 0; rest %= place, place /= 10)
    out += static_cast<char>('0' + rest / place);
  out += '\n';
}

template <std::size_t size>
std::string_view text_of(const char (&field)[size]) {
  return {field, ::strnlen(field, size)};
}

}  // namespace

Metrics::Metrics(MetricNames names, const shm::Segment& segment)
    : names_(std::move(names)),
      segment_(segment),
      counters_(segment, 0),
      in_flight_(segment, 0),
      shared_connections_(segment, 0),
      queues_(segment, 0),
      server_counts_(segment),
      servers_(segment) {
  for (const MetricNames::Backend& each : names_.backends) {
    if (each.number >= backends_.size()) backends_.resize(each.number + 1);
    backends_[each.number] = each;
  }
}

void Metrics::restart() { family_ = element_ = 0; }

bool Metrics::next(std::string& out) {
  const std::size_t enough = out.size() + piece;
  for (; family_ < metric_families().size(); ++family_, element_ = 0) {
    const MetricFamily& family = metric_families()[family_];
    if (element_ == 0) append_header(out, family);
    while (element_ < count(family)) {
      append(out, family, element_++);
      if (out.size() >= enough) return true;
    }
  }
  return false;
}

/// How many there are of what the family tells of.
std::uint32_t Metrics::count(const MetricFamily& family) const {
  std::size_t count = 1;
  switch (family.of) {
    case Of::Weir: break;
    case Of::Certificate: count = names_.certificates.size(); break;
    case Of::Worker: return segment_.workers();
    case Of::Listener: count = names_.listeners.size(); break;
    case Of::Route: count = names_.routes.size(); break;
    case Of::Backend: count = names_.backends.size(); break;
    case Of::Server: return servers_.used();
  }
  return static_cast<std::uint32_t>(count);
}

MetricNames::Backend Metrics::backend(std::uint32_t number) const {
  return number < backends_.size() ? backends_[number] : MetricNames::Backend();
}

/// All samples of a family for one thing; `at`: where that stands in the configuration.
void Metrics::append(std::string& out, const MetricFamily& family, std::uint32_t at) {
  labels_.clear();
  switch (family.of) {
    case Of::Weir: return append_of_weir(out, family);
    case Of::Certificate:
      append_label(labels_, "certificate", names_.certificates[at].path);
      begin_sample(out, family.name);
      out += std::to_string(names_.certificates[at].not_after) + '\n';
      return;
    case Of::Worker:
      append_label(labels_, "worker", std::to_string(at));
      return append_of_worker(out, family, at);
    case Of::Route:
      if (counters_.sum(shm::Of::Route, names_.routes[at].number, Tally::Requests) == 0) return;
      append_label(labels_, "listener", names_.routes[at].listener);
      append_label(labels_, "route", names_.routes[at].name);
      return append_tallies(out, family, names_.routes[at].number);
    case Of::Listener:
      append_label(labels_, "listener", names_.listeners[at].name);
      return append_tallies(out, family, names_.listeners[at].number);
    case Of::Backend:
      append_label(labels_, "backend", names_.backends[at].name);
      return append_tallies(out, family, names_.backends[at].number);
    case Of::Server: return append_of_server(out, family, at);
  }
}

void Metrics::append_of_weir(std::string& out, const MetricFamily& family) {
  static constexpr Pair results = {"ok", "refused"}, logs = {"access", "error"},
                        processes = {"control", "master"};
  const shm::Generation generation(segment_);
  const shm::LostLines lost(segment_);
  const auto dropped = [this](std::uint32_t ring) {
    return shm::LogRing(segment_, ring).dropped();
  };
  const auto started = static_cast<std::uint64_t>(segment_.layout().started_us);
  const shm::Generation::Reloads reloads = generation.reloads();
  if (family.value == Value::ReloadsByResult)
    return append_pair(out, family, results, reloads.done, reloads.refused);
  if (family.value == Value::LinesLostByLog)
    return append_pair(out, family, logs, lost.get(shm::LostLines::Of::Access),
                       lost.get(shm::LostLines::Of::Error));
  if (family.value == Value::LinesDroppedByRole)
    return append_pair(out, family, processes, dropped(shm::RingOf::control),
                       dropped(shm::RingOf::master));
  if (family.value == Value::Version) append_label(labels_, "version", version);
  begin_sample(out, family.name);
  switch (family.value) {
    case Value::StartTime: return append_seconds(out, started);
    case Value::ReloadTime:
      return append_seconds(
          out, reloads.last_done_us ? static_cast<std::uint64_t>(reloads.last_done_us) : started);
    case Value::ReloadDone: return append_value(out, reloads.last_done);
    case Value::Generation:
      return append_value(out, std::max<std::uint64_t>(generation.committed(), 1));
    case Value::Quarantined: return append_value(out, shm::Quarantine(segment_).size());
    default: return append_value(out, 1);  // the version
  }
}

void Metrics::append_pair(std::string& out, const MetricFamily& family, const Pair& names,
                          std::uint64_t first, std::uint64_t second) const {
  for (std::size_t i = 0; i < 2; ++i) {
    begin_sample(out, family.name, {}, concat(label_of(family.value), "=\"", names[i], "\""));
    append_value(out, i == 0 ? first : second);
  }
}

void Metrics::append_of_worker(std::string& out, const MetricFamily& family, std::uint32_t worker) {
  const shm::WorkerState state(segment_, worker);
  const auto counted = [&](std::size_t nth) {
    return state.get(static_cast<Count>(family.which + nth));
  };
  for (const Counts& each : counts)
    for (std::size_t i = 0; each.value == family.value && i < each.count; ++i) {
      begin_sample(out, family.name, {}, concat(each.label, "=\"", each.name(i), "\""));
      append_value(out, counted(i));
    }
  if (family.value == Value::Count) {
    begin_sample(out, family.name);
    append_value(out, counted(0));
  } else if (family.value == Value::Seconds || family.value == Value::LongestCall) {
    if (family.value == Value::LongestCall) append_label(labels_, "call", state.call_name());
    begin_sample(out, family.name);
    append_seconds(out, counted(0));
  } else if (family.value == Value::LinesDropped) {
    begin_sample(out, family.name);
    append_value(out, shm::LogRing(segment_, shm::RingOf::worker(worker)).dropped());
  }
}

void Metrics::append_of_server(std::string& out, const MetricFamily& family, std::uint32_t slot) {
  const shm::ServerRow row = servers_.row(slot);
  const MetricNames::Backend known = backend(row.backend);
  if (row.use == shm::Use::Free || known.name.empty()) return;
  const bool is_h2 = family.value == Value::H2 || family.value == Value::H2BySender;
  if (is_h2 && !known.may_speak_h2) return;
  if (family.value == Value::Pipeline && !known.has_pipeline) return;
  if (family.value == Value::ChecksByResult && !known.has_check) return;
  if (family.value == Value::Ejections && !known.has_outlier) return;
  append_label(labels_, "backend", known.name);
  append_label(labels_, "server", text_of(row.name));
  if (family.value < Value::InFlight) return append_tallies(out, family, slot);
  if (is_h2 || family.value == Value::Pipeline) return append_shared(out, family, slot);
  if (family.value >= Value::ChecksByResult) return append_of_control(out, family, slot);
  if (family.value == Value::Use) {
    for (const auto& [use, label] : uses) {
      begin_sample(out, family.name, {}, label);
      append_value(out, row.use == use ? 1 : 0);
    }
    return;
  }
  const bool up = row.use == shm::Use::Up || row.use == shm::Use::HalfOpen;
  begin_sample(out, family.name);
  append_value(out, family.value == Value::InFlight    ? in_flight_.load(slot)
                    : family.value == Value::Weight    ? row.weight
                    : family.value == Value::Addresses ? row.addresses.count
                                                       : std::uint64_t{up});
}

void Metrics::append_of_control(std::string& out, const MetricFamily& family,
                                std::uint32_t slot) const {
  const bool by_result = family.value == Value::ChecksByResult;
  for (std::uint32_t i = 0; i < (by_result ? std::size(check_results) : 1); ++i) {
    begin_sample(out, family.name, {}, by_result ? check_results[i] : std::string_view());
    append_value(out, server_counts_.get(slot, shm::ServerCount{family.which + i}));
  }
}

void Metrics::append_shared(std::string& out, const MetricFamily& family,
                            std::uint32_t slot) const {
  const bool by_sender = family.value == Value::H2BySender;
  for (std::uint32_t i = 0; i < (by_sender ? std::size(resetters) : 1); ++i) {
    begin_sample(out, family.name, {}, by_sender ? resetters[i] : std::string_view());
    append_value(out, shared_connections_.sum(slot, shm::SharedCount{family.which + i}));
  }
}

void Metrics::append_tallies(std::string& out, const MetricFamily& family,
                             std::uint32_t number) const {
  if (family.value == Value::Durations) return append_durations(out, family, number);
  if (family.value == Value::QueueLength) {
    begin_sample(out, family.name);
    return append_value(out, queues_.sum(number));
  }
  const bool by_class = family.value == Value::TallyByClass;
  for (std::uint32_t i = 0; i < (by_class ? std::size(classes) : 1); ++i) {
    begin_sample(out, family.name, {}, by_class ? classes[i] : std::string_view());
    append_value(out, counters_.sum(counted(family.of), number, Tally{family.which + i}));
  }
}

// Of servers only powers of two are known, and only of those that have had a request.
void Metrics::append_server_durations(std::string& out, const MetricFamily& family,
                                      std::uint32_t slot) const {
  const shm::CoarseLatencies latencies = counters_.server_latencies(slot);
  if (latencies.total == 0) return;
  std::uint64_t below = 0;
  std::size_t next = 0;
  for (const auto& [us, label] : coarse_bounds) {
    for (; (std::uint64_t{1} << next) <= us; ++next) below += latencies.bucket[next];
    begin_sample(out, family.name, "_bucket", label);
    append_value(out, below);
  }
  begin_sample(out, family.name, "_bucket", R"(le="+Inf")");
  append_value(out, latencies.total);
  begin_sample(out, family.name, "_sum");
  append_seconds(out, counters_.sum(shm::Of::Server, slot, Tally{family.which}));
  begin_sample(out, family.name, "_count");
  append_value(out, latencies.total);
}

void Metrics::append_durations(std::string& out, const MetricFamily& family,
                               std::uint32_t number) const {
  if (family.of == Of::Server) return append_server_durations(out, family, number);
  const shm::Latencies latencies = counters_.latencies(counted(family.of), number);
  std::uint64_t below = 0;
  std::size_t next = 0;
  for (const auto& [us, label] : bounds) {
    // A bucket that a bound cuts belongs to the side on which its middle is: at most 1.6 % off.
    while (next < shm::Buckets::count &&
           (shm::Buckets::begin(next) + shm::Buckets::end(next) - 1) / 2 <= us)
      below += latencies.bucket[next++];
    begin_sample(out, family.name, "_bucket", label);
    append_value(out, below);
  }
  begin_sample(out, family.name, "_bucket", R"(le="+Inf")");
  append_value(out, latencies.total);
  begin_sample(out, family.name, "_sum");
  append_seconds(out, counters_.sum(counted(family.of), number, Tally{family.which}));
  begin_sample(out, family.name, "_count");
  append_value(out, latencies.total);
}

/// All of a sample but its value.  `more`: a label besides, as it is.
void Metrics::begin_sample(std::string& out, std::string_view name, std::string_view suffix,
                           std::string_view more) const {
  out.append(name).append(suffix);
  if (labels_.empty() && more.empty()) {
    out += ' ';
    return;
  }
  out.append("{").append(labels_);
  if (!labels_.empty() && !more.empty()) out += ',';
  out.append(more);
  out.append("} ");
}

}  // namespace weir::proxy
