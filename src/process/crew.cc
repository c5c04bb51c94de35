// SPDX-License-Identifier: Apache-2.0
#include "process/crew.h"

#include <algorithm>

namespace weir::process {

namespace {

bool is_staff(const Child& child) {
  return child.role == Role::Worker && !child.leaving && !child.former;
}

}  // namespace

Child& Crew::add(Role role, std::uint32_t index) {
  Child& child = children_.emplace_back();
  child.role = role;
  child.index = index;
  return child;
}

void Crew::remove(const Child& child) {
  std::erase_if(children_, [&child](const Child& each) { return &each == &child; });
}

std::uint32_t Crew::staff() const {
  return static_cast<std::uint32_t>(std::count_if(children_.begin(), children_.end(), is_staff));
}

Child* Crew::last_of_staff() {
  Child* last = nullptr;
  for (Child& child : children_)
    if (is_staff(child) && (!last || child.index > last->index)) last = &child;
  return last;
}

std::optional<std::uint32_t> Crew::free_index(std::uint32_t room) const {
  for (std::uint32_t i = 0; i < room; ++i) {
    bool taken = std::any_of(children_.begin(), children_.end(), [i](const Child& child) {
      return child.role == Role::Worker && !child.stranger && child.index == i;
    });
    if (!taken) return i;
  }
  return std::nullopt;
}

bool Crew::is_running(Role role) const {
  return std::any_of(children_.begin(), children_.end(),
                     [role](const Child& child) { return child.role == role && child.pid; });
}

bool Crew::is_anybody_left() const {
  return std::any_of(children_.begin(), children_.end(),
                     [](const Child& child) { return child.pid != 0 || child.start_at_us != 0; });
}

Child* Crew::find(pid_t pid) {
  auto found = std::find_if(children_.begin(), children_.end(),
                            [pid](const Child& child) { return child.pid == pid; });
  return found == children_.end() ? nullptr : &*found;
}

void Crew::call_off(Role role) {
  for (Child& child : children_)
    if (child.role == role) child.start_at_us = 0;
}

void Crew::tell(Role role, net::MessageType type) {
  for (Child& child : children_)
    if (child.role == role && child.channel.is_open()) (void)child.channel.send(type);
}

void Crew::tell_former(net::MessageType type) {
  for (Child& child : children_)
    if (child.former && child.role == Role::Worker && child.channel.is_open())
      (void)child.channel.send(type);
}

}  // namespace weir::process
