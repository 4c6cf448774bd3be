#include "launch/read_apart.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <new>
#include <vector>

#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

constexpr std::size_t kMostAnswerBytes = std::size_t{1} << 30;
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kLimitsMemory = false;  // that sanitizer maps terabytes
#elif defined(__has_feature)
constexpr bool kLimitsMemory = !__has_feature(address_sanitizer);
#else
constexpr bool kLimitsMemory = true;
#endif

class Pipe {
 public:
  Pipe() {
    const bool is_open = ::pipe(ends_.data()) == 0;
    check(is_open, "pipe: ", std::strerror(errno));
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void close_end(std::size_t end) {
    if (ends_[end] >= 0) {
      ::close(ends_[end]);
      ends_[end] = -1;
    }
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

void limit(int resource, rlim_t soft, rlim_t hard) {
  const rlimit value{soft, hard};
  setrlimit(static_cast<__rlimit_resource>(resource), &value);
}

std::int64_t mapped_bytes() {
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

void apply(const ReadLimits& limits) {
  if (kLimitsMemory) {
    const auto bytes = static_cast<rlim_t>(mapped_bytes() + limits.memory_bytes);
    limit(RLIMIT_AS, bytes, bytes);
  }
  const auto seconds = static_cast<rlim_t>(limits.cpu_seconds);
  limit(RLIMIT_CPU, seconds, seconds + 2);
  limit(RLIMIT_CORE, 0, 0);
  limit(RLIMIT_FSIZE, 0, 0);
}

/// How a child's answer begins.
enum Kind : char { kAnswer = 'a', kBadInputText = 'b', kErrorText = 'e', kNoMemory = 'm' };

std::string answer_of(const std::function<json()>& read) {
  try {
    std::string answer(1, kAnswer);
    json::to_cbor(read(), answer);  // unlike text it holds infinities and NaN
    return answer;
  } catch (const std::bad_alloc&) {
    return {kNoMemory};
  } catch (const BadInput& error) {
    return std::string(1, kBadInputText) + error.what();
  } catch (const std::exception& error) {
    return std::string(1, kErrorText) + error.what();
  }
}

[[noreturn]] void be_child(Pipe& pipe, const ReadLimits& limits,
                           const std::function<json()>& read) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pipe.close_end(0);
  apply(limits);
  const std::string answer = answer_of(read);
  for (std::size_t at = 0; at < answer.size();) {
    const ssize_t put = ::write(pipe.writing(), answer.data() + at, answer.size() - at);
    if (put < 0 && errno != EINTR) {
      _exit(1);
    }
    at += put > 0 ? static_cast<std::size_t>(put) : 0;
  }
  _exit(0);
}

/// All that the child writes, until it is gone.
std::string read_all(int file) {
  std::string all;
  std::vector<char> piece(std::size_t{1} << 16);
  while (all.size() <= kMostAnswerBytes) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got == 0) {
      break;
    }
    if (got > 0) {
      all.append(piece.data(), static_cast<std::size_t>(got));
    } else {
      check(errno == EINTR, "reading from a child process: ", std::strerror(errno));
    }
  }
  return all;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    check(errno == EINTR, "waitpid: ", std::strerror(errno));
  }
  return status;
}

void check_end(const std::string& what, const ReadLimits& limits, int status) {
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  check_input(signal != SIGXCPU, what, ": malformed: reading it takes more than ",
              limits.cpu_seconds, " s");
  check_input(signal == 0, what, ": malformed: reading it ended in signal ", signal, " (",
              strsignal(signal), ")");
  check_input(WEXITSTATUS(status) == 0, what, ": malformed: reading it ended with code ",
              WEXITSTATUS(status));
}

json parse_answer(const std::string& what, const ReadLimits& limits, const std::string& answer) {
  check(!answer.empty() && answer.size() <= kMostAnswerBytes, what, ": an answer of ",
        answer.size(), " bytes");
  const std::string rest = answer.substr(1);
  switch (answer.front()) {
    case kAnswer:
      return json::from_cbor(rest);
    case kBadInputText:
      throw BadInput(rest);
    case kNoMemory:
      throw BadInput(message_of(what, ": malformed: reading it takes more than ",
                                limits.memory_bytes, " bytes of memory"));
    default:
      throw Error(rest);
  }
}

}  // namespace

json read_apart(const std::string& what, const ReadLimits& limits,
                const std::function<json()>& read) {
  std::cout.flush();
  std::cerr.flush();
  Pipe pipe;
  const pid_t child = fork();
  check(child >= 0, "fork: ", std::strerror(errno));
  if (child == 0) {
    be_child(pipe, limits, read);
  }
  pipe.close_end(1);
  const std::string answer = read_all(pipe.reading());
  pipe.close_end(0);
  check_end(what, limits, wait_for(child));
  return parse_answer(what, limits, answer);
}

}  // namespace bam
