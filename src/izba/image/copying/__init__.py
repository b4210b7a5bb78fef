"""Copies of images and whole indexes between places that need not be this store.

graph.py     what belongs to an image, and the order in which it goes
places.py    what people write: docker://, docker-archive:, oci-archive:, oci:, store:
sources.py   registry, image layout, archive
targets.py   registry, image layout, archive
"""
