#include "launch/bundled_mpi.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

namespace bam {

namespace fs = std::filesystem;

namespace {

std::string path() {
  const char* value = std::getenv("PATH");
  return value == nullptr ? "" : value;
}

bool is_on_path(const char* program) {
  std::istringstream folders(path());
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((fs::path(folder) / program).c_str(), X_OK) == 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

void use_bundled_mpi() {
  std::error_code unknown;
  const fs::path folder = fs::read_symlink("/proc/self/exe", unknown).parent_path();
  const fs::path prefix = folder.parent_path();
  const fs::path settings = prefix / "etc" / "openmpi";
  if (unknown || !fs::exists(folder / "orterun", unknown) || !fs::exists(settings, unknown)) {
    return;
  }
  const std::string others = path().empty() ? "" : ":" + path();  // an empty folder means this one
  setenv("PATH", (folder.string() + others).c_str(), 1);
  setenv("OPAL_PREFIX", prefix.c_str(), 1);
  setenv("OPAL_SYSCONFDIR", settings.c_str(), 1);
  // PMIx's plugins stay at home, and it takes none of the machine's, which may be of another
  // version.
  setenv("PMIX_MCA_pcompress", "^zlib", 0);
  setenv("PMIX_MCA_prm", "^default,slurm", 0);
  setenv("PMIX_MCA_pcompress_base_silence_warning", "1", 0);
  // Without them it gives up, though ranks of one machine need neither.
  if (!is_on_path("ssh") && !is_on_path("rsh")) {
    setenv("OMPI_MCA_plm", "^rsh", 0);
  }
}

}  // namespace bam
