"""ChainID (image-spec, config.md, "Layer ChainID"): the name of a stack of layers."""

from __future__ import annotations

from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LAYERS_LIMIT = 500
"""Layers of an image: the kernel puts no more below one overlay (its OVL_MAX_STACK), so no container can have more.
Docker's own store ends at 125."""


def chain_id(diff_ids: Iterable[Digest]) -> Digest | None:
    """The chain id of the whole stack, lowest layer first; None for no layer."""
    chain: Digest | None = None
    for diff_id in diff_ids:
        chain = next_chain_id(chain, diff_id)
    return chain


def next_chain_id(parent: Digest | None, diff_id: Digest) -> Digest:
    """The chain id of `diff_id` applied on top of `parent`."""
    return diff_id if parent is None else Digest.of(f"{parent} {diff_id}".encode())
