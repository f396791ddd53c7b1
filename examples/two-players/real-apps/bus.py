"""What both drivers need of the session bus."""
import os
import sys
import time

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib

BUS = Gio.bus_get_sync(Gio.BusType.SESSION, None)
ROOT = os.environ["AUDIO_ROOT"]


def call(name, path, interface, method, signature=None, *arguments):
    """Calls a method and returns what it returns, as a tuple."""
    body = GLib.Variant(signature, arguments) if signature else None
    return BUS.call_sync(name, path, interface, method, body, None, 0, 20000, None).unpack()


def wait(condition, seconds, what=None):
    """Waits until the condition holds and returns its value, or None when time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    if what:
        print("waited in vain for", what, file=sys.stderr)
    return None


def uri(path):
    return Gio.File.new_for_path(path).get_uri()


def relative(address):
    """A file's path below the music folder: what the two apps' names for a file have in common."""
    path = Gio.File.new_for_uri(address).get_path()
    return os.path.relpath(path, ROOT)


def files():
    found = [os.path.join(folder, name) for folder, _, names in os.walk(ROOT) for name in names]
    return sorted(found)
