#!/bin/bash
# with-app.sh rhythmbox|strawberry COMMAND…: starts the app, runs the command, quits the app as a
# person would (so that it saves). Runs inside a session. Ends with 75, and the app's own words, if
# the app did not start.
set -u
app=$1
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
log=$RUN/$app.log
case $app in
rhythmbox)
    name=org.gnome.Rhythmbox3
    gsettings set org.gnome.rhythmbox.rhythmdb locations "['file://$AUDIO_ROOT']"
    gsettings set org.gnome.rhythmbox.rhythmdb monitor-library false
    ;;
strawberry) name=org.mpris.MediaPlayer2.strawberry ;;
*)
    echo "with-app.sh: no such app: $app" >&2
    exit 2
    ;;
esac

owned() {
    gdbus call --session -d org.freedesktop.DBus -o /org/freedesktop/DBus \
        -m org.freedesktop.DBus.NameHasOwner "$name" 2>/dev/null | grep -q true
}

"$app" >"$log" 2>&1 &
pid=$!
for _ in $(seq 300); do
    owned && break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
done
if ! owned; then
    echo "$app did not start:" >&2
    tail -n 20 "$log" >&2
    kill "$pid" 2>/dev/null
    exit 75 # nothing was done: it may be tried again
fi

"$@"
status=$?

/usr/bin/python3 "$here/$app.py" quit
for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
done
if kill -0 "$pid" 2>/dev/null; then
    echo "$app had to be killed" >&2
    kill "$pid"
    [ "$status" != 0 ] || status=1
fi
exit "$status"
