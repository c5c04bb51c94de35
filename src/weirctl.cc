// SPDX-License-Identifier: Apache-2.0
//
// weirctl: the words of a command line, or the lines of stdin, to the admin socket.  Here are its
// options and the way to the socket; weirctl/ has the conversation, the daemon the commands.
#include <weir/version.h>

#include "base/fd.h"
#include "base/text.h"
#include "weirctl/command_texts.h"
#include "weirctl/completion.h"
#include "weirctl/request.h"
#include "weirctl/session.h"

#include <fcntl.h>
#include <getopt.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace weir;
using namespace weir::weirctl;
using std::chrono::milliseconds;

constexpr const char* usage =
    "usage: weirctl [-s SOCKET] [-j] [-t SECONDS] COMMAND [ARGUMENT ...]\n"
    "       weirctl [-s SOCKET] [-j] [-t SECONDS] transaction [WORD ...] <COMMANDS\n"
    "       weirctl [-s SOCKET] [-j] [-t SECONDS] <COMMANDS\n"
    "       weirctl completion bash | zsh\n"
    "       weirctl --version\n"
    "\n"
    "  -s SOCKET   the admin socket; default $WEIR_SOCKET, else /run/weir/admin.sock\n"
    "  -j          answers as JSON\n"
    "  -t SECONDS  how long an answer may take; default 60\n"
    "\n"
    "`weirctl help` lists the commands.  Exit status: 0 ok, 1 refused, 2 usage, 3 no daemon,\n"
    "4 conflict, 5 timed out.  See weirctl(8).\n";

/// Connects, or says why not (if `says_why`) and gives the exit status.  Only a blocking connect() waits for a place
/// in the queue of a daemon that does not accept; SO_SNDTIMEO limits it.
int connect(const Options& options, Fd& socket, bool says_why) {
  socket = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto patience = options.patience.count();
  const timeval limit{patience / 1000, patience % 1000 * 1000};
  bool is_done = false;
  if (options.socket.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
  } else if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0) {
    std::memcpy(address.sun_path, options.socket.data(), options.socket.size());
    is_done = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  if (is_done) return Ok;
  const int why = errno;
  const bool is_late = why == EAGAIN;
  if (!says_why) return NoDaemon;
  const char* reason = is_late ? "does not accept in time" : std::strerror(why);
  std::fprintf(stderr, "weirctl: %s: %s\n", options.socket.c_str(), reason);
  if (why == ENOENT || why == ECONNREFUSED)
    std::fputs("hint: is weir running, with an admin statement?  -s SOCKET names another socket\n",
               stderr);
  return is_late ? TimedOut : NoDaemon;
}

/// What this program knows of the commands, for want of a daemon that knows better.
int print_help(const std::vector<std::string>& words) {
  const std::span<const std::string> rest = std::span(words).subspan(1);
  if (const auto text = command_help(rest))
    return std::fputs(text->c_str(), stdout) < 0 ? Refused : Ok;
  std::fprintf(stderr, "weirctl: unknown: %s\n", unknown_command(rest).c_str());
  return Usage;
}

int converse(const Options& options, const std::vector<std::string>& words) {
  Fd socket;
  const bool is_help = !words.empty() && words[0] == "help" && !options.json;
  if (const int status = connect(options, socket, !is_help); status != Ok)
    return is_help ? print_help(words) : status;
  const Mode mode = words.empty()               ? Mode::Lines
                    : words[0] == "transaction" ? Mode::Transaction
                                                : Mode::Single;
  std::optional<Request> first;
  if (!words.empty()) first = make_request(words, options.json);
  return Session(std::move(socket), options, mode).run(std::move(first));
}

int print_completion(const std::vector<std::string>& words) {
  const char* script = words.size() == 2 ? completion(words[1]) : nullptr;
  std::fputs(script ? script : usage, script ? stdout : stderr);
  return script ? Ok : Usage;
}

/// "2.5" as a duration; nothing if it is not between a millisecond and some days.
std::optional<milliseconds> seconds_of(const char* text) {
  char* stop = nullptr;
  const double seconds = std::strtod(text, &stop);
  if (*stop || !(seconds >= 0.001 && seconds <= 1e6)) return std::nullopt;
  return milliseconds(static_cast<milliseconds::rep>(seconds * 1000));
}

/// Fills `options`; gives an exit status if there is no more to do.
std::optional<int> parse(int argc, char** argv, Options& options) {
  static const option names[] = {
      {"version", no_argument, nullptr, 'v'}, {"help", no_argument, nullptr, 'h'}, {}};
  if (const char* path = std::getenv("WEIR_SOCKET"); path && *path) options.socket = path;
  for (int c; (c = getopt_long(argc, argv, "+s:jt:h", names, nullptr)) != -1;) {
    const std::optional<milliseconds> patience = c == 't' ? seconds_of(optarg) : std::nullopt;
    if (c == 's') {
      options.socket = optarg;
    } else if (c == 'j') {
      options.json = true;
    } else if (patience) {
      options.patience = *patience;
    } else if (c == 'v') {
      std::printf("weirctl %s\n", version);
      return Ok;
    } else {
      std::fputs(usage, c == 'h' ? stdout : stderr);
      return c == 'h' ? Ok : Usage;
    }
  }
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  // A socket in the place of a closed stdin or stdout would be talked to by mistake.
  for (int fd = 0; fd >= 0 && fd <= STDERR_FILENO;) fd = ::open("/dev/null", O_RDWR);
  std::signal(SIGPIPE, SIG_IGN);
  Options options;
  if (const std::optional<int> status = parse(argc, argv, options)) return *status;
  const std::vector<std::string> words(argv + optind, argv + argc);
  if (!words.empty() && words[0] == "completion") return print_completion(words);
  if (!words.empty() || ::isatty(STDIN_FILENO) == 0) return converse(options, words);
  std::fputs(usage, stderr);
  return Usage;
}
