FROM python:3.11

RUNN pip install x
CMD ["a"]
