FROM scratch
CMD ["executable", "param 1", "\u00fc\t"]
CMD echo "a  b" | cat
CMD []
CMD [ "not json', 'at all" ]
CMD ["trailing", ]
CMD [ -f x ] && y
CMD
ENTRYPOINT ["/bin/sh","-c"]
ENTRYPOINT exec top -b
ENTRYPOINT []
