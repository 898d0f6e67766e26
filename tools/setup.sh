#!/usr/bin/env bash
# Set up a checkout: Python packages in .venv, Lava in .lava-venv, Chromium where a run requires it.
# What is there already is left as it is, so that a second run takes a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What the tests hold our counters against. Its metrics import torch and snnTorch only, so the rest of what the package
# asks for, torchaudio above all, is left out.
NEUROBENCH=neurobench==2.3.0

main() {
    python_packages
    lava_environment
    browser
}

python_packages() {
    local stamp
    stamp=.venv/.ready-$(checksum pyproject.toml constraints.txt tools/setup.sh)
    if [[ -e $stamp ]]; then
        say "Python packages: already in .venv"
        return
    fi
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        local python
        python=$(find_python)
        say "Python packages: making .venv with $("$python" --version) ($python)"
        "$python" -m venv .venv
    fi
    say "Python packages: installing the exact versions in constraints.txt (a few minutes the first time)"
    .venv/bin/python -m pip install -qq --constraint constraints.txt --editable '.[all]'
    .venv/bin/python -m pip install -qq --no-deps "$NEUROBENCH"
    rm -f .venv/.ready-*
    touch "$stamp"
    say "Python packages: done"
}

lava_environment() {
    # The verb keeps its own record of what it installed, and returns at once where that is complete.
    export NEUROTRAIN_HW_LAVA_VENV=${NEUROTRAIN_HW_LAVA_VENV:-$PWD/.lava-venv}
    say "Lava: looking in $NEUROTRAIN_HW_LAVA_VENV (the first time, it is installed there: a few minutes)"
    if .venv/bin/neurotrain-hw lava install; then
        return
    elif required lava; then
        fail "Lava is required by NEUROTRAIN_HW_REQUIRE and could not be installed (see above)"
    else
        say "Lava: not installed (see above), so comparisons with Lava are skipped; everything else works"
    fi
}

browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        if type -P "$name" >/dev/null; then
            say "Chromium: $(type -P "$name")"
            return
        fi
    done
    if ! required chromium; then
        say "Chromium: not found, so the test that opens the report is skipped (any package called chromium will do)"
        return
    fi
    if [[ $(id -u) != 0 ]] || ! type -P apt-get >/dev/null; then
        fail "Chromium is required by NEUROTRAIN_HW_REQUIRE: install it with your system's package manager"
    fi
    say "Chromium: installing Debian's package"
    apt-get -qq update </dev/null >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium </dev/null >/dev/null
    say "Chromium: $(type -P chromium)"
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3 python; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            type -P "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer with venv was found; install one (Debian: python3 python3-venv) or name it: make PYTHON=/path/to/python3.12"
}

checksum() {
    { pwd; cat "$@"; } | cksum | cut -d ' ' -f 1
}

required() {
    local names=${NEUROTRAIN_HW_REQUIRE:-}
    [[ ",${names// /}," == *",$1,"* ]]
}

say() {
    printf 'set-up: %s\n' "$*"
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

main
