#!/bin/sh
# Gate the models of this checkout in any CI service. BASE names what they are compared with: the branch that the change
# is to be merged into, or the commit before it.
set -eu

export CI=true
base="${BASE:-origin/main}"

# The base lies where the change began, which may be many commits back.
if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
    git fetch --quiet --unshallow origin
fi
if [ "${base#origin/}" != "$base" ]; then
    git fetch --quiet origin "+refs/heads/${base#origin/}:refs/remotes/$base"
fi

rm -f speedacc.json
python -m pytest tests --speedacc-against="$base" --speedacc-report=speedacc.json "$@"
# A process that left early, with exit code 0, has written none.
test -s speedacc.json
