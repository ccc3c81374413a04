# The image of Weir: Node, the libraries it needs, Weir. No shell, no package manager.
#
#   docker build -t weir --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# docs/how-to/run-in-a-container.md says how to run it; docs/decisions/0012-image.md why it is so.

# A Debian with Node 26 (any other with glibc, npm and a shell will do). What it has beyond Node stays behind.
ARG NODE_IMAGE=docker.io/library/node:26-slim

FROM ${NODE_IMAGE} AS node
COPY scripts/image-root.sh /tmp/
RUN sh /tmp/image-root.sh /image

FROM ${NODE_IMAGE} AS packages
WORKDIR /image/weir
COPY package.json package-lock.json .npmrc ./
# Declarations and maps are for editors.
RUN npm ci --omit=dev --ignore-scripts \
 && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete \
 && rm package-lock.json .npmrc node_modules/.package-lock.json

FROM ${NODE_IMAGE} AS weir
WORKDIR /build
COPY scripts/strip-types.ts scripts/
COPY src src
COPY bin /image/weir/bin
# Without an env to ask, a command names its Node.
RUN node --disable-warning=ExperimentalWarning scripts/strip-types.ts /image/weir/dist \
 && sed -i '1s|^#!.*|#!/usr/local/bin/node|' /image/weir/bin/weir.js \
 && mkdir -p /image/usr/local/bin \
 && ln -s /weir/bin/weir.js /image/usr/local/bin/weir
COPY config /image/weir/config
COPY LICENSE /image/weir/

FROM scratch
COPY --from=node /image /
COPY --from=packages /image /
COPY --from=weir /image /

# Half of the memory limit is the heap's: Node's own lower bound of 256 MiB would be more than a small container has.
# The rest is for bodies (which are outside the heap), sockets, hashes of passwords and Node itself.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-old-space-size-percentage=50 \
    PATH=/usr/local/bin
WORKDIR /weir
USER 10001:10001
# The only place that is written to: large bodies. On a disk, not in memory, and so even where the rest is read-only.
VOLUME /tmp
EXPOSE 8080 9464
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["node", "/weir/dist/ready.js"]
# A stop takes lameDuckMs + graceMs at most; Docker would kill after 10 s: docker run --stop-timeout 45.
STOPSIGNAL SIGTERM
ENTRYPOINT ["weir"]
CMD ["serve"]

ARG NODE_IMAGE
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.description="Authenticating, rate-limiting reverse proxy for the WhatsApp Business API" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"
