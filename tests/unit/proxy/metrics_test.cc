// SPDX-License-Identifier: Apache-2.0
//
// The text of the metrics, as a scraper reads it: exact lines, the order that the format demands, pieces.
#include "proxy/metrics.h"

#include <weir/version.h>

#include "base/text.h"
#include "proxy/metric_families.h"
#include "shm/generation.h"
#include "shm/log_ring.h"
#include "shm/lost_lines.h"
#include "shm/queues.h"
#include "shm/server_counts.h"
#include "shm/shared_connections.h"
#include "shm/worker_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

namespace weir::proxy {
namespace {

using shm::Of;
using shm::Tally;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

config::Config make_config(std::uint32_t routes_each = 2) {
  config::Config config;
  for (const char* name : {"web", "a\"b\\c\nd"}) {
    config::Listener& listener = config.listeners.emplace_back();
    listener.name = name;
    listener.number = static_cast<std::uint32_t>(config.listeners.size()) - 1;
    for (std::uint32_t i = 0; i < routes_each; ++i) {
      config::Route& route = listener.routes.emplace_back();
      route.name = "r" + std::to_string(i);
      route.number = listener.number * routes_each + i;
    }
  }
  for (const char* name : {"api", "static"}) {
    config::Backend& backend = config.backends.emplace_back();
    backend.name = name;
    backend.number = static_cast<std::uint32_t>(config.backends.size()) - 1;
  }
  config.backends[0].protocol = config::ServerProtocol::Http2;
  return config;
}

shm::Segment make_segment(const config::Config& config, std::uint32_t servers = 8) {
  auto segment =
      shm::Segment::create({.workers = 2,
                            .servers = servers,
                            .listeners = static_cast<std::uint32_t>(config.listeners.size()),
                            .routes = static_cast<std::uint32_t>(config.listeners.size() *
                                                                 config.listeners[0].routes.size()),
                            .backends = static_cast<std::uint32_t>(config.backends.size())});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

void publish(const shm::Segment& segment, std::uint32_t slot, std::string_view name, shm::Use use,
             std::uint32_t backend = 0) {
  shm::ServerRow row;
  row.backend = backend;
  row.weight = slot + 10;
  row.use = use;
  shm::set_text(row.name, name);
  shm::ServerTable(segment).publish(slot, row, {});
}

std::string whole(Metrics& metrics) {
  std::string text;
  while (metrics.next(text)) continue;
  metrics.restart();
  return text;
}

std::string whole(const config::Config& config, const shm::Segment& segment) {
  Metrics metrics(MetricNames(config), segment);
  return whole(metrics);
}

/// The lines that begin like this.
std::string lines(const std::string& text, std::string_view begin) {
  std::string found;
  for (std::string_view line : split(text, '\n'))
    if (line.starts_with(begin)) found.append(line).append("\n");
  return found;
}

TEST(Metrics, TellOfWorkers) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  shm::WorkerState first(segment, 0), second(segment, 1);
  first.add(shm::Count::Requests, 3);
  second.add(shm::Count::Requests, 4);
  second.set(shm::Count::ClientsOpen, 9);
  second.add(shm::Count::Responses1xx, 1);
  second.add(shm::Count::Responses5xx, 2);
  shm::LogRing ring(segment, shm::RingOf::worker(1));
  for (const std::string line(60'000, 'x'); ring.dropped() < 2;)
    ring.push(shm::LogRing::Kind::Access, line);
  std::string text = whole(config, segment);
  EXPECT_EQ(lines(text, "weir_info"), concat("weir_info{version=\"", version, "\"} 1\n"));
  EXPECT_EQ(lines(text, "weir_worker_requests_total"),
            "weir_worker_requests_total{worker=\"0\"} 3\n"
            "weir_worker_requests_total{worker=\"1\"} 4\n");
  EXPECT_EQ(lines(text, "weir_worker_connections_open{worker=\"1\"}"),
            "weir_worker_connections_open{worker=\"1\"} 9\n");
  EXPECT_EQ(lines(text, "weir_worker_responses_total{worker=\"1\""),
            "weir_worker_responses_total{worker=\"1\",class=\"1xx\"} 1\n"
            "weir_worker_responses_total{worker=\"1\",class=\"2xx\"} 0\n"
            "weir_worker_responses_total{worker=\"1\",class=\"3xx\"} 0\n"
            "weir_worker_responses_total{worker=\"1\",class=\"4xx\"} 0\n"
            "weir_worker_responses_total{worker=\"1\",class=\"5xx\"} 2\n");
  EXPECT_EQ(lines(text, "weir_worker_log_lines_dropped_total"),
            "weir_worker_log_lines_dropped_total{worker=\"0\"} 0\n"
            "weir_worker_log_lines_dropped_total{worker=\"1\"} 2\n");
}

TEST(Metrics, SumWorkersAndEscapeNames) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  shm::Counters first(segment, 0), second(segment, 1);
  first.add(Of::Listener, 1, Tally::Requests, 2);
  second.add(Of::Listener, 1, Tally::Requests, 3);
  second.add(Of::Listener, 1, Tally::NoStatus, 1);
  second.add(Of::Listener, 1, Tally::Status4xx, 4);
  first.add(Of::Listener, 0, Tally::BytesIn, 1'000'000'000'000);
  first.add(Of::Backend, 1, Tally::ConnectErrors, 6);
  std::string text = whole(config, segment);
  EXPECT_EQ(lines(text, "weir_listener_requests_total"),
            "weir_listener_requests_total{listener=\"web\"} 0\n"
            "weir_listener_requests_total{listener=\"a\\\"b\\\\c\\nd\"} 5\n");
  EXPECT_EQ(lines(text, "weir_listener_responses_total{listener=\"a"),
            "weir_listener_responses_total{listener=\"a\\\"b\\\\c\\nd\",class=\"none\"} 1\n"
            "weir_listener_responses_total{listener=\"a\\\"b\\\\c\\nd\",class=\"1xx\"} 0\n"
            "weir_listener_responses_total{listener=\"a\\\"b\\\\c\\nd\",class=\"2xx\"} 0\n"
            "weir_listener_responses_total{listener=\"a\\\"b\\\\c\\nd\",class=\"3xx\"} 0\n"
            "weir_listener_responses_total{listener=\"a\\\"b\\\\c\\nd\",class=\"4xx\"} 4\n"
            "weir_listener_responses_total{listener=\"a\\\"b\\\\c\\nd\",class=\"5xx\"} 0\n");
  EXPECT_THAT(text, HasSubstr("\nweir_listener_received_bytes_total{listener=\"web\"} "
                              "1000000000000\n"));
  EXPECT_EQ(lines(text, "weir_backend_connect_errors_total"),
            "weir_backend_connect_errors_total{backend=\"api\"} 0\n"
            "weir_backend_connect_errors_total{backend=\"static\"} 6\n");
}

TEST(Metrics, TellOfRoutesThatHadARequest) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  EXPECT_EQ(lines(whole(config, segment), "weir_route_"), "");
  // Routes are numbered over all listeners: the third is the first one of the second listener.
  shm::Counters(segment, 1).add(Of::Route, 2, Tally::Requests, 1);
  shm::Counters(segment, 1).add(Of::Route, 2, Tally::BytesOut, 77);
  std::string text = whole(config, segment);
  EXPECT_EQ(lines(text, "weir_route_requests_total"),
            "weir_route_requests_total{listener=\"a\\\"b\\\\c\\nd\",route=\"r0\"} 1\n");
  EXPECT_EQ(lines(text, "weir_route_sent_bytes_total"),
            "weir_route_sent_bytes_total{listener=\"a\\\"b\\\\c\\nd\",route=\"r0\"} 77\n");
  EXPECT_THAT(lines(text, "weir_route_"), Not(HasSubstr("web")));
}

TEST(Metrics, CumulateDurations) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  std::uint64_t sum = 0;
  for (std::uint64_t us : {0, 900, 1'100, 2'400, 4'000, 300'000, 59'000'000, 70'000'000}) {
    shm::Counters mine(segment, us % 3 == 0 ? 0 : 1);
    mine.add(Of::Backend, 0, shm::Finished(2, false, 0, 0, us));
    sum += us;
  }
  ASSERT_EQ(sum, 129'308'400U);
  std::string expected;
  for (const auto& [bound, count] :
       std::initializer_list<std::pair<const char*, const char*>>{{"0.001", "2"},
                                                                  {"0.0025", "4"},
                                                                  {"0.005", "5"},
                                                                  {"0.01", "5"},
                                                                  {"0.025", "5"},
                                                                  {"0.05", "5"},
                                                                  {"0.1", "5"},
                                                                  {"0.25", "5"},
                                                                  {"0.5", "6"},
                                                                  {"1", "6"},
                                                                  {"2.5", "6"},
                                                                  {"5", "6"},
                                                                  {"10", "6"},
                                                                  {"30", "6"},
                                                                  {"60", "7"},
                                                                  {"+Inf", "8"}})
    expected += concat("weir_backend_request_duration_seconds_bucket{backend=\"api\",le=\"", bound,
                       "\"} ", count, "\n");
  expected += "weir_backend_request_duration_seconds_sum{backend=\"api\"} 129.3084\n";
  expected += "weir_backend_request_duration_seconds_count{backend=\"api\"} 8\n";
  std::string text = whole(config, segment);
  std::string samples = lines(text, "weir_backend_request_duration_seconds");
  EXPECT_EQ(samples.substr(0, expected.size()), expected);
  EXPECT_EQ(lines(samples, "weir_backend_request_duration_seconds_sum{backend=\"static\"}"),
            "weir_backend_request_duration_seconds_sum{backend=\"static\"} 0\n");
}

TEST(Metrics, TellOfServers) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  publish(segment, 0, "s0", shm::Use::Up);
  publish(segment, 1, "gone", shm::Use::Free);
  publish(segment, 2, "s2", shm::Use::HalfOpen, 1);
  publish(segment, 3, "s3", shm::Use::Drain, 1);
  publish(segment, 4, "s4", shm::Use::Down, 1);
  publish(segment, 5, "unknown", shm::Use::Up, 99);
  shm::InFlight(segment, 0).add(2);
  shm::InFlight(segment, 1).add(2);
  shm::Counters(segment, 1).add(Of::Server, 3, Tally::Attempts, 5);
  std::string text = whole(config, segment);
  EXPECT_EQ(lines(text, "weir_server_up"),
            "weir_server_up{backend=\"api\",server=\"s0\"} 1\n"
            "weir_server_up{backend=\"static\",server=\"s2\"} 1\n"
            "weir_server_up{backend=\"static\",server=\"s3\"} 0\n"
            "weir_server_up{backend=\"static\",server=\"s4\"} 0\n");
  EXPECT_EQ(lines(text, "weir_server_weight{backend=\"static\",server=\"s3\"}"),
            "weir_server_weight{backend=\"static\",server=\"s3\"} 13\n");
  EXPECT_EQ(lines(text, "weir_server_attempts_total{backend=\"static\",server=\"s3\"}"),
            "weir_server_attempts_total{backend=\"static\",server=\"s3\"} 5\n");
  EXPECT_EQ(lines(text, "weir_server_requests_in_flight{backend=\"static\",server=\"s2\"}"),
            "weir_server_requests_in_flight{backend=\"static\",server=\"s2\"} 2\n");
  EXPECT_EQ(lines(text, "weir_server_use{backend=\"static\",server=\"s3\""),
            "weir_server_use{backend=\"static\",server=\"s3\",use=\"up\"} 0\n"
            "weir_server_use{backend=\"static\",server=\"s3\",use=\"half-open\"} 0\n"
            "weir_server_use{backend=\"static\",server=\"s3\",use=\"starting\"} 0\n"
            "weir_server_use{backend=\"static\",server=\"s3\",use=\"drain\"} 1\n"
            "weir_server_use{backend=\"static\",server=\"s3\",use=\"down\"} 0\n");
  EXPECT_THAT(text, AllOf(Not(HasSubstr("gone")), Not(HasSubstr("unknown"))));
}

