# Patchbay's image: compiled JavaScript, the pinned Node and the tools that an agent calls on its host. No shell, no package
# manager. What each part weighs, and why it is made so: docs/decisions/0015-image.md.
#
#   docker build -t patchbay .
#
# BASE: a Debian with npm. Nothing of it comes into the image but the programs named below and the libraries they load.
# A secret `npmrc` may say where npm finds its registry.
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS packages
WORKDIR /patchbay
COPY package.json package-lock.json .npmrc ./
COPY setup/link-node.sh setup/
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci

FROM packages AS compiled
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && chmod 755 dist/cli/main.js

# Without what nothing of ours loads: client-node's models of all of Kubernetes (docs/decisions/0011-kubernetes-api.md), what its
# dependencies have for the runtime Bare, types and source maps. The pinned Node goes by the next stage.
FROM packages AS pruned
RUN cp -L node_modules/.bin/node /node && \
    npm prune --omit=dev --ignore-scripts && \
    rm -rf node_modules/.bin node_modules/node-linux-* node_modules/@types node_modules/bare-* \
      node_modules/@kubernetes/client-node/dist/gen && \
    find node_modules -name '*.map' -delete -o -name '*.d.ts' -delete -o -name '*.d.cts' -delete -o -name '*.d.mts' -delete

# ovs-vsctl is taken out of its package, which would bring Python and a service along.
FROM ${BASE} AS tools
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends binutils iproute2 iptables \
      libnuma1 libunbound8 libxdp1 && \
    cd /tmp && apt-get download -o APT::Sandbox::User=root openvswitch-switch && \
    dpkg-deb --fsys-tarfile openvswitch-switch_*.deb | tar -C / -x ./usr/bin/ovs-vsctl
COPY --from=pruned /node /usr/bin/node
RUN strip --strip-unneeded /usr/bin/node
# Programs with the libraries and the loader that they name, links as links. iptables loads its extensions by name.
RUN set -e; mkdir /image; \
    for file in $(readlink -f /usr/bin/env /usr/bin/node /usr/bin/ovs-vsctl /usr/bin/ip /usr/sbin/bridge /usr/sbin/tc \
      /usr/sbin/xtables-nft-multi /usr/lib/*/xtables/*.so); do \
      cp --parents "$file" /image; \
      if ldd "$file" | grep 'not found'; then exit 1; fi; \
      ldd "$file" | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' | xargs cp -L --parents -t /image; \
    done; \
    for tool in iptables-save iptables-restore ip6tables-save ip6tables-restore; do \
      ln -s xtables-nft-multi "/image/usr/sbin/$tool"; \
    done; \
    ln -s /patchbay/dist/cli/main.js /image/usr/bin/patchbay

FROM scratch
COPY --from=tools /image /
COPY --from=pruned /patchbay/node_modules /patchbay/node_modules
COPY package.json LICENSE /patchbay/
COPY --from=compiled /patchbay/dist /patchbay/dist
ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin
# The controller's; an agent runs as root (deploy/).
USER 65532:65532
ENTRYPOINT ["patchbay"]
