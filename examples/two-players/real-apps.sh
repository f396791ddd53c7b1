#!/bin/bash
# The two-player demo with the real Rhythmbox and the real Strawberry, without a display.
#
#   real-apps.sh [--keep DIR] [SEGUE]      the whole demo; SEGUE: the binary (default: segue on the PATH)
#   real-apps.sh [--keep DIR] --apps-only  only starts both apps on the fixtures and compares them
#
# Debian 12; root, or a user with sudo (packages, and the audio's place in /srv). The apps are asked
# over D-Bus what they see, on copies of the home: looking also writes. DIR gets all dumps.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/real-apps/session.sh"

apps_only= keep= segue=
while [ $# -gt 0 ]; do
    case $1 in
    --apps-only) apps_only=1 ;;
    --keep) keep=$(realpath -m "${2:?--keep needs a folder}") && shift ;;
    -*) echo "usage: real-apps.sh [--keep DIR] [--apps-only | SEGUE]" >&2 && exit 2 ;;
    *) segue=$(realpath "$1") ;;
    esac
    shift
done
if [ -z "$apps_only" ] && [ -z "$segue" ]; then
    segue=$(command -v segue) || { echo "real-apps.sh: no segue on the PATH; name the binary" >&2; exit 2; }
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=${keep:-$work/out}
home=$work/home originals=$work/originals
changed_song="The Tin Harbours/Low Tide Ledger/01 Ferry Bell.flac"

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'real-apps.sh: %s\n' "$*" >&2; exit 1; }

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

# compare NAME [OPTION…]: what the two apps saw.
compare() {
    local name=$1
    shift
    look rhythmbox "$name"
    look strawberry "$name"
    /usr/bin/python3 "$here/real-apps/compare.py" \
        "rhythmbox=$out/$name.rhythmbox.json" "strawberry=$out/$name.strawberry.json" "$@"
}

# stars NAME APP SONG: the stars that the app showed.
stars() {
    /usr/bin/python3 -c 'import json, sys; print("%g" % json.load(open(sys.argv[1]))["tracks"][sys.argv[2]]["stars"])' \
        "$out/$1.$2.json" "$3"
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

plan_and_apply() {
    run_segue "$1.plan" plan rhythmbox strawberry
    run_segue "$1.apply" apply "$(json 'it["plan"]' "$out/$1.plan.json")"
    json '"\n".join("  %s: %s, %s written" % (l["library"], l["state"], l["written"]) for l in it["libraries"])' \
        "$out/$1.apply.json"
}

conflicts() {
    run_segue conflicts conflicts >/dev/null
    json 'sum(1 for conflict in it if conflict["field"] == "rating")' "$out/conflicts.json"
}

# change_in_rhythmbox SONG STARS: as a person would, in the running app, which saves when it quits.
change_in_rhythmbox() {
    with_app "$home" rhythmbox \
        /usr/bin/python3 "$here/real-apps/rhythmbox.py" rate "$1" "$2"
}

# check_originals: the library files are as they were; for SQLite that means the content.
check_originals() {
    local data=.local/share database=.local/share/strawberry/strawberry/strawberry.db file
    for file in rhythmdb.xml playlists.xml; do
        cmp "$originals/$data/rhythmbox/$file" "$home/$data/rhythmbox/$file" || fail "$file was not restored"
    done
    cmp <(sqlite3 "$originals/$database" .dump) <(sqlite3 "$home/$database" .dump) || fail "strawberry.db was not restored"
    echo "All library files are as they were."
}

first_contact() {
    say "first contact"
    plan_and_apply first
    compare after --conflicts "$(conflicts)"
}

undo_first_contact() {
    say "undo"
    run_segue undo undo
    check_originals
}

edit_and_sync() {
    say "a rating is changed in the running Rhythmbox, and synced"
    plan_and_apply again
    local before after=2
    before=$(stars after strawberry "$changed_song")
    [ "$before" != "$after" ] || after=1
    change_in_rhythmbox "$changed_song" "$after"
    run_segue sync sync
    look strawberry synced
    echo "Strawberry: $before stars before, $(stars synced strawberry "$changed_song") after"
    [ "$(stars synced strawberry "$changed_song")" = "$after" ] || fail "the rating did not arrive"
    run_segue undo-sync undo
    look strawberry undone
    [ "$(stars undone strawberry "$changed_song")" = "$before" ] || fail "the sync was not undone"
    echo "Undone: $before stars again"
}

need_desktop
lay_audio "$here/fixtures"
mkdir -p "$out"
make_home "$home"
cp -a "$home" "$originals"
say "before"
compare before
[ -z "$apps_only" ] || exit 0
first_contact
undo_first_contact
edit_and_sync
say "done"
