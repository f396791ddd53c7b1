# Sourced by ../real-apps.sh: packages, audio, and a desktop session without a display.

AUDIO_ROOT=/srv/segue-fixtures/music-a # the libraries hold absolute paths
SUDO=
[ "$(id -u)" = 0 ] || SUDO=sudo

# need PACKAGE…: installs what is missing.
need() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "installing ${missing[*]}" >&2
    local apt=($SUDO env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600)
    "${apt[@]}" update >&2 && "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2
}

need_desktop() {
    need xvfb dbus libglib2.0-bin dconf-gsettings-backend dconf-service pulseaudio pulseaudio-utils \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
        gstreamer1.0-plugins-ugly gstreamer1.0-libav python3 python3-gi sqlite3 procps \
        rhythmbox strawberry
}

# lay_audio FIXTURES: puts the audio at its stable place, with the modification times that the
# libraries hold: an app that sees another time reads the tags anew.
lay_audio() {
    $SUDO mkdir -p "$AUDIO_ROOT"
    $SUDO cp -r "$1/audio/." "$AUDIO_ROOT/"
    $SUDO /usr/bin/python3 - "$AUDIO_ROOT" "$1/audio-a.spec.json" <<'PYTHON'
import json, os, sys
root, spec = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
for index, file in enumerate(spec["files"]):
    time = spec["mtime_base"] + 60 * index
    os.utime(os.path.join(root, file["path"]), (time, time))
for folder, _, _ in os.walk(root, topdown=False):
    os.utime(folder, (spec["mtime_base"], spec["mtime_base"]))
PYTHON
}

# in_session HOME COMMAND…: runs it with that home, a bus, a screen and a sound card of its own.
in_session() {
    local home=$1 run number=90 screen status=0
    shift
    run=$(mktemp -d)
    while [ -e "/tmp/.X$number-lock" ]; do number=$((number + 1)); done
    Xvfb ":$number" -screen 0 1280x800x24 -nolisten tcp >"$run/xvfb.log" 2>&1 &
    screen=$!
    for _ in $(seq 50); do
        [ -e "/tmp/.X11-unix/X$number" ] && break
        sleep 0.1
    done
    env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/games HOME="$home" LANG=C.UTF-8 LC_ALL=C.UTF-8 TZ=UTC \
        USER="$(id -un)" LOGNAME="$(id -un)" DISPLAY=":$number" XDG_RUNTIME_DIR="$run" RUN="$run" \
        PYTHONDONTWRITEBYTECODE=1 NO_AT_BRIDGE=1 QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1 GIO_USE_VFS=local AUDIO_ROOT="$AUDIO_ROOT" \
        dbus-run-session -- bash -c '
            pulseaudio --daemonize=no --use-pid-file=no -n -L "module-null-sink sink_name=null" \
                -L module-native-protocol-unix --exit-idle-time=-1 >"$RUN/pulse.log" 2>&1 &
            sound=$!
            "$@"
            status=$?
            kill "$sound"
            exit "$status"' session "$@" 2> >(grep -v -e '^dbus-daemon' -e '^$' >&2) || status=$?
    kill "$screen" && wait "$screen" 2>/dev/null
    rm -rf "$run"
    return "$status"
}