TEST(Metrics, TellOfConnectionsToServersThatMaySpeakHttp2) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  publish(segment, 0, "s0", shm::Use::Up);
  publish(segment, 1, "s1", shm::Use::Up, 1);
  shm::SharedConnections(segment, 0).add(0, shm::SharedCount::Connections, 3);
  shm::SharedConnections(segment, 1).add(0, shm::SharedCount::Connections, 4);
  shm::SharedConnections(segment, 1).add(0, shm::SharedCount::ResetsByUs, 5);
  const std::string text = whole(config, segment);
  EXPECT_EQ(lines(text, "weir_server_http2_connections_open"),
            "weir_server_http2_connections_open{backend=\"api\",server=\"s0\"} 7\n");
  EXPECT_EQ(lines(text, "weir_server_http2_resets_total"),
            "weir_server_http2_resets_total{backend=\"api\",server=\"s0\",by=\"server\"} 0\n"
            "weir_server_http2_resets_total{backend=\"api\",server=\"s0\",by=\"weir\"} 5\n");
}

TEST(Metrics, TellOfTheProcessAndItsReloads) {
  config::Config config = make_config();
  auto segment = shm::Segment::create({.workers = 2, .started_us = 1'795'226'400'500'000});
  ASSERT_TRUE(segment);
  const auto told = [&](std::string_view name) { return lines(whole(config, *segment), name); };
  EXPECT_EQ(told("weir_start_time_seconds"), "weir_start_time_seconds 1795226400.5\n");
  // What was loaded at the start counts as loaded.
  EXPECT_EQ(told("weir_config_last_reload_successful"), "weir_config_last_reload_successful 1\n");
  EXPECT_EQ(told("weir_config_last_reload_success_timestamp_seconds"),
            "weir_config_last_reload_success_timestamp_seconds 1795226400.5\n");
  EXPECT_EQ(told("weir_config_generation"), "weir_config_generation 1\n");
  shm::Generation generation(*segment);
  generation.note_reload(true, 1'795'226'500'000'000);
  generation.commit(2);
  generation.note_reload(false, 1'795'226'600'000'000);
  generation.note_reload(false, 1'795'226'700'000'000);
  EXPECT_EQ(told("weir_config_last_reload_successful"), "weir_config_last_reload_successful 0\n");
  EXPECT_EQ(told("weir_config_last_reload_success_timestamp_seconds"),
            "weir_config_last_reload_success_timestamp_seconds 1795226500\n");
  EXPECT_EQ(told("weir_config_generation"), "weir_config_generation 2\n");
  EXPECT_EQ(told("weir_config_reloads_total"),
            "weir_config_reloads_total{result=\"ok\"} 1\n"
            "weir_config_reloads_total{result=\"refused\"} 2\n");
  generation.note_reload(true, 1'795'226'800'000'000);
  EXPECT_EQ(told("weir_config_last_reload_successful"), "weir_config_last_reload_successful 1\n");
}

TEST(Metrics, TellOfLinesThatWereLost) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  shm::LostLines lost(segment);
  lost.add(shm::LostLines::Of::Access, 3);
  lost.add(shm::LostLines::Of::Error, 2);
  lost.add(shm::LostLines::Of::Access, 4);
  shm::LogRing ring(segment, shm::RingOf::master);
  for (const std::string line(60'000, 'x'); ring.dropped() < 1;)
    ring.push(shm::LogRing::Kind::Error, line);
  const std::string text = whole(config, segment);
  EXPECT_EQ(lines(text, "weir_log_lines_lost_total"),
            "weir_log_lines_lost_total{log=\"access\"} 7\n"
            "weir_log_lines_lost_total{log=\"error\"} 2\n");
  EXPECT_EQ(lines(text, "weir_log_lines_dropped_total"),
            "weir_log_lines_dropped_total{process=\"control\"} 0\n"
            "weir_log_lines_dropped_total{process=\"master\"} 1\n");
}

TEST(Metrics, TellOfCertificates) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  const tls::CertificateEnd ends[] = {{"/etc/a \"b\".pem", 1'800'000'000}, {"c.pem", -5}};
  Metrics metrics(MetricNames(config, ends), segment);
  EXPECT_EQ(lines(whole(metrics), "weir_certificate_expiry_timestamp_seconds"),
            "weir_certificate_expiry_timestamp_seconds{certificate=\"/etc/a \\\"b\\\".pem\"} "
            "1800000000\n"
            "weir_certificate_expiry_timestamp_seconds{certificate=\"c.pem\"} -5\n");
}

TEST(Metrics, TellOfQueues) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  shm::Queues first(segment, 0), second(segment, 1);
  first.set(1, 3);
  second.set(1, 4);
  second.set(0, 1);
  second.set(0, 0);
  shm::Counters(segment, 1).add(Of::Backend, 1, Tally::Queued, 9);
  const auto told = [&](std::string_view name) { return lines(whole(config, segment), name); };
  EXPECT_EQ(told("weir_backend_queue_length"),
            "weir_backend_queue_length{backend=\"api\"} 0\n"
            "weir_backend_queue_length{backend=\"static\"} 7\n");
  EXPECT_EQ(told("weir_backend_queued_requests_total{backend=\"static\"}"),
            "weir_backend_queued_requests_total{backend=\"static\"} 9\n");
  first.clear_worker(1);  // the second worker has died
  EXPECT_EQ(told("weir_backend_queue_length{backend=\"static\"}"),
            "weir_backend_queue_length{backend=\"static\"} 3\n");
}

TEST(Metrics, TellOfChecksAndEjectionsWhereThereAreSuch) {
  config::Config config = make_config();
  config.backends[0].check.emplace();
  config.backends[0].outlier.emplace();
  shm::Segment segment = make_segment(config);
  publish(segment, 0, "s0", shm::Use::Up);
  publish(segment, 1, "s1", shm::Use::Up, 1);
  shm::ServerCounts counts(segment);
  for (std::uint32_t slot : {0U, 1U}) {
    counts.add(slot, shm::ServerCount::ChecksFailed);
    counts.add(slot, shm::ServerCount::ChecksFailed);
    counts.add(slot, shm::ServerCount::ChecksPassed);
    counts.add(slot, shm::ServerCount::Ejections);
  }
  const auto told = [&](std::string_view name) { return lines(whole(config, segment), name); };
  EXPECT_EQ(told("weir_server_checks_total"),
            "weir_server_checks_total{backend=\"api\",server=\"s0\",result=\"passed\"} 1\n"
            "weir_server_checks_total{backend=\"api\",server=\"s0\",result=\"failed\"} 2\n"
            "weir_server_checks_total{backend=\"api\",server=\"s0\",result=\"inconclusive\"} 0\n");
  EXPECT_EQ(told("weir_server_ejections_total"),
            "weir_server_ejections_total{backend=\"api\",server=\"s0\"} 1\n");
  counts.forget(0);  // the slot is another server's now
  EXPECT_EQ(told("weir_server_ejections_total"),
            "weir_server_ejections_total{backend=\"api\",server=\"s0\"} 0\n");
}

// Fills every kind of thing with something.
void count_all(const shm::Segment& segment) {
  for (std::uint32_t worker : {0U, 1U}) {
    shm::Counters mine(segment, worker);
    for (Of kind : {Of::Listener, Of::Route, Of::Backend, Of::Server})
      for (std::uint32_t number = 0; number < mine.size(kind); ++number) {
        mine.add(kind, number, Tally::Requests, number);
        mine.add(kind, number, shm::Finished(2, false, 0, 0, number * 1000));
      }
  }
}

TEST(Metrics, KeepFamiliesTogetherAndDeclareThemOnce) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  count_all(segment);
  publish(segment, 0, "s", shm::Use::Up);
  config.backends[0].check.emplace();
  config.backends[0].outlier.emplace();
  config.backends[0].pipeline.emplace();
  const tls::CertificateEnd ends[] = {{"a.pem", 1}};
  Metrics metrics(MetricNames(config, ends), segment);
  std::string text = whole(metrics);
  ASSERT_TRUE(text.ends_with("\n"));
  text.pop_back();
  std::set<std::string> declared;
  std::map<std::string, int> samples;
  std::string family, type;
  for (std::string_view line : split(text, '\n')) {
    if (line.starts_with("# HELP ")) {
      family = std::string(split(line, ' ')[2]);
      type.clear();
      EXPECT_TRUE(declared.insert(family).second) << family << " twice";
      EXPECT_GT(line.size(), family.size() + 10) << family << " says nothing";
      samples[family] = 0;
    } else if (line.starts_with("# TYPE ")) {
      ASSERT_EQ(split(line, ' ').size(), 4U);
      EXPECT_EQ(split(line, ' ')[2], family);
      type = std::string(split(line, ' ')[3]);
      EXPECT_EQ(type == "counter", family.ends_with("_total")) << family;
    } else {
      std::string_view name = line.substr(0, line.find_first_of("{ "));
      ASSERT_TRUE(name.starts_with(family)) << line;
      std::string_view suffix = name.substr(family.size());
      EXPECT_EQ(suffix.empty(), type != "histogram") << line;
      EXPECT_THAT(suffix, testing::AnyOf("", "_bucket", "_sum", "_count")) << line;
      bool has_labels = line.find('{') != line.npos;
      EXPECT_TRUE(is_digit(line.back()) && line.find(has_labels ? "} " : " ") != line.npos) << line;
      ++samples[family];
    }
  }
  for (const auto& [name, count] : samples) EXPECT_GT(count, 0) << name;
}

TEST(Metrics, OfManyServersComeInPieces) {
  constexpr std::uint32_t servers = 3000;
  config::Config config = make_config(400);
  for (config::Listener& listener : config.listeners) listener.name = std::string(128, 'l');
  config.listeners[1].name.back() = 'm';
  for (std::uint32_t i = 0; i < 400; ++i) {
    std::string name(128, static_cast<char>('a' + i % 26));
    for (config::Listener& listener : config.listeners)
      listener.routes[i].name = name.replace(0, 3, std::to_string(100 + i));
  }
  shm::Segment segment = make_segment(config, servers);
  count_all(segment);
  for (std::uint32_t slot = 0; slot < servers; ++slot)
    publish(segment, slot, concat(std::string(120, 's'), std::to_string(slot)), shm::Use::Up);
  Metrics metrics(MetricNames(config), segment);
  std::string joined;
  std::size_t pieces = 0;
  for (bool more = true; more; ++pieces) {
    std::string piece;
    more = metrics.next(piece);
    ASSERT_LE(piece.size(), 64U * 1024);
    ASSERT_TRUE(piece.size() > 32U * 1024 || !more);
    joined += piece;
  }
  EXPECT_GT(pieces, 100U);
  std::string nothing;
  EXPECT_FALSE(metrics.next(nothing));
  EXPECT_EQ(nothing, "");
  metrics.restart();
  EXPECT_EQ(whole(metrics), joined);
  for (std::string_view family : {"requests_total", "up", "weight", "connect_errors_total"}) {
    std::string samples = lines(joined, concat("weir_server_", family, "{"));
    EXPECT_EQ(std::count(samples.begin(), samples.end(), '\n'), servers) << family;
  }
  EXPECT_EQ(lines(joined, "# HELP").size(), lines(whole(make_config(), segment), "# HELP").size());
}

TEST(Metrics, LeaveUntouchedMemoryAlone) {
  config::Config config = make_config(500);
  shm::Segment segment = make_segment(config, 10'000);
  shm::Counters(segment, 0).add(Of::Route, 3, Tally::Requests, 1);
  publish(segment, 0, "s", shm::Use::Up);
  whole(config, segment);
  struct stat status;
  ASSERT_EQ(fstat(segment.fd(), &status), 0);
  // The rows of 1000 routes are looked at, 128 bytes for each of two workers; their histograms, 16 MiB,
  // and the 9999 slots that were never used, 30 MiB, are not.
  EXPECT_LT(status.st_blocks * 512, 512 * 1024);
}

TEST(Metrics, ManualListsEachFamily) {
  config::Config config = make_config();
  shm::Segment segment = make_segment(config);
  std::string list = metrics_mdoc(), text = whole(config, segment);
  EXPECT_TRUE(list.starts_with(".Bl -tag -width Ds\n.It "));
  EXPECT_TRUE(list.ends_with("\n.El\n"));
  for (std::string_view line : split(list, '\n')) EXPECT_LE(line.size(), 80U) << line;
  for (std::string_view line : split(text, '\n')) {
    if (!line.starts_with("# HELP ")) continue;
    std::string_view name = split(line, ' ')[2], help = line.substr(8 + name.size());
    EXPECT_THAT(list, HasSubstr(concat("\n.It Li ", name, " Pq ")));
    EXPECT_THAT(list, HasSubstr(concat("\n", help, "\n")));
  }
  EXPECT_THAT(list, HasSubstr("\n.It Li weir_server_responses_total Pq counter by Va backend "
                              "server class\n"));
}

}  // namespace
}  // namespace weir::proxy
