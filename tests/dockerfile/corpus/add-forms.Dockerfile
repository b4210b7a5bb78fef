FROM scratch
ADD app.tar.gz /srv/
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.org/a.tar /a.tar
ADD --chown=1000:staff --chmod=0644 a b	c /dir/
ADD --keep-git-dir=true --link https://example.org/project.git#main /src
ADD --unpack=false ["with space.tar", "/a b/"]
ADD --exclude=*.md --exclude=docs . /app
