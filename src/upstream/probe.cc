// SPDX-License-Identifier: Apache-2.0
//
// A verdict is found inside the codec's events and acted upon when the codec has returned, with all that
// came in the same read.
#include "upstream/probe.h"

#include <weir/version.h>

#include "base/text.h"
#include "config/units.h"
#include "event/errand.h"
#include "http/grpc_health.h"
#include "http/message.h"

#include <errno.h>
#include <string.h>

#include <algorithm>

namespace weir::upstream {

namespace {

// Bytes of an unexpected body that are shown.
constexpr std::size_t most_shown = 60;

// What failed is ours, not the server's: no descriptors, memory or ports are left.
bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
         error == EADDRNOTAVAIL;
}

std::string words(int error) {
  // A Unix socket says so at once where TCP would just not answer.
  if (error == EAGAIN) return "connection queue full";
  return to_lower(strerror(error));
}

std::string in_words(http::Failure failure) {
  switch (failure) {
    case http::Failure::ServerClosed: return "closed without an answer";
    case http::Failure::ResponseTruncated: return "answer cut short";
    default: return concat("bad answer: ", http::traits(failure).name);
  }
}

}  // namespace

namespace {

// The texts are those of `check`, or in `arena`.
RequestHead request_head(const config::Check& check, const net::Address& address,
                         std::string_view host, Arena& arena) {
  RequestHead head;
  const bool is_call = check.kind == config::Check::Kind::Grpc;
  head.method_text = is_call ? "POST" : std::string_view(check.method);
  head.method = http::method_from(head.method_text);
  head.forward_path = head.target = is_call ? http::grpc_health_path : std::string_view(check.path);
  head.authority = check.host.empty() ? host : std::string_view(check.host);
  if (head.authority.empty())
    head.authority = arena.copy(address.family() == AF_UNIX ? "localhost" : address.text());
  for (const auto& [name, value] : check.headers) head.headers.add(arena, name, value);
  if (is_call) head.headers.set(arena, "content-type", "application/grpc");
  if (!head.headers.has(FieldName::UserAgent))
    head.headers.add(arena, "User-Agent", arena.copy(concat("weir-check/", version)));
  return head;
}

}  // namespace

std::string request_text(const config::Check& check, const net::Address& address,
                         std::string_view host) {
  Arena arena;
  const RequestHead head = request_head(check, address, host, arena);
  http::WriteOptions options;
  options.close = true;
  std::string text(http::request_size(head), '\0');
  text.resize(http::write_request(text.data(), head, options));
  return text;
}

Probe::Probe(const ProbeTools& tools, const Question& question, ProbeEvents& events)
    : tools_(tools),
      question_(question),
      events_(events),
      tcp_(tools.loop, *this),
      codec_(http::H1Codec::Role::Client, question.limits, *this),
      deadline_(*this) {
  codec_.expect_answer(http::method_from(question.check.method));
}

void Probe::start() {
  const event::Errand errand("check of", question_.at);
  const event::About about(tools_.loop, errand);
  const std::chrono::microseconds limit = question_.check.timeout;
  deadline_.set(tools_.loop, tools_.loop.read_clock() + static_cast<std::uint64_t>(limit.count()));
  if (const int error = tcp_.connect(question_.address)) return fail_connect(error);
  if (!tcp_.is_connecting()) finish_connecting();
}

void Probe::on_sent() noexcept {
  const event::Errand errand("check of", question_.at);
  const event::About about(tools_.loop, errand);
  if (phase_ == Phase::Connecting) finish_connecting();
}

void Probe::on_readable() noexcept {
  const event::Errand errand("check of", question_.at);
  const event::About about(tools_.loop, errand);
  if (phase_ == Phase::Connecting) finish_connecting();
  if (phase_ == Phase::Asking) take_answer();
}

void Probe::finish_connecting() {
  const int error = tcp_.connect_result();
  if (error == EINPROGRESS) return;
  if (error != 0) return fail_connect(error);
  if (!question_.tls || finish_handshake()) ask();
}

