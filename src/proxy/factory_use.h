// SPDX-License-Identifier: Apache-2.0
//
// FactoryUse: that a factory with a service is in use, by chains of routes, which snapshots and streams refer to.  Chains are let
// go of on the builder's thread and on the loop's, but a service has to end on the loop's: so who has started it keeps the
// factory, and sees by a word that nobody else refers to it any more, nor ever will.
#pragma once

#include <weir/filter.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace weir::proxy {

class FactoryUse {
 public:
  explicit FactoryUse(std::shared_ptr<const FilterFactory> factory)
      : factory_(std::move(factory)) {}
  // In this order: who sees the word is the last one to have the factory.  If it was never started it ends here.
  ~FactoryUse() {
    factory_.reset();
    is_over_->store(true, std::memory_order_release);
  }
  FactoryUse(const FactoryUse&) = delete;
  FactoryUse& operator=(const FactoryUse&) = delete;

  const std::shared_ptr<const FilterFactory>& factory() const { return factory_; }
  /// Outlives this, and becomes true at its end.
  std::shared_ptr<const std::atomic<bool>> is_over() const { return is_over_; }

 private:
  std::shared_ptr<const FilterFactory> factory_;
  std::shared_ptr<std::atomic<bool>> is_over_ = std::make_shared<std::atomic<bool>>(false);
};

/// A factory as a chain refers to it.
struct UsedFactory {
  std::shared_ptr<const FilterFactory> factory;
  std::shared_ptr<const FactoryUse>
      use;  ///< null if it has no service; else `factory` holds it too

  /// One that was just built.
  static UsedFactory of(std::shared_ptr<const FilterFactory> built) {
    if (!built->service()) return {std::move(built), nullptr};
    auto use = std::make_shared<const FactoryUse>(std::move(built));
    return {{use, use->factory().get()}, use};
  }
};

/// A factory with a service that a snapshot refers to.
struct ServiceEntry {
  std::shared_ptr<const FactoryUse> use;
  std::string word;   ///< of the statement
  std::string place;  ///< where it stands, or one of its equals
};

}  // namespace weir::proxy
