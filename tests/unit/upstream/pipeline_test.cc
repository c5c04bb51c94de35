// SPDX-License-Identifier: Apache-2.0
//
// Which requests may have a place on a connection that others use, too.
#include "upstream/pipeline.h"

#include <weir/arena.h>

#include <gtest/gtest.h>

namespace weir::upstream {
namespace {

struct Shareable {
  const char* name;
  void (*change)(RequestHead& head, Arena& arena);
  bool plain, credentials;
};

class MayShareTest : public testing::TestWithParam<Shareable> {};
INSTANTIATE_TEST_SUITE_P(
    Requests, MayShareTest,
    testing::Values(
        Shareable{"Get", [](RequestHead&, Arena&) {}, true, true},
        Shareable{"Head", [](RequestHead& h, Arena&) { h.method = Method::Head; }, true, true},
        Shareable{"Options", [](RequestHead& h, Arena&) { h.method = Method::Options; }, true,
                  true},
        Shareable{"Post", [](RequestHead& h, Arena&) { h.method = Method::Post; }, false, false},
        Shareable{"Put", [](RequestHead& h, Arena&) { h.method = Method::Put; }, false, false},
        Shareable{"Delete", [](RequestHead& h, Arena&) { h.method = Method::Delete; }, false,
                  false},
        Shareable{"Trace", [](RequestHead& h, Arena&) { h.method = Method::Trace; }, false, false},
        Shareable{"Unknown", [](RequestHead& h, Arena&) { h.method = Method::Other; }, false,
                  false},
        Shareable{"Body",
                  [](RequestHead& h, Arena&) {
                    h.framing = {BodyEnd::Length, 1};
                  },
                  false, false},
        Shareable{"EmptyBody",
                  [](RequestHead& h, Arena&) {
                    h.framing = {BodyEnd::Length, 0};
                  },
                  false, false},
        Shareable{"Chunked",
                  [](RequestHead& h, Arena&) {
                    h.framing = {BodyEnd::Chunked, 0};
                  },
                  false, false},
        Shareable{"Upgrade", [](RequestHead& h, Arena&) { h.wants_upgrade = true; }, false, false},
        Shareable{"Expect", [](RequestHead& h, Arena&) { h.expects_continue = true; }, false,
                  false},
        Shareable{"Cookie", [](RequestHead& h, Arena& a) { h.headers.add(a, "cookie", "a=b"); },
                  false, true},
        Shareable{"Authorization",
                  [](RequestHead& h, Arena& a) { h.headers.add(a, "authorization", "x"); }, false,
                  true},
        Shareable{"ProxyAuthorization",
                  [](RequestHead& h, Arena& a) { h.headers.add(a, "proxy-authorization", "x"); },
                  false, true}),
    [](const auto& each) { return each.param.name; });

TEST_P(MayShareTest, AsItSaysItself) {
  Arena arena;
  RequestHead head;
  head.method = Method::Get;
  GetParam().change(head, arena);
  EXPECT_EQ(why_alone(head, false).empty(), GetParam().plain);
  EXPECT_EQ(why_alone(head, true).empty(), GetParam().credentials);
}

}  // namespace
}  // namespace weir::upstream
