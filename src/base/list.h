// SPDX-License-Identifier: Apache-2.0
//
// Hook and List: an intrusive doubly linked list.  A Hook is a member or parent of the listed
// object, unlinks itself when it dies, and knows whether it is linked; the list owns nothing.
#pragma once

namespace weir {

/// The link inside a listed object.
class Hook {
 public:
  Hook() = default;
  ~Hook() { unlink(); }
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

  bool is_linked() const { return next_ != nullptr; }

  void unlink() {
    if (!next_) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <typename T>
  friend class List;
  Hook* next_ = nullptr;
  Hook* previous_ = nullptr;
};

/// A list of objects of type T, which is derived from Hook.
template <typename T>
class List {
 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  ~List() {
    while (!empty()) front().unlink();
    head_.next_ = nullptr;
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_.next_ == &head_; }
  T& front() { return *static_cast<T*>(head_.next_); }
  T& back() { return *static_cast<T*>(head_.previous_); }

  void push_back(T& item) { insert(item, head_.previous_); }
  void push_front(T& item) { insert(item, &head_); }

  /// Takes the first object off, or returns null.
  T* pop_front() {
    if (empty()) return nullptr;
    T& item = front();
    static_cast<Hook&>(item).unlink();
    return &item;
  }

  /// Calls `visit` with each; it must not unlink any.
  template <typename Visit>
  void for_each(Visit visit) {
    for (Hook* at = head_.next_; at != &head_; at = at->next_) visit(*static_cast<T*>(at));
  }

  /// Moves all objects of `other` to the end of this list; looks at the first and the last of them only.
  void splice_back(List& other) {
    if (other.empty()) return;
    Hook *first = other.head_.next_, *last = other.head_.previous_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
  }

 private:
  void insert(Hook& item, Hook* after) {
    item.previous_ = after;
    item.next_ = after->next_;
    after->next_->previous_ = &item;
    after->next_ = &item;
  }

  Hook head_;
};

}  // namespace weir
