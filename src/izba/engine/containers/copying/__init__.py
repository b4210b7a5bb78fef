"""`izba cp`: files between a container and the host, either as trees or as a tar stream.

A container is not trusted: it may hold links to anywhere, FIFOs, devices, and change all of it while it is copied. So
its paths are resolved inside its root by the kernel, each further step is taken from a descriptor and follows no link,
only regular files are opened, and no program is run, neither the host's nor the container's.

    item.py     one file on its way
    tree.py     a tree as items, and items as a tree
    archive.py  a tar as items, and items as a tar
    root.py     a container's root, running or not
    copy.py     Docker's rules of what goes where
"""
