#!/usr/bin/env bash
# Sets the project up, on a bare Debian or Ubuntu too, and runs its two main commands.
#
#   ./setup.sh                both environments: .venv (everything but PyFlink) and .venv-flink (the core with PyFlink)
#   ./setup.sh main          one of them; also: flink, oldest, postgresql (see test)
#   ./setup.sh demo [ARGS]    what the demo needs, then the demo
#   ./setup.sh test [ARGS]    both environments and a small one with the oldest versions that are claimed (.venv-oldest), and
#                             PostgreSQL's programs, then every check (.ci/checks); --long adds the long tier
set -euo pipefail
cd "$(dirname "$0")"

UV_VERSION=0.13.9
export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy

say() { printf '== %s\n' "$*" >&2; }

# A Python with venv: Debian's comes without it.
need_venv() {
  command -v python3 >/dev/null || { say "python3 is missing: apt-get install python3 python3-venv"; exit 1; }
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { say "Python 3.10 or newer is needed"; exit 1; }
  python3 -c 'import ensurepip, venv' 2>/dev/null && return
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "installing python3-venv"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; } >/dev/null 2>&1 && return
  fi
  say "python3-venv is missing. Install it: sudo apt-get install -y --no-install-recommends python3-venv"
  exit 1
}

# uv, pinned, in an environment of its own.
need_uv() {
  [[ -x .tools/bin/uv && $(cat .tools/.version 2>/dev/null) == "$UV_VERSION" ]] && return
  need_venv
  say "installing uv $UV_VERSION"
  rm -rf .tools && python3 -m venv .tools
  .tools/bin/pip install -q --disable-pip-version-check "uv==$UV_VERSION"
  echo "$UV_VERSION" > .tools/.version
}

# environment FOLDER STAMP uv-pip-arguments...: makes it unless its stamp says that nothing has changed.
environment() {
  local folder=$1 stamp=$2; shift 2
  [[ -x $folder/bin/python && $(cat "$folder/.stamp" 2>/dev/null) == "$stamp" ]] && return
  need_uv
  say "making $folder"
  [[ -x $folder/bin/python && -f $folder/.stamp ]] || { rm -rf "$folder"; .tools/bin/uv venv -q --python "$(command -v python3)" "$folder"; }
  .tools/bin/uv pip install -q --python "$folder/bin/python" --compile-bytecode "$@"
  ONTO_FLOW_NATIVE=0 .tools/bin/uv pip install -q --python "$folder/bin/python" --no-deps --no-build-isolation --editable .
  echo "$stamp" > "$folder/.stamp"
}

stamp_of() { cat setup.py "$@" | cksum | tr -d ' '; }

main_environment() {
  environment .venv "full $(stamp_of requirements.lock)" --require-hashes -r requirements.lock
  build_extension
}

has_compiler() {
  command -v cc >/dev/null &&
    python3 -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
}

# The compiled reader of exports is optional: without a compiler exports are read more slowly.
build_extension() {
  has_compiler || { say "no C compiler with Python.h: the compiled reader of exports is left out"; return; }
  .venv/bin/python setup.py -q build_ext --inplace
}

# Both ways to read an export are tested, so a compiler is wanted.
want_compiler() {
  has_compiler && return
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "installing gcc and python3-dev"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev python3-dev; } >/dev/null 2>&1 && return
  fi
  say "a C compiler is missing: tests of the compiled reader are left out. Install it: sudo apt-get install -y gcc python3-dev"
}

flink_environment() {
  environment .venv-flink "full $(stamp_of requirements-flink.lock)" --require-hashes -r requirements-flink.lock
  need_libpython
}

oldest_environment() { environment .venv-oldest "oldest $(stamp_of .ci/requirements-oldest.lock)" --require-hashes -r .ci/requirements-oldest.lock; }

# PyFlink's thread mode runs Python inside Java, which loads Python's shared library: Debian's comes without it.
need_libpython() {
  .venv-flink/bin/python -c 'import sys; from find_libpython import find_libpython; sys.exit(find_libpython() is None)' && return
  local package; package=$(python3 -c 'import sys; print("libpython%d.%d" % sys.version_info[:2])')
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "installing $package"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$package"; } >/dev/null 2>&1 && return
  fi
  say "$package is missing. Install it: sudo apt-get install -y --no-install-recommends $package"
  exit 1
}

# Tests on PostgreSQL start a server of their own; Debian's package would start one by itself, which nobody has asked for.
need_postgresql() {
  .venv/bin/python -c 'import sys; from onto_flow.testing.postgresql_server import server_programs; sys.exit(server_programs() is None)' && return
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "installing postgresql"
    local none=/etc/postgresql-common/createcluster.d/onto-flow.conf
    mkdir -p "${none%/*}" && echo "create_main_cluster = false" > "$none"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; } >/dev/null 2>&1 || true
    rm -f "$none"
    [[ -n $(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null) ]] && return
  fi
  say "PostgreSQL is missing, its tests are left out. Install it: sudo apt-get install -y --no-install-recommends postgresql"
}

# The demo needs little; a full environment that is already there serves too.
demo_environment() {
  [[ $(cat .venv/.stamp 2>/dev/null) == "full $(stamp_of requirements.lock)" ]] && return
  environment .venv "demo $(stamp_of requirements.lock)" --constraint requirements.lock setuptools wheel pyarrow pandas google-crc32c
}

case ${1:-all} in
  all) main_environment; flink_environment ;;
  main) main_environment ;;
  flink) flink_environment ;;
  oldest) oldest_environment ;;
  postgresql) main_environment; need_postgresql ;;
  demo) shift; demo_environment; exec .venv/bin/onto-flow demo "$@" ;;
  test) shift; want_compiler; main_environment; flink_environment; oldest_environment; need_postgresql; exec bash .ci/checks "$@" ;;
  *) sed -n '2,9p' "$0"; exit 2 ;;
esac
