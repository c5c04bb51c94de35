// SPDX-License-Identifier: Apache-2.0
#include "process/trial.h"

#include <weir/version.h>

#include "base/cursor.h"
#include "process/bundle_memory.h"
#include "process/handover.h"
#include "process/loader.h"

#include <unistd.h>

namespace weir::process {

namespace {

constexpr unsigned deadline_seconds = 60;

Result<Verdict> try_handover(int handover) {
  auto given = read_handover(handover);
  if (!given) return given.error();
  const History::Entry& present = given->assets.history.present();
  auto config = load_sealed(present.bundle.get());
  if (!config) return config.error().within("the running configuration");
  if (auto compiled = compile(**config); !compiled)
    return compiled.error().within("the running configuration");
  auto plan = make_plan(**config);
  if (!plan) return plan.error();
  auto segment = shm::Segment::attach(given->segment);
  if (!segment && segment.error().code() != Errc::Invalid) return segment.error();
  return Verdict{version, segment.has_value(), write_plan(*plan)};
}

}  // namespace

std::string write_verdict(const Verdict& verdict) {
  return verdict.version + "\n" + (verdict.same_memory ? "same" : "other") + "\n" + verdict.plan;
}

Verdict read_verdict(std::string_view text) {
  Verdict verdict;
  verdict.version = take_until(text, '\n');
  verdict.same_memory = take_until(text, '\n') == "same";
  verdict.plan = text;
  return verdict;
}

int run_trial(net::Channel channel, int handover) {
  ::alarm(deadline_seconds);
  auto verdict = try_handover(handover);
  if (!verdict) {
    (void)channel.send(net::MessageType::Failed, verdict.error().text());
    return 1;
  }
  return channel.send(net::MessageType::Plan, write_verdict(*verdict)) ? 0 : 1;
}

}  // namespace weir::process
