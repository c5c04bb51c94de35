// SPDX-License-Identifier: Apache-2.0
//
// FilterServices: the services of a worker's factories, from the generation that brings them to the end of the last stream that
// knows them.  A reload that leaves a factory leaves its service alone.
#pragma once

#include "event/deadline.h"
#include "proxy/factory_use.h"

#include <memory>
#include <span>
#include <vector>

namespace weir::proxy {

struct Context;
class ServiceRun;

/// The loop's thread only.
class FilterServices final : private event::DeadlineEvents {
 public:
  /// `context` outlives it.
  explicit FilterServices(Context& context);
  ~FilterServices();
  FilterServices(const FilterServices&) = delete;
  FilterServices& operator=(const FilterServices&) = delete;

  /// Another generation holds: starts those of its services that are new.  The others are retired when nobody refers to their
  /// factories any more, which is looked for every 50 ms.
  void adopt(std::span<const ServiceEntry> present);

  /// Retires all of them: the worker ends, and no stream is left.
  void end();

  std::size_t size() const { return runs_.size(); }

 private:
  void on_deadline() noexcept override;
  void look_later();

  Context& context_;
  std::vector<std::unique_ptr<ServiceRun>> runs_;
  std::size_t leaving_ = 0;  ///< of those, how many the present generation does not have
  event::Deadline look_;     ///< set while there are such
};

}  // namespace weir::proxy
