// SPDX-License-Identifier: Apache-2.0
//
// Probe: one look at one server, from connect to verdict: does it accept a connection (tcp), does it give
// the answer that is expected (http), does it say that it serves (grpc)?  It lives for one check and keeps nothing; when to look, and what
// follows from what was seen, is health's business.
//
// A connection is broken off (RST) when the verdict is there: nothing is left to be said, it costs less than
// a farewell, and ten thousand checks would leave ten thousand ports in TIME_WAIT.
#pragma once

#include <weir/regex.h>

#include "base/gather.h"
#include "base/pooled.h"
#include "config/config.h"
#include "event/deadline.h"
#include "http/h1_codec.h"
#include "net/tcp.h"
#include "tls/transport.h"
#include "upstream/h2_question.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::upstream {

enum class CheckOutcome : std::uint8_t {
  Passed,
  Failed,
  Inconclusive  ///< says nothing about the server: weir was late, or had no descriptor or port to ask with
};

/// What is asked of a server and what is expected; stays as it is while a probe runs.
struct Question {
  config::Check check;
  std::shared_ptr<const Regex> body_regex;          ///< null if the check has none
  net::Address address{};                           ///< with the check's port
  std::string request;                              ///< empty for tcp
  std::string at = {};                              ///< all addresses of the server as text
  std::shared_ptr<const tls::ClientContext> tls{};  ///< null = in the clear
  std::string name{};                               ///< of the server, for TLS
  /// What requests speak to it: an http check speaks the same, a grpc check always HTTP/2.
  config::ServerProtocol protocol = config::ServerProtocol::Http1;
  http::HeadLimits limits{};  ///< of the head of its answer
  std::string host{};         ///< the Host if the check names none; empty = the address

  bool is_about_body() const { return body_regex || !check.body_contains.empty(); }
};

/// The head of an http check's request: Host is the check's, else `host`, else the address ("localhost" for a Unix
/// socket).
std::string request_text(const config::Check& check, const net::Address& address,
                         std::string_view host = {});

/// What all probes of a process share; probes take turns.
struct ProbeTools {
  event::Loop& loop;
  Gather& gather;
  std::span<char> read_buffer;
  net::Outbox* outbox = nullptr;  ///< for TLS
};

class ProbeEvents {
 public:
  /// The probe is over and of no more use.  `seen` says in a few words what happened: "200",
  /// "503, body \"starting\"", "connected", "connection refused".
  virtual void on_probed(CheckOutcome outcome, std::string seen) noexcept = 0;

 protected:
  ~ProbeEvents() = default;
};

class Probe final : public Pooled<Probe>,
                    public event::Reaped,
                    private net::TransportEvents,
                    private event::DeadlineEvents,
                    private http::H1Events,
                    private http::MessageSink {
 public:
  /// `question` and `tools` must outlive it.
  Probe(const ProbeTools& tools, const Question& question, ProbeEvents& events);

  /// Begins; call once.  May tell the outcome from inside.
  void start();

  /// Gives up and tells nothing any more.
  void cancel();

  /// Bytes of a body that are looked at.
  static constexpr std::size_t most_body = 64 * 1024;

 private:
  void on_readable() noexcept override;
  void on_sent() noexcept override;
  void on_deadline() noexcept override;

  http::MessageSink* sink() override { return this; }
  void on_broken(http::Failure failure) override;

  Arena& arena() override { return arena_; }
  void on_head(MessageHead& head) override;
  bool wants_body() const override { return true; }
  void on_body(std::span<const char> bytes) override;
  void on_end(const Headers& trailers) override;

  net::Transport& transport() { return tls_ ? static_cast<net::Transport&>(*tls_) : tcp_; }
  void finish_connecting();
  bool finish_handshake();
  bool speaks_h2() const;
  void ask_h2();
  void ask();
  void take_answer();
  void feed(std::span<char> bytes);
  bool is_expected(std::uint16_t status) const;
  void judge_body();
  void judge_call(const Headers& trailers);
  void fail_connect(int error);
  std::string before() const;
  void decide(CheckOutcome outcome, std::string seen);
  void conclude();
  void end();

  enum class Phase : std::uint8_t { Connecting, Asking, Over };

  const ProbeTools& tools_;
  const Question& question_;
  ProbeEvents& events_;
  net::TcpTransport tcp_;
  tls::ServerIdentity identity_;
  std::unique_ptr<tls::Transport> tls_;
  http::H1Codec codec_;
  std::unique_ptr<H2Question> h2_;  ///< in its place, over HTTP/2
  event::Deadline deadline_;
  Inbox inbox_;
  Arena arena_;
  std::string body_;  ///< as much of it as is looked at or told
  std::string seen_;
  std::optional<CheckOutcome> verdict_;
  std::uint16_t status_ = 0;  ///< 0 = no answer yet
  Phase phase_ = Phase::Connecting;
};

}  // namespace weir::upstream
