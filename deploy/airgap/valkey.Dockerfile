# Stands in for the public valkey image: the same user id and port.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends redis-tools \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 999 --user-group --home-dir /data valkey \
    && install -d -o valkey -g valkey -m 0700 /data /run/portal
COPY airgap/servers/valkey-server /usr/local/bin/valkey-server
COPY redis/start redis/healthy /etc/portal/redis/
USER 999:999
WORKDIR /data
EXPOSE 6379
HEALTHCHECK --interval=5s --timeout=5s CMD ["/etc/portal/redis/healthy"]
ENTRYPOINT ["/etc/portal/redis/start"]
