# Reads ctest's JUnit file: prints each skipped test with its reason, then `N passed, N failed`.
# ci=true makes a skipped multi-rank or Slurm test (label `ranks` or `slurm`) a failure; ran is ctest's exit code.

function plain(text) {
  gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text)
  gsub(/&apos;/, "'", text); gsub(/&amp;/, "\\&", text)
  return text
}
function attribute(name) {
  return match($0, " " name "=\"[^\"]*\"") ? \
    plain(substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)) : ""
}

/<testcase / { test = attribute("name"); status = attribute("status"); needed = 0; reason = ""; next_line = 0 }
/<skipped / { if (reason == "") reason = attribute("message") }
/<system-out>/ && reason ~ /^SKIP_RETURN_CODE/ {  # a script's reason is what it printed
  reason = plain($0); sub(/.*<system-out>/, "", reason); sub(/<.*/, "", reason)
}
/name="cmake_labels"/ { needed = (";" attribute("value") ";") ~ /;(ranks|slurm);/ }
next_line { reason = plain($0); sub(/<.*/, "", reason); next_line = 0 }
status == "notrun" && /: Skipped$/ { next_line = 1 }
/<\/testcase>/ {
  if (status == "run") passed++
  else if (status == "fail") { failed++; failures = failures "failed: " test "\n" }
  else {
    print "skipped: " test ": " reason
    if (needed && ci == "true") {
      failed++; failures = failures "failed: " test ": multi-rank and Slurm tests must run in CI\n"
    }
  }
}
END {
  printf "%s", failures
  if (ran != 0 && failed == 0) failed = 1
  printf "%d passed, %d failed\n", passed, failed
  exit failed > 0
}
