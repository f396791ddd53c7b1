"""Asks a running Strawberry what it sees.  strawberry.py dump | quit

Strawberry tells only of the current song (MPRIS), so each playlist is stepped through, and a fresh
one of the whole collection. The sound card is suspended: a song that does not advance is not played,
and reading counts no plays. It does add a playlist: use it on a copy.
"""
import json
import os
import sqlite3
import subprocess
import sys
from urllib.parse import unquote

from bus import GLib, call, relative, wait

NAME = "org.mpris.MediaPlayer2.strawberry"
PATH = "/org/mpris/MediaPlayer2"
DATABASE = os.path.join(os.environ["HOME"], ".local/share/strawberry/strawberry/strawberry.db")
ALL = "everything"


def query(sql, *arguments):
    connection = sqlite3.connect("file:%s?mode=ro" % DATABASE, uri=True, timeout=20)
    try:
        return connection.execute(sql, arguments).fetchall()
    finally:
        connection.close()


def command(*arguments):
    subprocess.run(["strawberry", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)


def player(method):
    return call(NAME, PATH, NAME.rsplit(".", 1)[0] + ".Player", method)


def current():
    get = "org.freedesktop.DBus.Properties"
    return call(NAME, PATH, get, "Get", "(ss)", "org.mpris.MediaPlayer2.Player", "Metadata")[0]


def open_playlists():
    found = call(NAME, PATH, "org.mpris.MediaPlayer2.Playlists", "GetPlaylists", "(uusb)", 0, 1000, "User", False)[0]
    return [name for _, name, _ in found]


def step_through(name, count):
    """The songs of one playlist, as Strawberry shows each when it is the current one."""
    songs = []
    command("--play-playlist", name)
    wait(lambda: False, 0.8)
    for index in range(count):
        command("--play-track", str(index))

        def arrived():
            song = current()
            return song if song.get("mpris:trackid", "").rsplit("/", 1)[-1] == str(index) else None

        song = wait(arrived, 6, "track %d of %s" % (index, name))
        if song is None:
            break
        songs.append(song)
    try:
        player("Stop")
    except GLib.Error:
        pass
    return songs


def path_of(song):
    """Strawberry's MPRIS gives the address with only the needed escapes, so it is no URI to GIO."""
    return os.path.relpath(unquote(song["xesam:url"].removeprefix("file://")), os.environ["AUDIO_ROOT"])


def dump():
    subprocess.run(["pactl", "suspend-sink", "null", "1"], check=True)
    names = open_playlists()
    addresses = [row[0] for row in query("select url from songs where unavailable = 0 order by rowid")]
    command("--create", ALL, *addresses)
    wait(lambda: ALL in open_playlists(), 10, "the playlist of everything")
    wait(lambda: False, 2)
    tracks = {
        path_of(song): {"stars": round(5 * song.get("xesam:userRating", 0), 2), "plays": song.get("xesam:useCount", 0)}
        for song in step_through(ALL, len(addresses))
    }
    missing = {relative(address) for address in addresses} - tracks.keys()
    if missing:
        sys.exit("Strawberry did not show: %s" % ", ".join(sorted(missing)))
    lists = {}
    for name in names:
        sql = "select count(*) from playlist_items i join playlists p on p.rowid = i.playlist where p.name = ?"
        lists[name] = [path_of(song) for song in step_through(name, query(sql, name)[0][0])]
    json.dump({"tracks": tracks, "playlists": lists}, sys.stdout, ensure_ascii=False, indent=1, sort_keys=True)
    print()


def leave():
    try:
        call(NAME, PATH, "org.mpris.MediaPlayer2", "Quit")
    except GLib.Error as error:
        print("quit:", error.message, file=sys.stderr)


{"dump": dump, "quit": leave}[sys.argv[1]](*sys.argv[2:])
