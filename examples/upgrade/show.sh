#!/bin/sh
# Makes a repository of two commits that differ in requirements.txt alone, as a bot's pull request does, and runs its gate.
#
#     sh examples/upgrade/show.sh ../upgrade-shown
#
# The folder must not exist yet. It needs git and uv, and Python 3.11 or 3.12, for which both releases have wheels.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir "$1" && cd "$1"
commit() {
    git add --all
    git -c user.name=Bot -c user.email=bot@example.org commit --quiet --message "$1"
}

git init --quiet
echo .venv > .gitignore
cp "$here/test_tumours.py" .
cp "$here/before.txt" requirements.txt
commit "Tell tumours apart"
cp "$here/after.txt" requirements.txt
commit "Bump scikit-learn from 1.5.2 to 1.9.1"

uv venv --quiet --python "${PYTHON:-3.11}"
uv pip install --quiet -r requirements.txt "${SPEEDACC:-$here/../..}[live]"
CI=true .venv/bin/python -m pytest --speedacc-against=HEAD~1
