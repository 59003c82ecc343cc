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
# What a scenario file stands for: itself, or FILE@STORE for each of its "state_stores".
runs_of() { # file
  stores=$(sed -n 's/^ *"state_stores": *\[\([^]]*\)\].*/\1/p' "$1" | tr -d '" ' | tr ',' ' ')
  [ -n "$stores" ] || echo "$1"
  for store in $stores; do echo "$1@$store"; done
}
