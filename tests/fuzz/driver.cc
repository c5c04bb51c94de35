// SPDX-License-Identifier: Apache-2.0
//
// The main() of a fuzz target that is built with an ordinary compiler: it replays every seed of a
// corpus directory, and a bounded number of small changes to each, the same ones in each run.  No
// search and no coverage; those need libFuzzer (`make fuzz`).  A crash, a hang or an empty corpus
// is a failure, and the input that did it is left in a file.
//
//   NAME CORPUS-DIRECTORY [MUTATIONS-PER-SEED]
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// Sanitizers end the process without a signal; where they are not linked in this is null.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

constexpr unsigned seconds_per_input = 10;

// What a crash must still be able to reach: the input under test, and where to leave it.
std::vector<std::uint8_t> input;
std::string crash_file;

void leave_input() {
  int fd = ::open(crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return;
  bool whole = ::write(fd, input.data(), input.size()) == static_cast<ssize_t>(input.size());
  ::close(fd);
  const char* text = whole ? "\nfuzz: the input is in " : "\nfuzz: a part of the input is in ";
  (void)!::write(STDERR_FILENO, text, std::strlen(text));
  (void)!::write(STDERR_FILENO, crash_file.c_str(), crash_file.size());
  (void)!::write(STDERR_FILENO, "\n", 1);
}

void on_signal(int number) {
  leave_input();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void catch_crashes() {
  if (__sanitizer_set_death_callback) {
    __sanitizer_set_death_callback(leave_input);
  } else {
    for (int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP})
      std::signal(number, on_signal);
  }
  std::signal(SIGALRM, on_signal);
}

/// SplitMix64: a tiny generator with the same sequence everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  /// A number from 0 to `limit` - 1.
  std::size_t below(std::size_t limit) {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<std::size_t>((z ^ (z >> 31)) % limit);
  }

 private:
  std::uint64_t state_;
};

/// Bytes that parsers care about: replacing by one of them finds more than replacing by chance.
constexpr char telling[] = "\0\t\n\r \"#%,-./0159:;<=>?@AZ[\\]_az{}\x7f\x80\xff";

std::uint8_t telling_byte(Random& random) {
  return static_cast<std::uint8_t>(telling[random.below(sizeof telling - 1)]);
}

void change_once(std::vector<std::uint8_t>& bytes, Random& random) {
  auto place = [&](std::size_t size) { return static_cast<std::ptrdiff_t>(random.below(size)); };
  if (bytes.empty()) {
    bytes.push_back(telling_byte(random));
    return;
  }
  auto at = bytes.begin() + place(bytes.size());
  auto end = at + std::min<std::ptrdiff_t>(1 + place(16), bytes.end() - at);
  switch (random.below(6)) {
    case 0: *at = static_cast<std::uint8_t>(*at ^ (1U << random.below(8))); break;
    case 1: *at = telling_byte(random); break;
    case 2: bytes.insert(at, telling_byte(random)); break;
    case 3: bytes.erase(at, end); break;
    case 4: bytes.erase(at, bytes.end()); break;
    default: {
      std::vector<std::uint8_t> piece(at, end);
      bytes.insert(bytes.begin() + place(bytes.size() + 1), piece.begin(), piece.end());
    }
  }
}

void run_input() {
  ::alarm(seconds_per_input);
  // A copy of exactly this size lets AddressSanitizer see a read beyond its end.
  std::vector<std::uint8_t> exact(input);
  exact.shrink_to_fit();
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ::alarm(0);
}

void run_seed(const std::vector<std::uint8_t>& seed, std::size_t mutations, std::uint64_t number) {
  input = seed;
  run_input();
  Random random(number);
  for (std::size_t i = 0; i < mutations; ++i) {
    input = seed;
    for (std::size_t changes = 1 + random.below(4); changes > 0; --changes)
      change_once(input, random);
    run_input();
  }
}

std::vector<std::filesystem::path> seeds_in(const char* directory) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.is_regular_file()) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s CORPUS-DIRECTORY [MUTATIONS-PER-SEED]\n", argv[0]);
    return 2;
  }
  std::size_t mutations = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0;
  std::string name = std::filesystem::path(argv[0]).filename();
  crash_file = "crash-" + name;
  catch_crashes();

  std::vector<std::filesystem::path> seeds = seeds_in(argv[1]);
  if (seeds.empty()) {
    std::fprintf(stderr, "fuzz %s: no seeds in %s\n", name.c_str(), argv[1]);
    return 1;
  }
  std::uint64_t number = 0;
  for (const auto& path : seeds) {
    std::ifstream file(path, std::ios::binary);
    std::vector<std::uint8_t> seed{std::istreambuf_iterator<char>(file), {}};
    run_seed(seed, mutations, number++);
  }
  std::printf("fuzz %s: %zu seeds, %zu inputs, nothing found\n", name.c_str(), seeds.size(),
              seeds.size() * (mutations + 1));
}
