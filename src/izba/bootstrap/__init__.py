"""Base images where no registry can be reached: made from signed distribution packages.

    host/     what this machine already says about mirrors, proxies, keys and the npm registry
    fetch/    downloads into a verified cache
    debian/   signed index → packages → one tar of the root file system → configured in a container
    recipes/  busybox, debian, python, node
    catalog   name and tag → recipe; `bootstrap()`

izba knows no mirror and no registry of its own: whatever it downloads comes from the host's configuration or the
command line.
"""
