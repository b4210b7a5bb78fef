"""A registry over izba's content store: `izba registry serve`. distribution-spec 1.1, conformant.

http.py       HTTP/1.1 by h11, a thread for each connection
app.py        routes → handlers, errors → their JSON, who may do what
catalog.py    repositories, tags, manifests and links to blobs: rows beside the content store
uploads.py    sessions of blobs that are being written
blobs.py  manifests.py  lists.py     the handlers
passthrough.py  what is missing is fetched from another registry and kept
arriving.py  passing.py  its blobs, while they come: to be kept, or not
passwords.py  htpasswd
"""
