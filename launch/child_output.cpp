#include "launch/child_output.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "launch/child_process.h"
#include "runtime/check.h"

namespace bam {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;  // without a name; gone when closed

File unnamed_file() {
  File file(std::tmpfile());
  check(file != nullptr, "temporary file: cannot be made: ", std::strerror(errno));
  return file;
}

std::string bytes_of(std::FILE* file) {
  std::string all;
  std::array<char, 4096> piece{};
  std::rewind(file);
  while (const std::size_t read = std::fread(piece.data(), 1, piece.size(), file)) {
    all.append(piece.data(), read);
  }
  check(std::ferror(file) == 0, "temporary file: cannot be read: ", std::strerror(errno));
  return all;
}

}  // namespace

ChildOutput output_of(const std::vector<std::string>& words) {
  const File text = unnamed_file();
  const File errors = unnamed_file();
  ChildCommand command{words, {}};
  command.output = fileno(text.get());
  command.errors = fileno(errors.get());
  const int code = run_child(command);
  return {code, bytes_of(text.get()), bytes_of(errors.get())};
}

}  // namespace bam
