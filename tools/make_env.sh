#!/usr/bin/env bash
# Makes .venv from the lock file, as an ordinary user, on a machine that has no more than
# Python 3.11+ and apt. Arguments go to `uv sync`.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/.tools
export PYTHONDONTWRITEBYTECODE=1

python=""
for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$(command -v "$name")
        break
    fi
done
if [ -z "$python" ]; then
    echo "no Python 3.11 or later on PATH — install one (Debian 12, Ubuntu 24.04 and later have it)" >&2
    exit 2
fi

# pip as a program: the interpreter's own, a venv's, or the wheel inside a Debian package,
# which an ordinary user may download and unpack.
pip_command() {
    if "$python" -m pip --version >/dev/null 2>&1; then
        echo "$python -m pip"
    elif "$python" -m venv "$tools/pip" >/dev/null 2>&1; then
        echo "$tools/pip/bin/python -m pip"
    else
        rm -rf "$tools/pip"
        mkdir -p "$tools/pip/lists/partial" "$tools/pip/archives/partial"
        : >"$tools/pip/status"
        local options=(-qq -o Dir::State="$tools/pip" -o Dir::State::status="$tools/pip/status"
            -o Dir::State::lists="$tools/pip/lists" -o Dir::Cache="$tools/pip"
            -o Debug::NoLocking=1 -o APT::Sandbox::User=)
        apt-get "${options[@]}" update >&2
        (cd "$tools/pip" && apt-get "${options[@]}" download python3-pip-whl >&2)
        dpkg-deb -x "$tools"/pip/python3-pip-whl_*.deb "$tools/pip/root"
        echo "$python $(echo "$tools"/pip/root/usr/share/python-wheels/pip-*.whl)/pip"
    fi
}

uv=$(command -v uv || true)
if [ -z "$uv" ] && [ ! -x "$tools/uv/bin/uv" ]; then
    mkdir -p "$tools"
    if ! $(pip_command) install --quiet --disable-pip-version-check --root-user-action=ignore --target "$tools/uv" uv; then
        echo "uv could not be installed: no network, or no pip — install python3-venv or uv and run make again" >&2
        exit 2
    fi
fi
uv=${uv:-$tools/uv/bin/uv}

started=$(date +%s)
before=$(du -sk .venv 2>/dev/null | cut -f1 || echo 0)
# A venv that another interpreter or folder made cannot be trusted: uv makes it anew.
# The machine's own certificates: behind a company's proxy the built-in ones do not do.
export UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1
# Compiled once here, not four times at once by the roles of the first start.
[ -d .venv ] || set -- --compile-bytecode "$@"
"$uv" sync --frozen --python "$python" --quiet "$@"
after=$(du -sk .venv | cut -f1)
echo "environment: .venv ready in $(($(date +%s) - started)) s (download and unpacking), $(((after - ${before:-0}) / 1024)) MB added"
