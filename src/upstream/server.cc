// SPDX-License-Identifier: Apache-2.0
#include "upstream/server.h"

namespace weir::upstream {

Server::Server(const net::Context& context, shm::InFlight& in_flight,
               const config::Backend& backend, const config::Server& config, std::uint32_t number,
               std::uint32_t idle_most)
    : context_(context),
      in_flight_(in_flight),
      backend_(backend),
      config_(config),
      number_(number),
      idle_most_(idle_most) {
  if (auto address = net::Address::from(config.at)) address_ = *address;
}

Server::~Server() {
  while (Connection* connection = idle_.pop_front()) delete connection;
  while (Connection* connection = busy_.pop_front()) delete connection;
}

void Server::set_address(const net::Address& address) {
  if (address_ == address) return;
  address_ = address;
  while (!idle_.empty()) idle_.front().die();
}

bool Server::can_take() const {
  return address_.is_set() && (config_.max_in_flight == 0 || in_flight() < config_.max_in_flight);
}

bool Server::take_slot() {
  if (config_.max_in_flight > 0) return in_flight_.try_take(number_, config_.max_in_flight);
  in_flight_.add(number_);
  return true;
}

void Server::want_slot(bool wanted) {
  if (wanted)
    in_flight_.want(number_);
  else
    in_flight_.unwant(number_);
}

Connection* Server::take_idle() {
  Connection* connection = idle_.pop_front();
  if (!connection) return nullptr;
  --idle_count_;
  busy_.push_back(*connection);
  return connection;
}

Connection* Server::connect(http::Failure& failure) {
  auto connection = std::make_unique<Connection>(context_, *this);
  failure = connection->start(address_);
  if (failure != http::Failure::None) return nullptr;
  busy_.push_back(*connection);
  return connection.release();
}

void Server::give_idle(Connection& connection) {
  static_cast<Hook&>(connection).unlink();
  idle_.push_front(connection);
  if (++idle_count_ > idle_most_) idle_.back().die();
}

}  // namespace weir::upstream
