"""Prints where two dumps agree and differ.  compare.py NAME=FILE NAME=FILE [--conflicts N]

With --conflicts, fails unless every play count agrees and at most N ratings differ: those that wait
for a person.
"""
import argparse
import json
import sys


def read(pair):
    name, _, path = pair.partition("=")
    return name, json.load(open(path, encoding="utf-8"))


parser = argparse.ArgumentParser()
parser.add_argument("dumps", nargs=2, type=read)
parser.add_argument("--conflicts", type=int)
options = parser.parse_args()
(first_name, first), (second_name, second) = options.dumps


def stars(value):
    return "–" if value == 0 else "%g" % value


def compare(field, show):
    """Prints the songs whose values differ, and returns how many agree and differ."""
    both = sorted(first["tracks"].keys() & second["tracks"].keys())
    differing = [p for p in both if first["tracks"][p][field] != second["tracks"][p][field]]
    for path in differing:
        print("  %-10s %10s %10s  %s" % (field, show(first["tracks"][path][field]), show(second["tracks"][path][field]), path))
    return len(both) - len(differing), len(differing)


def compare_playlists():
    """Prints the playlists that differ; empty ones are no playlists."""
    left = {name: songs for name, songs in first["playlists"].items() if songs}
    right = {name: songs for name, songs in second["playlists"].items() if songs}
    same = 0
    for name in sorted(left.keys() | right.keys()):
        if left.get(name) == right.get(name):
            same += 1
            continue
        counts = [str(len(side[name])) if name in side else "none" for side in (left, right)]
        print("  %-10s %10s %10s  %s" % ("playlist", *counts, name))
    return same, len(left.keys() | right.keys()) - same


print("  %-10s %10s %10s" % ("", first_name, second_name))
totals = {"stars": compare("stars", stars), "plays": compare("plays", str), "playlists": compare_playlists()}
only = [len(a["tracks"].keys() - b["tracks"].keys()) for a, b in ((first, second), (second, first))]
for what, (same, different) in totals.items():
    print("%s: %d agree, %d differ" % (what, same, different))
print("songs: %d in both, %d only in %s, %d only in %s" % (len(first["tracks"].keys() & second["tracks"].keys()), only[0], first_name, only[1], second_name))

if options.conflicts is not None:
    if totals["plays"][1] > 0:
        sys.exit("Play counts differ.")
    if totals["stars"][1] > options.conflicts:
        sys.exit("%d ratings differ, but only %d are conflicts." % (totals["stars"][1], options.conflicts))
