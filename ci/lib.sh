# Shared by the scripts in ci/: where we are, how many jobs, how a step is announced and timed.
cd "$(dirname "$0")/.."
root=$(pwd)
jobs=$(nproc 2>/dev/null || echo 2)
began=$(date +%s)
step() {
  printf '\n== %s (%ss)\n' "$*" "$(($(date +%s) - began))"
}
fail() {
  printf '%s: FAILED: %s\n' "$0" "$*" >&2
  exit 1
}
