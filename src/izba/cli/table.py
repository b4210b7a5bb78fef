"""All commands: name → module and summary. A module is imported only when its command runs.

A module of `izba.cli.commands` has `run(context: Context, argv: list[str]) -> int`.
"""

from __future__ import annotations

from izba._record import Record


class Entry(Record):
    """One command. `failure`: the exit code of izba's own errors, 125 where a code could be the container's."""

    module: str
    summary: str
    failure: int = 1


def _rows(text: str) -> dict[str, Entry]:
    rows = {}
    for line in text.strip().splitlines():
        name, module, summary = (column.strip() for column in line.split("|"))
        rows[name] = Entry(module=module, summary=summary, failure=125 if name == "run" else 1)
    return rows


COMMANDS = _rows("""
    run                 | run               | Create and run a new container from an image
    exec                | exec              | Execute a command in a running container
    ps                  | ps                | List containers
    build               | build             | Build an image from a Dockerfile
    images              | images            | List images
    compose             | compose           | Define and run multi-container applications
    attach              | attach            | Attach local standard streams to a running container
    commit              | commit            | Create a new image from a container's changes
    cp                  | cp                | Copy files/folders between a container and the local filesystem
    create              | create            | Create a new container
    diff                | diff              | Inspect changes to files or directories on a container's filesystem
    export              | export            | Export a container's filesystem as a tar archive
    history             | history           | Show the history of an image
    import              | import_           | Import the contents from a tarball to create a filesystem image
    inspect             | inspect           | Return low-level information on containers, images, networks and volumes
    kill                | kill              | Kill one or more running containers
    events              | events            | Get real time events
    load                | load              | Load an image from a tar archive or STDIN
    login               | login             | Authenticate to a registry
    logout              | logout            | Log out from a registry
    logs                | logs              | Fetch the logs of a container
    pause               | pause             | Pause all processes within one or more containers
    port                | port              | List port mappings or a specific mapping for the container
    pull                | pull              | Download an image from a registry
    push                | push              | Upload an image to a registry
    rename              | rename            | Rename a container
    restart             | restart           | Restart one or more containers
    rm                  | rm                | Remove one or more containers
    rmi                 | rmi               | Remove one or more images
    save                | save              | Save one or more images to a tar archive (streamed to STDOUT by default)
    search              | search            | Search Docker Hub for images, or another registry with HOST/TERM
    start               | start             | Start one or more stopped containers
    stats               | stats             | Display a live stream of container(s) resource usage statistics
    stop                | stop              | Stop one or more running containers
    tag                 | tag               | Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE
    top                 | top               | Display the running processes of a container
    unpause             | unpause           | Unpause all processes within one or more containers
    update              | update            | Update configuration of one or more containers
    wait                | wait              | Block until one or more containers stop, then print their exit codes
    doctor              | doctor            | Say which isolation this machine allows, and why
    info                | info              | Display system-wide information
    version             | version           | Show the version of izba and what it runs on
    completion          | completion        | Print the completion script of a shell
    builder du          | builder_du        | Disk usage of the build cache
    builder prune       | builder_prune     | Remove build cache
    container inspect   | container_inspect | Display detailed information on one or more containers
    container prune     | container_prune   | Remove all stopped containers
    image bootstrap     | image_bootstrap   | Make a base image from signed distribution packages
    image copy          | image_copy        | Copy an image between registries, archives, layouts and the store
    image inspect       | image_inspect     | Display detailed information on one or more images
    image ls-remote     | image_ls_remote   | List the tags of a repository on a registry
    image prune         | image_prune       | Remove unused images
    manifest inspect    | manifest_inspect  | Display a manifest or index of a registry
    network connect     | network_connect    | Connect a container to a network
    network create      | network_create     | Create a network
    network disconnect  | network_disconnect | Disconnect a container from a network
    network inspect     | network_inspect    | Display detailed information on one or more networks
    network ls          | network_ls         | List networks
    network prune       | network_prune      | Remove all unused networks
    network rm          | network_rm         | Remove one or more networks
    config create       | config_create     | Create a config from a file or STDIN as content
    config inspect      | config_inspect    | Display detailed information on one or more configs
    config ls           | config_ls         | List configs
    config rm           | config_rm         | Remove one or more configs
    registry serve      | registry_serve    | Serve a registry over this izba's content store
    secret create       | secret_create     | Create a secret from a file or STDIN as content
    secret inspect      | secret_inspect    | Display detailed information on one or more secrets
    secret ls           | secret_ls         | List secrets
    secret rm           | secret_rm         | Remove one or more secrets
    system check        | system_check      | Find what is damaged in the store, and mend it with --repair
    system df           | system_df         | Show disk usage
    system prune        | system_prune      | Remove unused data
    system resume       | system_resume     | Start the containers that should run, as after a reboot
    volume create       | volume_create     | Create a volume
    volume export       | volume_export     | Export a volume's content as a tar archive
    volume import       | volume_import     | Import a tar archive into a volume, which is made if it is not there
    volume inspect      | volume_inspect    | Display detailed information on one or more volumes
    volume ls           | volume_ls         | List volumes
    volume prune        | volume_prune      | Remove unused local volumes
    volume rm           | volume_rm         | Remove one or more volumes
""")

# The second name of a command, as Docker's users type it → its entry in COMMANDS.
ALIASES = {
    "builder build": "build",
    "image build": "build",
    "image history": "history",
    "image import": "import",
    "image load": "load",
    "image ls": "images",
    "image list": "images",
    "image pull": "pull",
    "image push": "push",
    "image rm": "rmi",
    "image remove": "rmi",
    "image save": "save",
    "image tag": "tag",
    "container ls": "ps",
    "container list": "ps",
    "container ps": "ps",
    "container remove": "rm",
    "config list": "config ls",
    "config remove": "config rm",
    "network list": "network ls",
    "network remove": "network rm",
    "secret list": "secret ls",
    "secret remove": "secret rm",
    "system events": "events",
    "system info": "info",
    "volume list": "volume ls",
    "volume remove": "volume rm",
} | {
    f"container {name}": name
    for name in (
        "attach commit cp create diff exec export kill logs pause port rename restart rm run start stats stop top "
        "unpause update wait"
    ).split()
}

GROUPS = {
    "builder": "Manage builds",
    "config": "Manage configs, which projects use as `external`",
    "container": "Manage containers",
    "image": "Manage images",
    "manifest": "Look at manifests of registries",
    "network": "Manage networks",
    "registry": "Serve images to others",
    "secret": "Manage secrets, which projects use as `external`",
    "system": "Manage izba",
    "volume": "Manage volumes",
}

# What `izba` shows first, as Docker's help does.
COMMON = ("run", "exec", "ps", "build", "pull", "push", "images", "doctor", "version", "info")


def members(group: str) -> dict[str, Entry]:
    """The commands of a group by their last word, in alphabetical order, one name for each."""
    prefix = f"{group} "
    found = {name.removeprefix(prefix): entry for name, entry in COMMANDS.items() if name.startswith(prefix)}
    for alias, name in ALIASES.items():
        if alias.startswith(prefix) and COMMANDS[name] not in found.values():
            found[alias.removeprefix(prefix)] = COMMANDS[name]
    return dict(sorted(found.items()))
