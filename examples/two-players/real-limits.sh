#!/bin/bash
# A limited song in the real Rhythmbox and the real Strawberry, without a display: it is listed until its licence
# ends, in neither app afterwards, and after a renewal in its old place, with its rating and count.
#
#   real-limits.sh [--keep DIR] [SEGUE]      SEGUE: the binary (default: segue on the PATH)
#
# Debian 12; root, or a user with sudo (packages, and the audio's place in /srv). Where the apps cannot be installed it
# says so and ends with 0. Rhythmbox is asked what a smart playlist of everything lists; Strawberry what is in
# its collection after it has started, and both what they play. DIR gets all dumps.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/real-apps/session.sh"
. "$here/real-apps/stage.sh"

keep= segue=
while [ $# -gt 0 ]; do
    case $1 in
    --keep) keep=$(realpath -m "${2:?--keep needs a folder}") && shift ;;
    -*) echo "usage: real-limits.sh [--keep DIR] [SEGUE]" >&2 && exit 2 ;;
    *) segue=$(realpath "$1") ;;
    esac
    shift
done
[ -n "$segue" ] || segue=$(command -v segue) || { echo "real-limits.sh: no segue on the PATH; name the binary" >&2; exit 2; }

work=$(mktemp -d)
out=${keep:-$work/out}
home=$work/home licence=
trap 'rm -rf "$work" ${licence:+"$licence"}' EXIT
SECONDS_VALID=90 # as long as both apps need to be looked at once

# everything FILE: adds a smart playlist of all songs, as a person would have it.
everything() {
    local all='  <playlist name="Everything" show-browser="true" browser-position="180" search-type="search-match" type="automatic" sort-key="Title" sort-direction="0"><conjunction><equals prop="type">song</equals><subquery><conjunction><greater prop="duration">0</greater></conjunction></subquery></conjunction></playlist>'
    sed -i "s|</rhythmdb-playlists>|$all\n</rhythmdb-playlists>|" "$1"
}

# pick: a rated and played song that stands in a playlist of both apps; the playlist, and the song.
pick() {
    /usr/bin/python3 - "$out/before.rhythmbox.json" "$out/before.strawberry.json" <<'PYTHON'
import json, sys
one, two = (json.load(open(path)) for path in sys.argv[1:])
smart = {"Everything", "everything", "My Top Rated", "Recently Added", "Recently Played"}
for name in sorted((one["playlists"].keys() & two["playlists"].keys()) - smart):
    for song in one["playlists"][name]:
        if song in two["playlists"][name] and all(
            dump["tracks"].get(song, {}).get(value) for dump in (one, two) for value in ("stars", "plays")
        ):
            print(name)
            print(song)
            sys.exit()
sys.exit("no song is rated, played and in a playlist of both apps")
PYTHON
}

# state NAME APP: what the app showed of the song.
state() {
    /usr/bin/python3 - "$out/$1.$2.json" "$2" "$list" "$song" <<'PYTHON'
import json, sys
dump, (app, name, song) = json.load(open(sys.argv[1])), sys.argv[2:]
lists = dump["playlists"]
is_listed = song in (lists["Everything"] if app == "rhythmbox" else dump["tracks"])
if is_listed:
    values, entries = dump["tracks"][song], lists[name]
    place = "%d of %d" % (entries.index(song) + 1, len(entries)) if song in entries else "nowhere"
    print("listed, %g stars, %d plays, %s in %s" % (values["stars"], values["plays"], place, name))
else:
    played = [name for name in lists if song in lists[name]]
    print("not listed, in %s" % (", ".join(played) or "no playlist"))
PYTHON
}

# both NAME: starts both apps, and tells what they show.
both() {
    local app
    for app in rhythmbox strawberry; do
        look "$app" "$1"
        printf '%s: %s\n' "$app" "$(state "$1" "$app")"
    done
}

same() { [ "$(state "$1" "$3")" = "$(state "$2" "$3")" ] || fail "$3 does not show it as before"; }

at() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }

if ! need_desktop; then
    echo "skip: the apps cannot be installed here"
    exit 0
fi
lay_audio "$here/fixtures"
[ -z "$SUDO" ] || $SUDO chown -R "$(id -u)" "$AUDIO_ROOT"
mkdir -p "$out"
make_home "$home"
everything "$home/.local/share/rhythmbox/playlists.xml"

say "linked"
plan_and_apply first
look rhythmbox before
look strawberry before
{ read -r list && read -r song; } < <(pick)
echo "$song"
for app in rhythmbox strawberry; do printf '%s: %s\n' "$app" "$(state before "$app")"; done

say "limited"
licence=$AUDIO_ROOT/$song.segue-licence
rm -f "$licence"
end=$(($(date +%s) + SECONDS_VALID))
run_segue grant licences grant "$AUDIO_ROOT/$song" --until "$(at "$end")" --issuer "City Library"
run_segue limited sync
both limited
for app in rhythmbox strawberry; do same before limited "$app"; done

say "ended"
left=$((end - $(date +%s)))
[ "$left" -lt 0 ] || sleep $((left + 1))
run_segue ended sync
both ended
for app in rhythmbox strawberry; do
    [ "$(state ended "$app")" = "not listed, in no playlist" ] || fail "$app lists what ended"
done

say "renewed"
run_segue renew licences renew "$AUDIO_ROOT/$song" --until "$(at $(($(date +%s) + 86400)))"
run_segue renewed sync
both renewed
for app in rhythmbox strawberry; do same before renewed "$app"; done
say "done"
