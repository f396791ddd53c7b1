"""Asks a running Rhythmbox what it sees.  rhythmbox.py dump | rate PATH STARS | quit"""
import json
import os
import subprocess
import sys

from bus import GLib, call, files, relative, uri, wait

NAME = "org.gnome.Rhythmbox3"


def database(method, signature, *arguments):
    return call(NAME, "/org/gnome/Rhythmbox3/RhythmDB", NAME + ".RhythmDB", method, signature, *arguments)


def playlists(method, signature=None, *arguments):
    return call(NAME, "/org/gnome/Rhythmbox3/PlaylistManager", NAME + ".PlaylistManager", method, signature, *arguments)


def entry(path):
    try:
        return database("GetEntryProperties", "(s)", uri(path))[0]
    except GLib.Error:
        return None


def entries():
    """All songs, once their number stands still: the database is loaded in the background."""
    before = {}
    while True:
        now = {path: found for path in files() if (found := entry(path))}
        if now and now.keys() == before.keys():
            return now
        before = now
        wait(lambda: False, 1)


def exported(index, name):
    """A playlist can only be read by having Rhythmbox write it to a file."""
    target = os.path.join(os.environ["RUN"], "playlist%d.pls" % index)
    playlists("ExportPlaylist", "(ssb)", name, uri(target), False)
    # Of an empty one, such as what was added recently, nothing is written.
    if not wait(lambda: os.path.exists(target) and "[playlist]" in open(target, encoding="utf-8").read(), 5):
        return []
    wait(lambda: False, 0.3)
    lines = open(target, encoding="utf-8").read().splitlines()
    return [relative(line.split("=", 1)[1]) for line in lines if line.startswith("File")]


def dump():
    tracks = {
        relative(uri(path)): {"stars": round(found.get("rating", 0), 2), "plays": found.get("play-count", 0)}
        for path, found in entries().items()
    }
    names = wait(lambda: playlists("GetPlaylists")[0], 8, "playlists") or []
    lists = {name: exported(index, name) for index, name in enumerate(names)}
    json.dump({"tracks": tracks, "playlists": lists}, sys.stdout, ensure_ascii=False, indent=1, sort_keys=True)
    print()


def rate(path, stars):
    entries()
    address = uri(os.path.join(os.environ["AUDIO_ROOT"], path))
    database("SetEntryProperties", "(sa{sv})", address, {"rating": GLib.Variant("d", float(stars))})
    seen = database("GetEntryProperties", "(s)", address)[0]["rating"]
    if seen != float(stars):
        sys.exit("Rhythmbox holds %s stars, not %s" % (seen, stars))


def leave():
    subprocess.run(["rhythmbox-client", "--no-start", "--quit"], stderr=subprocess.DEVNULL, check=False)


{"dump": dump, "rate": rate, "quit": leave}[sys.argv[1]](*sys.argv[2:])
