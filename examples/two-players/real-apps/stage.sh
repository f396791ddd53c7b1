# Sourced by ../real-apps.sh and ../real-limits.sh: a home with both apps' libraries, looked at by the real apps.
#
# `here` is the folder of the scripts, `work` one for what they make, `out` gets all dumps, `home` is the home,
# `segue` the binary.

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# make_home HOME: both apps' libraries, as a person has them.
make_home() {
    local data=$1/.local/share
    mkdir -p "$data/rhythmbox" "$data/strawberry/strawberry"
    cp "$here/fixtures/rhythmbox/"*.xml "$data/rhythmbox/"
    cp "$here/fixtures/strawberry/strawberry.db" "$data/strawberry/strawberry/"
}

# with_app HOME APP COMMAND…: Strawberry 1.0.14 now and then crashes while it starts; that is no
# finding about the library, so a start is tried three times.
with_app() {
    local home=$1 status
    shift
    for _ in 1 2 3; do
        status=0
        in_session "$home" "$here/real-apps/with-app.sh" "$@" || status=$?
        [ "$status" = 75 ] || return "$status"
        echo "trying again" >&2
    done
    return "$status"
}

# look APP NAME: starts the app on a copy of the home and writes what it sees to NAME.APP.json.
look() {
    local copy=$work/copy
    rm -rf "$copy"
    cp -a "$home" "$copy"
    with_app "$copy" "$1" \
        /usr/bin/python3 "$here/real-apps/$1.py" dump >"$out/$2.$1.json"
}

# json EXPRESSION FILE: a part of a JSON file.
json() { /usr/bin/python3 -c 'import json, sys; print(eval(sys.argv[1], {}, {"it": json.load(open(sys.argv[2]))}))' "$1" "$2"; }

# run_segue NAME ARGUMENT…: runs it on the home and keeps its JSON as NAME.json.
run_segue() {
    local name=$1
    shift
    printf '$ segue %s\n' "$*"
    env -i PATH="$PATH" HOME="$home" SEGUE_HOME="$work/segue" LANG=C.UTF-8 NO_COLOR=1 \
        "$segue" "$@" --json >"$out/$name.json" || fail "segue $* ended with $?"
}

# plan_and_apply NAME: links both apps.
plan_and_apply() {
    run_segue "$1.plan" plan rhythmbox strawberry
    run_segue "$1.apply" apply "$(json 'it["plan"]' "$out/$1.plan.json")"
    json '"\n".join("  %s: %s, %s written" % (l["library"], l["state"], l["written"]) for l in it["libraries"])' \
        "$out/$1.apply.json"
}
