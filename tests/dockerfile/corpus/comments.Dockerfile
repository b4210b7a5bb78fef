# a comment
  # an indented comment
	# after a tab

FROM scratch
#
# above the label
STOPSIGNAL 9 # not a comment
RUN echo hello # for the shell
  # between
RUN echo a \
# no continuation is needed after a comment
    # nor an indent
  && echo b \

  && echo c
