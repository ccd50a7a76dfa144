# Stands in for the public mongo image: the same user id, folders and port, without mongosh.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libcurl4 libssl3 liblzma5 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 999 --user-group --home-dir /data/db mongodb \
    && install -d -o mongodb -g mongodb -m 0700 /data/db /data/configdb /run/portal
COPY airgap/servers/mongod /usr/local/bin/mongod
COPY mongo/start mongo/healthy /etc/portal/mongo/
USER 999:999
VOLUME /data/db /data/configdb
EXPOSE 27017
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s CMD ["/etc/portal/mongo/healthy"]
ENTRYPOINT ["/etc/portal/mongo/start"]