bool Probe::finish_handshake() {
  if (!tls_) {
    identity_.name = question_.name;
    net::TransportEvents& owner = *this;
    tls_ = std::make_unique<tls::Transport>(tcp_, *tools_.outbox, owner, question_.tls, identity_);
    if (question_.check.kind == config::Check::Kind::Grpc)
      tls_->offer_only(alpn_of(Protocol::Http2));
  }
  const net::IoResult result = tls_->handshake();
  tools_.outbox->flush();
  if (result.io == net::Io::Failed) {
    decide(CheckOutcome::Failed, "connected, TLS: " + tls_->failure_text());
    conclude();
  }
  return result.io == net::Io::Done;
}

void Probe::fail_connect(int error) {
  decide(is_shortage(error) ? CheckOutcome::Inconclusive : CheckOutcome::Failed, words(error));
  conclude();
}

void Probe::ask() {
  phase_ = Phase::Asking;
  if (question_.check.kind == config::Check::Kind::Tcp) {
    decide(CheckOutcome::Passed, "connected");
    return conclude();
  }
  if (speaks_h2())
    ask_h2();
  else
    tools_.gather.refer(question_.request);
  transport().send(tools_.gather);
  if (h2_) h2_->note_sent();
  if (verdict_ || transport().has_failed()) take_answer();
}

bool Probe::speaks_h2() const {
  if (question_.check.kind == config::Check::Kind::Grpc) return true;
  switch (question_.protocol) {
    case config::ServerProtocol::Http1: return false;
    case config::ServerProtocol::Http2: return true;
    case config::ServerProtocol::Auto: return tls_ && tls_->alpn() == alpn_of(Protocol::Http2);
  }
  return false;
}

void Probe::ask_h2() {
  const config::Check& check = question_.check;
  const RequestHead head = request_head(check, question_.address, question_.host, arena_);
  std::string body;
  http::WriteOptions options;
  if (check.kind == config::Check::Kind::Grpc) {
    body = http::grpc_health_request(check.service);
    options.framing = {BodyEnd::Chunked, 0};
    options.te_trailers = true;
  }
  http::CodecEvents& owner = *this;
  h2_ = std::make_unique<H2Question>(owner, question_.limits);
  h2_->ask(head, options, tls_ ? "https" : "http", body, *this, tools_.gather);
}

void Probe::take_answer() {
  while (!verdict_) {
    const net::IoResult result = transport().read(tools_.read_buffer);
    switch (result.io) {
      case net::Io::Again: return;
      case net::Io::Done: feed(tools_.read_buffer.first(result.bytes)); break;
      case net::Io::End: h2_ ? h2_->feed_end() : codec_.feed_end(); break;
      case net::Io::Failed: decide(CheckOutcome::Failed, before() + "connection reset"); break;
    }
  }
  conclude();
}

void Probe::feed(std::span<char> bytes) {
  if (h2_) {
    h2_->feed(bytes, tools_.gather);
    if (!tools_.gather.empty()) transport().send(tools_.gather);
    return h2_->note_sent();
  }
  if (inbox_.empty()) {
    const std::size_t used = codec_.feed(bytes);
    inbox_.append(bytes.data() + used, bytes.size() - used);
  } else {
    inbox_.append(bytes.data(), bytes.size());
    inbox_.consume(codec_.feed(inbox_.bytes()));
  }
}

void Probe::on_head(MessageHead& head) {
  const auto& answer = static_cast<const ResponseHead&>(head);
  if (answer.is_interim()) return;
  status_ = answer.status;
  if (question_.check.kind == config::Check::Kind::Grpc) {
    // An answer of trailers only says all in its head.
    if (status_ != 200) return decide(CheckOutcome::Failed, std::to_string(status_));
    if (answer.headers.find("grpc-status")) judge_call(answer.headers);
    return;
  }
  if (!is_expected(status_)) return decide(CheckOutcome::Failed, std::to_string(status_));
  if (!question_.is_about_body()) decide(CheckOutcome::Passed, std::to_string(status_));
}

