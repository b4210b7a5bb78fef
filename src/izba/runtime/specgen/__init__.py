"""Spec generation: from wishes, image and host facts to an OCI config.json.

    request = SpecRequest(id=..., args=command_line(image["config"]), user=resolve_user("www", RootView(layers)), ...)
    limits, warnings = resources.checked(request.resources, host)
    spec = generate(request, image, host)

`generate` is pure. What reads the image or the host is apart: `user` and `rootview`, `devices.find`, `hostfacts`.
"""
