#!/bin/bash
# The first process of an instance: what systemd and cloud-init do at a boot, as far as user data can tell.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cloud=/var/lib/cloud

down() {
  trap '' TERM
  kill -TERM -1 2> /dev/null
  for _ in {1..50}; do # systemd's TimeoutStopSec, shortened
    pgrep -v -x pgrep 2> /dev/null | grep -qvx 1 || break
    sleep 0.1
  done
  kill -KILL -1 2> /dev/null
  exit 0
}
trap down TERM
run() { "$1" < /dev/null & wait $! || echo "cloud-init: $1 ended with $?"; }

echo "boot: $(nproc) vCPU, memory limited by $MEMORY_LIMIT_BY"
for script in $cloud/scripts/per-boot/*; do [ -x "$script" ] && run "$script"; done
if mkdir $cloud/instance/sem 2> /dev/null; then run $cloud/instance/scripts/part-001; fi
echo "cloud-init: done"
while :; do sleep 3600 & wait $!; done
