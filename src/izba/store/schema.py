"""The tables of `izba.db`, as migrations: the n-th script takes `user_version` from n to n + 1.

What listing needs stands in rows, so that `izba images` and `izba ps` read no blob. What can be derived is not stored:
whether a container runs is asked of the kernel, never of a table.
"""

from __future__ import annotations

_FIRST = """
CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- One row for each file in content/blobs. The row is inserted after the file is durable and deleted before the file.
CREATE TABLE content (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;

-- What a manifest or an index names. A child need not be here: layers of izba's own builds are kept as snapshots only.
CREATE TABLE content_children (
    parent TEXT NOT NULL REFERENCES content(digest) ON DELETE CASCADE,
    child TEXT NOT NULL,
    PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX content_children_child ON content_children(child);

-- Layers whose tar was verified here: `size` is that of the tar.
CREATE TABLE layers (
    diff_id TEXT PRIMARY KEY,
    size INTEGER NOT NULL
) WITHOUT ROWID;

-- The blobs whose uncompressed form is the layer.
CREATE TABLE layer_blobs (
    diff_id TEXT NOT NULL REFERENCES layers(diff_id) ON DELETE CASCADE,
    blob TEXT NOT NULL REFERENCES content(digest) ON DELETE CASCADE,
    PRIMARY KEY (diff_id, blob)
) WITHOUT ROWID;
CREATE INDEX layer_blobs_blob ON layer_blobs(blob);

-- What compressing a layer for a push gave, so that the next push asks the registry before it compresses again.
CREATE TABLE compressed_layers (
    diff_id TEXT NOT NULL REFERENCES layers(diff_id) ON DELETE CASCADE,
    compression TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    PRIMARY KEY (diff_id, compression)
) WITHOUT ROWID;

-- One row for each manifest that can be run. An image stays until it is removed, named or not.
CREATE TABLE images (
    manifest TEXT PRIMARY KEY REFERENCES content(digest),
    id TEXT NOT NULL REFERENCES content(digest),
    chain_id TEXT,
    created INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    size INTEGER NOT NULL,
    os TEXT NOT NULL,
    architecture TEXT NOT NULL,
    variant TEXT NOT NULL,
    labels TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX images_id ON images(id);
CREATE INDEX images_chain_id ON images(chain_id);

CREATE TABLE names (
    name TEXT PRIMARY KEY,
    digest TEXT NOT NULL REFERENCES content(digest),
    updated INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX names_digest ON names(digest);

-- `id` names the snapshot's directory and is never used again. `unsynced` is the boot id under which the snapshot was
-- committed, until its files are known to be on the disk: after a crash of the machine such a snapshot is not there.
CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('active', 'view', 'committed')),
    parent INTEGER REFERENCES snapshots(id),
    diff_id TEXT,
    size INTEGER,
    created INTEGER NOT NULL,
    unsynced TEXT
);
CREATE INDEX snapshots_parent ON snapshots(parent);
CREATE INDEX snapshots_diff_id ON snapshots(diff_id);

-- A lease lives as long as its holder's lock on the file leases/<id>; a lasting one until it is ended.
CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    created INTEGER NOT NULL,
    lasting INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE lease_resources (
    lease TEXT NOT NULL REFERENCES leases(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('content', 'snapshot')),
    key TEXT NOT NULL,
    PRIMARY KEY (lease, kind, key)
) WITHOUT ROWID;

CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    image TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    created INTEGER NOT NULL,
    config TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX containers_image ON containers(image);
"""

# What the steps of builds gave, by cache key; written by `build.cache`, which pins each snapshot by a lasting lease.
_BUILD_CACHE = """
CREATE TABLE build_cache (
    key TEXT PRIMARY KEY,
    parent TEXT,
    definition TEXT NOT NULL,
    diff_id TEXT,
    chain TEXT,
    description TEXT NOT NULL,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL,
    uses INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX build_cache_parent ON build_cache(parent);
CREATE INDEX build_cache_definition ON build_cache(definition, created);

CREATE TABLE build_aliases (
    name TEXT PRIMARY KEY,
    key TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX build_aliases_key ON build_aliases(key);
"""

# What `izba registry serve` shows of the content; written by `registry.server.catalog`.
_REGISTRY = """
CREATE TABLE registry_blobs (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES content(digest),
    created INTEGER NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX registry_blobs_digest ON registry_blobs(digest);

CREATE TABLE registry_manifests (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES content(digest),
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    artifact_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    annotations TEXT NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX registry_manifests_digest ON registry_manifests(digest);
CREATE INDEX registry_manifests_subject ON registry_manifests(repository, subject);

CREATE TABLE registry_tags (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository, tag),
    FOREIGN KEY (repository, digest) REFERENCES registry_manifests(repository, digest)
) WITHOUT ROWID;
CREATE INDEX registry_tags_digest ON registry_tags(repository, digest);
"""

# Whether a snapshot gives its layer's tar again, byte for byte; those unpacked from the tars of others need not.
_REWRITABLE = """
ALTER TABLE snapshots ADD COLUMN rewritable INTEGER NOT NULL DEFAULT 0;
"""

# Networks, and which containers are connected to them; written by `network.store`. An address belongs to its endpoint
# until another one needs it (see `network.ipam`): whether the container runs is not stored here either.
_NETWORKS = """
CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    driver TEXT NOT NULL,
    created INTEGER NOT NULL,
    config TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE endpoints (
    container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
    network TEXT NOT NULL,
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    address INTEGER,
    config TEXT NOT NULL,
    PRIMARY KEY (container, network)
) WITHOUT ROWID;
CREATE UNIQUE INDEX endpoints_address ON endpoints(network, address);
"""

# When a manifest of a pull-through registry was asked for last, in ns; 0 for what was pushed, which nothing evicts.
_REGISTRY_USES = """
ALTER TABLE registry_manifests ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
"""

MIGRATIONS = (_FIRST, _BUILD_CACHE, _REGISTRY, _REWRITABLE, _NETWORKS, _REGISTRY_USES)
