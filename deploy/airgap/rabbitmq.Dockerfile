# Stands in for the public rabbitmq image: the same user id, home folder and port.
FROM debian:bookworm-slim
# The user comes before the package, which would else give it the next free id.
RUN useradd --system --uid 999 --user-group --home-dir /var/lib/rabbitmq rabbitmq \
    && apt-get update \
    && apt-get install --yes --no-install-recommends rabbitmq-server \
    && rm -rf /var/lib/apt/lists/* /var/lib/rabbitmq/* /var/lib/rabbitmq/.erlang.cookie \
    && install -d -o rabbitmq -g rabbitmq -m 0700 /var/lib/rabbitmq
COPY rabbitmq/ /etc/portal/rabbitmq/
# Debian's own commands write the log to files and refuse other users; these are the project's.
ENV PATH=/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/var/lib/rabbitmq \
    LANG=C.UTF-8
USER 999:999
VOLUME /var/lib/rabbitmq
EXPOSE 5672 15692
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s CMD ["/etc/portal/rabbitmq/healthy"]
ENTRYPOINT ["/etc/portal/rabbitmq/start"]
