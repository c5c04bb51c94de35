// SPDX-License-Identifier: Apache-2.0
//
// What a backend tells its balancers: of servers, of requests, and of how tries went; and how long they live.
#include "base/hash.h"
#include "fakes/fake_sharing.h"
#include "fakes/fake_stream.h"
#include "fakes/manual_clock.h"
#include "shm/segment.h"
#include "upstream/address_set.h"
#include "upstream/backend.h"
#include "upstream/server_row.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::upstream {
namespace {

/// What the balancers of a policy were told, and what they are to do.
struct Diary {
  int made = 0, gone = 0;
  std::vector<std::string> changes;   ///< "a:1 b:2 | c:1": those in use, the others
  std::vector<std::string> outcomes;  ///< "a 200"
  Pick last;
  std::vector<std::uint64_t> tried;
  BalancerFactory::Needs needs;
};

class Dancer final : public Balancer {
 public:
  explicit Dancer(Diary& diary) : diary_(diary) { ++diary_.made; }
  ~Dancer() override { ++diary_.gone; }
  void on_change(const ServerSet& servers) override {
    std::string text;
    for (std::uint32_t i = 0; i < servers.known(); ++i) {
      text += i == servers.size() ? (i ? " | " : "| ") : i ? " " : "";
      text += std::string(servers.name(i)) + ":" + std::to_string(servers.weight(i));
      if (servers.tier(i) > 0) text += "'";
    }
    diary_.changes.push_back(text);
  }
  std::optional<std::uint32_t> choose(const ServerSet& servers, const Pick& pick) override {
    diary_.last = pick;
    diary_.tried.assign(pick.tried.begin(), pick.tried.end());
    for (std::uint32_t i = 0; i < servers.size(); ++i)
      if (servers.is_usable(i)) return i;
    return std::nullopt;
  }
  void on_outcome(const ServerSet& servers, std::uint32_t server,
                  const AttemptOutcome& outcome) override {
    diary_.outcomes.push_back(std::string(servers.name(server)) + " " +
                              std::to_string(outcome.status));
    servers.words(server)[0].fetch_add(1);
    servers.words()[1].fetch_add(1);
  }

 private:
  Diary& diary_;
};

class DanceSchool final : public BalancerFactory {
 public:
  explicit DanceSchool(Diary& diary) : diary_(diary) {}
  Needs needs() const override { return diary_.needs; }
  std::unique_ptr<Balancer> make(std::uint64_t) const override {
    return std::make_unique<Dancer>(diary_);
  }

 private:
  Diary& diary_;
};

class BackendBalancers : public testing::Test {
 protected:
  void TearDown() override {
    backend_.reset();
    loop_.destroy_the_dead();
  }
  BackendPolicy policy(const char* word, Diary& diary) {
    BackendPolicy made;
    made.config.name = "api";
    made.config.number = 1;
    made.config.balance.word = word;
    made.balancers = std::make_shared<const DanceSchool>(diary);
    return made;
  }
  /// A backend with the servers a and b, which have the slots 0 and 1.
  void begin() {
    backend_ = std::make_unique<Backend>(context_, shared_.all, policy("dance", diary_), 1);
    apply(0, {});
    apply(1, {});
  }
  struct Is {
    shm::Use use = shm::Use::Up;
    std::uint32_t weight = 1;
    bool backup = false;
  };
  void apply(std::uint32_t slot, Is is) {
    shm::ServerRow row{};
    row.use = is.use;
    row.weight = is.weight;
    row.backup = is.backup;
    const char name[] = {static_cast<char>('a' + slot), 0};
    shm::set_text(row.name, name);
    row.addresses = to_set(*net::Address::from({config::Endpoint::Kind::Ip4, "127.0.0.1", 1, ""}));
    backend_->apply(slot, row);
  }
  Server* take(std::span<Server* const> tried = {}, const Asker& asker = {}) {
    return backend_->choose(tried, Turn::Ours, asker).server;
  }

