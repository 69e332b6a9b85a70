# Shared by the scripts beside it: where the environment is and how it comes to be. Source it; do not run it.
# Byte code is kept: without it every command starts half a second later, and training by some ten seconds.
unset PYTHONDONTWRITEBYTECODE
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top" || exit 1

python_311() {
    for candidate in "${LINESIDE_PYTHON:-}" python3.11 python3 python; do
        [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null &&
            { echo "$candidate"; return; }
    done
    echo "Python 3.11 was not found; install it, or name it in LINESIDE_PYTHON" >&2
    return 5
}

# environment FOLDER LOCK [LARGER LOCK]: a virtual environment with the locked packages and this checkout, made once
# per lock file. Where the larger lock is installed already, the smaller one is too.
environment() {
    local folder=$1 lock=$2 larger=${3:-} mark python
    mark=$(installed_mark "$folder" "$lock")
    [ -e "$mark" ] && return 0
    [ -n "$larger" ] && [ -e "$(installed_mark "$folder" "$larger")" ] && return 0
    python=$(python_311) || return 5
    echo "Setting up $folder from $lock (once; about a minute with a fast connection)" >&2
    [ -x "$folder/bin/python" ] || "$python" -m venv "$folder" || return 5
    "$folder/bin/python" -m pip install -q --disable-pip-version-check 'uv>=0.5' || true
    # uv is fast; where it cannot be had, pip does the same.
    if [ -x "$folder/bin/uv" ]; then
        "$folder/bin/uv" pip install -q -p "$folder" --require-hashes -r "$lock" &&
            "$folder/bin/uv" pip install -q -p "$folder" --no-deps -e . || return 4
    else
        "$folder/bin/python" -m pip install -q --require-hashes -r "$lock" &&
            "$folder/bin/python" -m pip install -q --no-deps -e . || return 4
    fi
    touch "$mark"
}

installed_mark() {
    echo "$1/.installed-$(basename "$2" .txt)-$(cat "$2" setup.cfg | sha256sum | cut -c1-16)"
}
