#!/usr/bin/env bash
# Run a command once for each step, and say at the end what took how long:
#   tools/timed.sh make -- lint unit
# Stops at the first step that fails, with its status.
set -u
command=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  command+=("$1")
  shift
done
shift
said=""
for step in "$@"; do
  began=$SECONDS
  "${command[@]}" "$step"
  status=$?
  took=$((SECONDS - began))
  said+=$(printf '%-10s %2d min %02d s  %s' "$step" $((took / 60)) $((took % 60)) \
    "$([ $status = 0 ] && echo passed || echo FAILED)")$'\n'
  if [ $status != 0 ]; then break; fi
done
printf '\n%s%-10s %2d min %02d s\n' "$said" together $((SECONDS / 60)) $((SECONDS % 60))
exit $status
