"""The images' entry point: gives root away, then becomes the command.

A bind-mounted data folder belongs to whoever made it: to the person who cloned the project, or to root when the engine
made it. The service runs as that person; a folder of root's is given to the image's own user `app` first. Where the
container is started as an ordinary user (`user:` in compose, `--user`) nothing of this is done.
"""

import os
import pwd
import sys
from contextlib import suppress
from pathlib import Path

DATA = Path("/app/data")


def main() -> None:
    if os.geteuid() == 0:
        uid, gid = _owner()
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.environ["HOME"] = "/tmp"
    os.execvp(sys.argv[1], sys.argv[1:])


def _owner() -> tuple[int, int]:
    app = pwd.getpwnam("app")
    if not DATA.is_dir():
        return app.pw_uid, app.pw_gid
    data = DATA.stat()
    if data.st_uid != 0:
        return data.st_uid, data.st_gid
    for directory, _directories, files in os.walk(DATA):
        for path in (directory, *(os.path.join(directory, name) for name in files)):
            with suppress(FileNotFoundError):  # a process that is ahead of us (`--scale`) may be done with it
                os.chown(path, app.pw_uid, app.pw_gid, follow_symlinks=False)
    return app.pw_uid, app.pw_gid


if __name__ == "__main__":
    main()
