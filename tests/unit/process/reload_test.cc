// SPDX-License-Identifier: Apache-2.0
//
// Reloads that end while no control runs: the master counts them in its place.
#include "process/reload.h"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <list>
#include <memory>
#include <string>

namespace weir::process {
namespace {

struct ReloadTest : testing::Test, ReloadHost {
  ReloadTest() {
    assets.segment = std::make_unique<shm::Segment>(std::move(*shm::Segment::create({})));
    reload = std::make_unique<Reload>(static_cast<ReloadHost&>(*this), assets, "/nowhere", 1);
  }
  std::list<Child>& children() override { return none; }
  void on_committed() override {}
  void replace(Child&, std::string_view) override {}
  void on_reloading(bool) override {}

  /// Orders it as control does; no such generation is kept.
  void order(const std::string& what) {
    net::Message message;
    message.type = net::MessageType::Load;
    message.bytes = what;
    reload->on_control(message);
    EXPECT_TRUE(reload->is_idle());
  }
  shm::Generation::Reloads counted() const { return shm::Generation(*assets.segment).reloads(); }

  std::list<Child> none;
  Assets assets;
  std::unique_ptr<Reload> reload;
};

TEST_F(ReloadTest, ARefusalIsCountedWithoutControl) {
  order("rollback 7\tuid 0\t1");
  EXPECT_EQ(counted().refused, 1U);
  EXPECT_FALSE(counted().last_done);
  EXPECT_EQ(counted().done, 0U);
}

TEST_F(ReloadTest, APlanIsNoReload) {
  // No loader can be started without descriptors.
  rlimit before{}, closed{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  closed.rlim_max = before.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &closed), 0);
  order("plan nowhere.conf\tuid 0\t1");
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(counted().refused, 0U);
  EXPECT_TRUE(counted().last_done);
}

}  // namespace
}  // namespace weir::process
