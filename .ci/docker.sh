#!/bin/bash
# Makes a Docker engine answer on this machine and gives it a PostgreSQL image, whatever is there already.
# As root, on Debian. Installs the engine and debootstrap from Debian's packages when they are missing, starts the
# engine when none answers, builds the offline image when it is missing. Does nothing the second time.
set -euo pipefail

root="$(cd "$(dirname "$0")/.." && pwd)"
log=/var/log/booking-harness-dockerd.log
repository=booking-harness-postgres
say() { echo "docker.sh: $*"; }
image() { docker image ls --format '{{.Repository}}:{{.Tag}}' "$repository" | head -n 1; }

missing() { ! command -v "$1" >/dev/null 2>&1; }

install_packages() {
    local packages=()
    if missing dockerd || missing docker; then packages+=(docker.io iptables); fi
    if missing debootstrap; then packages+=(debootstrap); fi
    [ "${#packages[@]}" -gt 0 ] || return 0
    say "installing ${packages[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

answers() { timeout 10 docker info >/dev/null 2>&1; }

start_engine() {  # STORAGE-DRIVER or nothing
    for _ in $(seq 100); do  # one that is just ending would refuse the next: its pid file is still there
        kill -0 "$(cat /var/run/docker.pid 2>/dev/null)" 2>/dev/null || break
        sleep 0.2
    done
    say "starting the engine${1:+ with the storage driver $1} (log: $log)"
    setsid --fork dockerd ${1:+--storage-driver "$1"} >>"$log" 2>&1 </dev/null
    for _ in $(seq 150); do
        if answers; then return 0; fi
        sleep 0.2
    done
    tail -n 20 "$log" >&2
    return 1
}

if [ "$(id -u)" != 0 ]; then
    if answers && [ -n "$(image)" ]; then exit 0; fi
    say "run as root: it installs and starts a Docker engine" >&2
    exit 1
fi
if ! answers; then
    install_packages
    answers || start_engine || start_engine vfs
fi
if [ -z "$(image)" ]; then
    install_packages
    apt-get indextargets 2>/dev/null | grep -q . || apt-get update -qq
    "$root/fixtures/postgres-image/build.sh"
fi
say "ready: engine $(docker version --format '{{.Server.Version}}'), image $(image)"
