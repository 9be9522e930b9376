# Sourced by scripts/run and scripts/test: makes .venv where there is none, and installs the package there
# (editable) when it is not installed or pyproject.toml has changed. Usage: prepare_environment [dev]
_pip() { "$ROOT/.venv/bin/python" -m pip install $quiet --disable-pip-version-check "$@" >&2; }
prepare_environment() {
    local extra="${1:-}" python candidate stamp wanted quiet=--quiet
    stamp="$ROOT/.venv/.installed${extra:+-$extra}"
    wanted="$ROOT $(cksum <"$ROOT/pyproject.toml")"
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return 0
    if ! "$ROOT/.venv/bin/python" -m pip --version >/dev/null 2>&1; then
        for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
            if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
                python="$candidate"
                break
            fi
        done
        if [ -z "${python:-}" ]; then
            echo "error: no Python 3.11 or newer was found on PATH; install one and call this again" >&2
            return 2
        fi
        echo "Making the virtual environment $ROOT/.venv with $("$python" --version) …" >&2 || true
        "$python" -m venv --clear "$ROOT/.venv" || {
            echo "error: Python could not make $ROOT/.venv; on Debian, apt-get install python3-venv mends this" >&2
            return 6
        }
    fi
    echo "Installing jhrun${extra:+ and its development tools} into .venv (PyTorch is large: some minutes, once) …" >&2 || true
    # a terminal is shown what pip fetches, and how long that takes
    [ -t 2 ] && quiet=
    # torchattacks apart: what it pins would hold others back (scripts/requirements says more)
    {
        "$ROOT/.venv/bin/python" "$ROOT/scripts/requirements" $extra >"$ROOT/.venv/requirements" &&
            _pip --requirement "$ROOT/.venv/requirements" &&
            _pip --no-deps "$(grep -o 'torchattacks==[0-9.]*' "$ROOT/pyproject.toml")" --editable "$ROOT"
    } || {
        echo "error: the installation failed (pip's message is above); call this again to go on" >&2
        return 6
    }
    rm -f "$ROOT/.venv/.installed"*
    echo "$wanted" >"$ROOT/.venv/.installed"
    echo "$wanted" >"$stamp"
}
