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
. "$here/real-apps/stage.sh"

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
