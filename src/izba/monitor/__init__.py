"""One process per container, and the smallest that will do: it holds the container's streams, log and exit code.

    izba run ─┬─ fork ── monitor ──┬─ fork ── starter   imports the runtime, creates and starts the container, ends
              │                    ├───────── container becomes the monitor's child when the starter ends (subreaper)
              │                    └─ fork ── prober, discarder …
              └─ store, spec ─── plan ───▶ monitor ─── plan ───▶ starter

The command forks its monitor before it imports anything heavy, and whatever the monitor would need much code for, a
short-lived child does. So an idle monitor is a bare interpreter and this package: that is where its small size comes
from, and why nothing here imports the store or the runtime at module level. The first starter is forked along with the
monitor: it imports the runtime while the command still writes the container down.

Files: `state.json` in the container's data directory tells what the monitor knows, replaced as a whole; the directory
itself is locked (flock) as long as the monitor lives. `monitor.sock` in its run directory takes requests (`control`).

A monitor that is killed leaves its container without one. Nobody adopts it: its streams ended in the monitor, and its
exit code would be lost. The next command that looks at it ends the container and records 255 (`state.read`).
"""
