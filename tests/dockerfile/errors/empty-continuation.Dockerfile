FROM scratch
\

