# Stands in for the public python:3.11-slim-bookworm.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s python3.11 /usr/bin/python
CMD ["python"]