  Diary diary_;
  test::ManualClock clock_;
  event::Loop loop_{clock_};
  net::Outbox outbox_{loop_};
  std::array<char, 64> bytes_{};
  net::Context context_{loop_, outbox_, bytes_};
  test::FakeSharing shared_{1, 8, 2};
  std::unique_ptr<Backend> backend_;
};

TEST_F(BackendBalancers, LiveThroughChangesOfServers) {
  begin();
  EXPECT_EQ(take()->config().name, "a");
  apply(0, {.use = shm::Use::Down});
  EXPECT_EQ(take()->config().name, "b");
  apply(2, {.weight = 3});
  apply(0, {.weight = 2});
  take();
  backend_->forget(1);
  take();
  EXPECT_EQ(diary_.changes,
            (std::vector<std::string>{"a:1 b:1", "b:1 | a:1", "a:2 b:1 c:3", "a:2 c:3"}));
  EXPECT_EQ(diary_.made, 1);
  EXPECT_EQ(diary_.gone, 0);
}

TEST_F(BackendBalancers, LiveThroughAReloadThatSaysTheSame) {
  begin();
  take();
  Diary other;
  BackendPolicy same = policy("dance", other);
  same.config.keepalive = 1;
  backend_->configure(same);
  take();
  EXPECT_EQ(diary_.made, 1);
  EXPECT_EQ(other.made, 0);
  BackendPolicy different = policy("dance", other);
  different.config.balance.values = {"faster"};
  backend_->configure(different);
  take();
  EXPECT_EQ(diary_.gone, 1);
  EXPECT_EQ(other.made, 1);
  EXPECT_EQ(other.changes, std::vector<std::string>{"a:1 b:1"});
}

TEST_F(BackendBalancers, BackupsHaveAnother) {
  begin();
  apply(1, {.backup = true});
  EXPECT_EQ(take()->config().name, "a");
  apply(0, {.use = shm::Use::Drain});
  EXPECT_EQ(take()->config().name, "b");
  EXPECT_EQ(diary_.changes, (std::vector<std::string>{"a:1", "b:1'", "| a:1", "b:1'"}));
  EXPECT_EQ(diary_.made, 2);
}

TEST_F(BackendBalancers, AreToldOfTheRequest) {
  begin();
  clock_.advance(7);
  Server* a = take();
  EXPECT_FALSE(diary_.last.hash);
  EXPECT_EQ(diary_.last.stream, nullptr);
  EXPECT_TRUE(diary_.tried.empty());
  test::FakeStream stream;
  EXPECT_EQ(take({&a, 1}, {&stream, RequestClass::Tunnel})->config().name, "b");
  EXPECT_EQ(diary_.tried, std::vector<std::uint64_t>{identity_of("api", "a")});
  EXPECT_EQ(diary_.last.stream, &stream);
  EXPECT_EQ(diary_.last.kind, RequestClass::Tunnel);
  EXPECT_EQ(diary_.last.now_us, loop_.now());
  EXPECT_FALSE(diary_.last.hash) << "nobody has asked for it";
}

TEST_F(BackendBalancers, AreNotToldOfTriedServersThatAreGone) {
  begin();
  Server* tried[] = {take(), take({})};
  backend_->forget(0);
  loop_.destroy_the_dead();
  EXPECT_EQ(take(tried)->config().name, "b");
  EXPECT_TRUE(diary_.tried.empty());
}

TEST_F(BackendBalancers, GetTheHashTheyWant) {
  diary_.needs.hash_of = "$header_user";
  begin();
  test::FakeStream stream;
  stream.variables["$header_user"] = "ada";
  take({}, {&stream});
  EXPECT_EQ(diary_.last.hash, fast_hash("ada"));
  stream.variables["$header_user"] = "";
  take({}, {&stream});
  EXPECT_FALSE(diary_.last.hash) << "there is nothing to hash";
  take();
  EXPECT_FALSE(diary_.last.hash) << "there is no stream";
}

TEST_F(BackendBalancers, HearHowTriesWentIfTheyWant) {
  begin();
  AttemptOutcome good;
  good.status = 200;
  good.first_byte_us = 800;
  (void)backend_->release(*take(), good);
  EXPECT_TRUE(diary_.outcomes.empty());
  EXPECT_EQ(shared_.balancing.latency(0), 0U);

  diary_.needs = {.outcomes = true, .latency = true, .hash_of = {}};
  BackendPolicy eager = policy("dance", diary_);
  eager.config.balance.values = {"eagerly"};
  backend_->configure(eager);
  (void)backend_->release(*take(), good);
  EXPECT_EQ(shared_.balancing.latency(0), 800U);
  // Also of one that takes requests no more, and wherever it stands now.
  Server* a = take();
  apply(0, {.use = shm::Use::Drain});
  (void)backend_->release(*take(), good);
  (void)backend_->release(*a, {});
  EXPECT_EQ(diary_.outcomes, (std::vector<std::string>{"a 200", "b 200", "a 0"}));
  EXPECT_EQ(shared_.balancing.of_server(0)[0].load(), 2U);
  EXPECT_EQ(shared_.balancing.of_server(1)[0].load(), 1U);
  EXPECT_EQ(shared_.balancing.of_set(1, 0)[1].load(), 3U);
  EXPECT_EQ(shared_.balancing.of_set(1, 1)[1].load(), 0U);
}

TEST_F(BackendBalancers, HearNothingOfServersThatHaveLeft) {
  diary_.needs.outcomes = true;
  begin();
  Server* a = take();
  ServerRef kept(a);
  backend_->forget(0);
  (void)backend_->release(*a, {});
  EXPECT_TRUE(diary_.outcomes.empty());
}

TEST_F(BackendBalancers, CannotChooseWhatIsNotThere) {
  begin();
  take();
  apply(0, {.use = shm::Use::Down});
  apply(1, {.use = shm::Use::Down});
  EXPECT_EQ(take(), nullptr);
}

TEST_F(BackendBalancers, StayWithABackendThatLeaves) {
  diary_.needs.outcomes = true;
  begin();
  Server* a = take();
  backend_->leave();
  EXPECT_EQ(take()->config().name, "a");
  (void)backend_->release(*a, {});
  EXPECT_EQ(diary_.made, 1);
  EXPECT_EQ(diary_.outcomes, std::vector<std::string>{"a 0"});
}

TEST(Identity, IsTheNameAndNothingElse) {
  EXPECT_EQ(identity_of("api", "a1"), 0xaa580d754e89deefU)
      << "cookies and maps of other weirs know this number";
  EXPECT_NE(identity_of("api", "a1"), identity_of("api", "a2"));
  EXPECT_NE(identity_of("api", "a1"), identity_of("web", "a1"));
}

}  // namespace
}  // namespace weir::upstream
