#!/bin/sh
# Make a virtual environment with a fitting Python: `sh tools/make_venv.sh FOLDER`.
#
# A working environment that is there already is kept. python3.11 is what the tests run on, so it comes first;
# then the newest other one. PYTHON=/path/to/python overrides the choice. A name may be on the PATH and still
# not start (version managers leave such stubs), so each is asked to run.
set -eu

folder=$1

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -x "$folder/bin/python" ] && fits "$folder/bin/python" && "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

for python in ${PYTHON:-python3.11 python3.19 python3.18 python3.17 python3.16 python3.15 python3.14 python3.13 python3.12 python3}; do
    if fits "$python"; then
        if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            echo "setup: $python cannot make virtual environments; on Debian or Ubuntu install the package python3-venv" >&2
            exit 1
        fi
        echo "setup: making $folder with $("$python" --version) ($(command -v "$python"))"
        "$python" -m venv --clear "$folder"
        exit 0
    fi
done

echo "setup: Tidegate needs Python 3.11 or newer; none of ${PYTHON:-python3.11 ... python3.19, python3} is one." >&2
echo "setup: install it (python.org, your package manager), or name it: make setup PYTHON=/path/to/python3.11" >&2
exit 1
