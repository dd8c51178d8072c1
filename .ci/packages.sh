#!/usr/bin/env bash
# Debian's packages that the tests use beyond Python: a browser, a second PostgreSQL, Node.js. Installs only what is missing.
set -euo pipefail

wanted=()
command -v chromium >/dev/null || wanted+=(chromium)
[ -x /usr/lib/postgresql/15/bin/postgres ] || wanted+=(postgresql-15)
command -v npm >/dev/null || wanted+=(nodejs npm)
command -v make >/dev/null || wanted+=(make)
command -v git >/dev/null || wanted+=(git)
[ ${#wanted[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "missing: ${wanted[*]}; install them (as root: apt-get install ${wanted[*]}) and run again" >&2
  exit 10
fi
export DEBIAN_FRONTEND=noninteractive
# A throwaway server is started by the tests themselves: Debian's package must not start one of its own.
mkdir -p /etc/postgresql-common
grep -qs '^create_main_cluster' /etc/postgresql-common/createcluster.conf ||
  echo 'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
