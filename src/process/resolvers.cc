// SPDX-License-Identifier: Apache-2.0
#include "process/resolvers.h"

#include <arpa/inet.h>

#include <fstream>
#include <sstream>

namespace weir::process {

std::vector<std::string> resolvers(const config::Config& config) {
  std::vector<std::string> addresses;
  for (const config::Endpoint& server : config.nameservers) addresses.push_back(server.text);
  if (!addresses.empty()) return addresses;
  std::ifstream file("/etc/resolv.conf");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word, address;
    words >> word >> address;
    unsigned char bytes[16];
    bool is_address = inet_pton(AF_INET, address.c_str(), bytes) == 1 ||
                      inet_pton(AF_INET6, address.c_str(), bytes) == 1;
    if (word == "nameserver" && is_address) addresses.push_back(address);
  }
  if (addresses.empty()) addresses.emplace_back("127.0.0.1");
  return addresses;
}

}  // namespace weir::process