bool Probe::is_expected(std::uint16_t status) const {
  const auto& ranges = question_.check.expect;
  return std::any_of(ranges.begin(), ranges.end(), [status](const config::StatusRange& range) {
    return status >= range.from && status <= range.to;
  });
}

void Probe::on_body(std::span<const char> bytes) {
  if (verdict_ == CheckOutcome::Passed) return;
  // One byte more than is shown tells that there is more.
  const std::size_t most = verdict_ ? most_shown + 1 : most_body;
  body_.append(bytes.data(), std::min(bytes.size(), most - std::min(most, body_.size())));
  const bool is_call = question_.check.kind == config::Check::Kind::Grpc;
  if (!verdict_ && body_.size() == most_body && !is_call) judge_body();
}

void Probe::on_end(const Headers& trailers) {
  if (verdict_) return;
  if (question_.check.kind == config::Check::Kind::Grpc) return judge_call(trailers);
  judge_body();
}

void Probe::judge_call(const Headers& trailers) {
  const Field* code = trailers.find("grpc-status");
  const auto status = http::grpc_health_status(body_);
  body_.clear();
  if (!code) return decide(CheckOutcome::Failed, "no grpc-status");
  if (code->value != "0")
    return decide(CheckOutcome::Failed, concat("grpc-status ", code->value.substr(0, most_shown)));
  if (!status) return decide(CheckOutcome::Failed, "not an answer of grpc.health.v1");
  decide(*status == "SERVING" ? CheckOutcome::Passed : CheckOutcome::Failed, std::string(*status));
}

void Probe::judge_body() {
  const bool contains = body_.find(question_.check.body_contains) != std::string::npos;
  const Regex::Outcome outcome =
      question_.body_regex ? question_.body_regex->match(body_) : Regex::Outcome::Match;
  std::string seen = std::to_string(status_);
  if (outcome == Regex::Outcome::LimitExceeded) seen += ", regex_limit of body regex";
  const bool passes = contains && outcome == Regex::Outcome::Match;
  decide(passes ? CheckOutcome::Passed : CheckOutcome::Failed, std::move(seen));
}

void Probe::on_broken(http::Failure failure) {
  if (verdict_) return;
  // Half a body is none, whatever it contains.
  body_.clear();
  decide(CheckOutcome::Failed, before() + in_words(failure));
}

void Probe::on_deadline() noexcept {
  const std::string limit = config::duration_text(question_.check.timeout);
  if (phase_ == Phase::Connecting)
    decide(CheckOutcome::Failed, "no connection in " + limit);
  else
    decide(CheckOutcome::Failed,
           concat(before(), status_ == 0 ? "no answer in " : "no end in ", limit));
  body_.clear();
  conclude();
}

std::string Probe::before() const {
  return status_ == 0 ? "connected, " : std::to_string(status_) + ", ";
}

void Probe::decide(CheckOutcome outcome, std::string seen) {
  if (verdict_) return;
  verdict_ = outcome;
  seen_ = std::move(seen);
}

void Probe::conclude() {
  end();
  if (verdict_ == CheckOutcome::Failed && !body_.empty()) {
    seen_ += ", body \"";
    append_escaped(seen_, std::string_view(body_).substr(0, most_shown));
    seen_ += body_.size() > most_shown ? "...\"" : "\"";
  }
  events_.on_probed(*verdict_, std::move(seen_));
}

void Probe::cancel() {
  if (phase_ != Phase::Over) end();
}

void Probe::end() {
  phase_ = Phase::Over;
  deadline_.clear();
  codec_.stop();
  if (h2_) h2_->stop();
  transport().abort();
  tools_.loop.reap(*this);
}

}  // namespace weir::upstream
