FROM scratch
MAINTAINER Some One <some.one@example.org>
maintainer "Quoted"
