// SPDX-License-Identifier: Apache-2.0
//
// arrivals PORT PATH BODY_SIZE RATE SECONDS: sends GET requests to 127.0.0.1 at a constant rate, whether or not
// earlier ones were answered, and prints the percentiles of their latencies as one JSON object.
//
// Request i is due at begin + i / RATE, and its latency counts from then to the last byte of its response.  The
// latency of a request that is sent late, because no connection was free or because this program was not scheduled,
// includes that delay: there is no coordinated omission.  The part that is this program's fault is printed as well
// (late).  The first tenth of the requests is checked but not timed, since it opens the connections to the origin.
//
// A good response has status 200 and BODY_SIZE bytes by its Content-Length.  A connection with any other response is
// closed and not opened again.  All requests without a good response one second after the last was due are bad.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t connections = 128;
constexpr std::int64_t second = 1'000'000'000;

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * second + time.tv_nsec;
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// A connected socket that does not block.
int connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    give_up("connect");
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/// The value of Content-Length in a complete head; -1 without one.
std::int64_t content_length(std::string_view head) {
  constexpr std::string_view name = "\r\ncontent-length:";
  for (auto at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    if (strncasecmp(head.data() + at, name.data(), name.size()) != 0) continue;
    const auto value = head.substr(head.find_first_not_of(' ', at + name.size()));
    std::int64_t length = -1;
    std::from_chars(value.data(), value.data() + value.size(), length);
    return length;
  }
  return -1;
}

enum class Answer { Incomplete, Good, Bad };

Answer judge(std::string_view input, std::int64_t body) {
  const auto end = input.find("\r\n\r\n");
  if (end == input.npos) return Answer::Incomplete;
  const auto head = input.substr(0, end + 4);
  if (!head.starts_with("HTTP/1.1 200 ") || content_length(head) != body) return Answer::Bad;
  const auto whole = head.size() + static_cast<std::size_t>(body);
  if (input.size() > whole) return Answer::Bad;
  return input.size() == whole ? Answer::Good : Answer::Incomplete;
}

/// The value below which that share of them lies, in microseconds.
double percentile(std::vector<std::int64_t>& values, double share) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(share * double(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return double(*at) / 1000;
}

/// A connection with at most one request on its way.
struct Client {
  int fd = -1;
  std::int64_t due = 0;  // 0: no request on its way
  bool is_timed = false;
  std::string input = {};
};

class Arrivals {
 public:
  Arrivals(std::uint16_t port, const char* path, std::int64_t body, double rate, double seconds)
      : request_("GET " + std::string(path) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        body_(body),
        rate_(rate),
        total_(static_cast<std::size_t>(rate * seconds)),
        clients_(connections) {
    for (auto& client : clients_) open(client, port);
  }

  void run();
  void print();

 private:
  void open(Client& client, std::uint16_t port);
  /// Sends what is due, as far as there are free connections.
  void send_due();
  /// Waits for responses until the next request is due.
  void wait();
  void receive(Client& client);
  void lose(Client& client);
  std::int64_t due(std::size_t number) const {
    return begin_ + static_cast<std::int64_t>(double(number) * double(second) / rate_);
  }

  std::string request_;
  std::int64_t body_;
  double rate_;
  std::size_t total_;
  std::size_t sent_ = 0;
  std::size_t good_ = 0;
  std::size_t lost_ = 0;
  std::int64_t begin_ = 0;
  std::int64_t freed_ = 0;  // when the latest shortage of connections ended
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Client> clients_;
  std::deque<Client*> free_ = {};
  std::vector<std::int64_t> latencies_ = {}, delays_ = {};
};

void Arrivals::open(Client& client, std::uint16_t port) {
  client.fd = connect_to(port);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &client;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
  free_.push_back(&client);
}

void Arrivals::run() {
  begin_ = now();
  const auto end = due(total_) + second;
  while (good_ + lost_ < total_ && lost_ < connections && now() < end) {
    send_due();
    wait();
  }
}

void Arrivals::send_due() {
  for (auto time = now(); sent_ < total_ && due(sent_) <= time && !free_.empty(); time = now()) {
    auto& client = *free_.front();
    free_.pop_front();
    client.due = due(sent_);
    client.is_timed = sent_ >= total_ / 10;
    if (client.is_timed) delays_.push_back(time - std::max(client.due, freed_));
    sent_++;
    const auto size = static_cast<ssize_t>(request_.size());
    if (send(client.fd, request_.data(), request_.size(), MSG_NOSIGNAL) != size) lose(client);
  }
}

void Arrivals::wait() {
  const bool is_next_known = sent_ < total_ && !free_.empty();
  const auto left =
      std::clamp<std::int64_t>(is_next_known ? due(sent_) - now() : second / 10, 0, second / 10);
  const timespec timeout{0, left};
  std::array<epoll_event, connections> events;
  const int count = epoll_pwait2(epoll_, events.data(), int(events.size()), &timeout, nullptr);
  for (int i = 0; i < count; ++i) receive(*static_cast<Client*>(events[std::size_t(i)].data.ptr));
}

void Arrivals::receive(Client& client) {
  std::array<char, 1 << 16> buffer;
  const auto count = recv(client.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count <= 0) return lose(client);
  client.input.append(buffer.data(), static_cast<std::size_t>(count));
  const auto answer = client.due == 0 ? Answer::Bad : judge(client.input, body_);
  if (answer == Answer::Incomplete) return;
  if (answer == Answer::Bad) return lose(client);
  good_++;
  if (client.is_timed) latencies_.push_back(now() - client.due);
  client.input.clear();
  client.due = 0;
  if (free_.empty()) freed_ = now();
  free_.push_back(&client);
}

void Arrivals::lose(Client& client) {
  lost_++;
  close(client.fd);
  std::erase(free_, &client);
}

void Arrivals::print() {
  std::printf("{\"good\": %zu, \"bad\": %zu, \"p50\": %.1f, \"p99\": %.1f, \"late99\": %.1f}\n",
              good_, total_ - good_, percentile(latencies_, 0.5), percentile(latencies_, 0.99),
              percentile(delays_, 0.99));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: arrivals PORT PATH BODY_SIZE RATE SECONDS\n", stderr);
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1);  // in ns; 50 us by default
  const sched_param first{.sched_priority = 1};
  sched_setscheduler(0, SCHED_FIFO, &first);  // needs root; the delays show whether it was needed
  Arrivals arrivals(static_cast<std::uint16_t>(std::strtol(argv[1], nullptr, 10)), argv[2],
                    std::strtol(argv[3], nullptr, 10), std::strtod(argv[4], nullptr),
                    std::strtod(argv[5], nullptr));
  arrivals.run();
  arrivals.print();
  return 0;
}
