#!/usr/bin/env bash
# Everything that `make demo` and `make test` need, once: the environment in .venv from the locked
# dependencies, and (unless asked for `environment` only) what the first broker start will need.
set -euo pipefail
cd "$(dirname "$0")/.."

LEAST_FREE_MB=1000 # the environment takes 400 MB, and pip unpacks beside it

say() { printf '==> %s\n' "$*"; }
refuse() { printf '    %s\n' "$*" >&2; exit 1; }

find_python() {
    local name
    for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$name"
            return
        fi
    done
    refuse "Python 3.11 or newer is missing: install it, or name one with PYTHON=/path/to/python3."
}

# Changes with the locked dependencies, the project's own table, and where the checkout lies,
# since an environment holds absolute paths.
wanted() { { cat requirements.lock pyproject.toml; pwd; } | "$1" -c \
    'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'; }

# One of an older Python, half made, or moved here from elsewhere is made anew.
usable_environment() {
    .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
        grep -qF "$(pwd -P)/.venv/" .venv/bin/pip
}

make_environment() {
    local python=$1 free
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        refuse "Python's venv module is missing: install it (Debian: apt-get install python3-venv) and start again."
    free=$(df -Pm . | awk 'NR == 2 {print $4}')
    ((free >= LEAST_FREE_MB)) ||
        refuse "This disk has $free MB free and the environment needs $LEAST_FREE_MB MB: make room and start again."
    "$python" -m venv --clear .venv >/dev/null 2>&1 ||
        refuse "$python cannot make an environment in .venv: see that this folder is writable and start again."
}

# pip's own output goes to a file; the person sees how far it is.
install() {
    local log=.venv/install.log total cause
    total=$(grep -c '^[A-Za-z0-9].*==' requirements.lock)
    if ! {
        .venv/bin/pip install --disable-pip-version-check --no-input --progress-bar off \
            --require-hashes -r requirements.lock &&
            .venv/bin/pip install --disable-pip-version-check --no-input --progress-bar off \
                --no-deps --no-build-isolation -e .
    } 2>&1 | tee "$log" | awk -v total="$total" '
        /^(Collecting|Requirement already satisfied)/ && ++seen % 20 == 0 && seen < total {
            printf "    %d of %d packages\n", seen, total; fflush() }
        /^Installing collected packages/ && !told++ {
            print "    unpacking"; fflush() }'; then
        cause=$(grep -m 1 -E 'No space left|ERROR' "$log" || tail -n 1 "$log")
        refuse "The dependencies could not be installed (${cause:-no output}): check network and disk and start again; all of it is in $log."
    fi
}

[ ! -L .venv ] || # what would be made anew is another folder's
    refuse "Here .venv is a link to another folder's environment: remove the link and start again."
python=$(find_python)
stamp=.venv/.installed
if ! [ "$(cat $stamp 2>/dev/null)" = "$(wanted "$python")" ]; then
    say "environment: .venv with $("$python" --version)"
    usable_environment || make_environment "$python"
    install
    wanted "$python" >"$stamp"
fi

if [ "${1:-}" != environment ]; then
    say "broker"
    .venv/bin/python -m connectors.kafka.broker "${DEPOTGATE_KAFKA:-}"
fi
