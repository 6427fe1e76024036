# The action's image. The classic builder can build it: no mounts, no heredocs.
#   docker build -t rollback-deploy .
#   docker build --build-arg PROFILE=dev -t rollback-deploy .     (quick, for tests)
ARG RUST=rust:1.95-slim-bookworm
ARG DEBIAN=debian:bookworm-slim

FROM ${RUST} AS build
# The C compiler is for ring and for the linker.
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# `dist` is what ships; tests of the image take a cheaper one.
ARG PROFILE=dist
# Two builds of one program.
# The controller is dynamic: it looks names up through the image's own libraries. RUSTFLAGS replaces the flags of
# .cargo/config.toml (cargo takes the first source that is set, it does not add them up), so any value that is not empty
# switches crt-static off; this one says so as well.
# The host build is static, by .cargo/config.toml, and knows nothing of GitHub and SSH: it travels to hosts.
# Each has a target folder of its own: with other flags every crate is built anew anyway.
RUN printf '%s\n' 'set -eu; export CARGO_INCREMENTAL=0' \
      'RUSTFLAGS="-C target-feature=-crt-static" \
         cargo build --locked --profile "$PROFILE" --bin rollback-deploy --target-dir target/dynamic' \
      'cargo build --locked --profile "$PROFILE" --bin rollback-deploy --no-default-features --target-dir target/static' \
      >/usr/local/bin/build-both
# Without rust-toolchain.toml: the image is the toolchain, and rustup would fetch the developers' tools it names.
# The pattern lets a checkout without a build script through.
COPY Cargo.toml Cargo.lock build.r[s] ./
COPY .cargo .cargo
COPY core/Cargo.toml core/
# The dependencies, in a layer of their own that stays while only our sources change.
RUN mkdir src core/src \
 && echo 'fn main() {}' >src/main.rs \
 && touch src/lib.rs core/src/lib.rs \
 && sh /usr/local/bin/build-both
COPY core core
COPY src src
# Touched: cargo goes by time, and our sources are older than what stood for them.
RUN set -eu; \
    find src core/src -name '*.rs' -exec touch {} +; \
    sh /usr/local/bin/build-both; \
    folder="$PROFILE"; if [ "$PROFILE" = dev ]; then folder=debug; fi; \
    mkdir -p /out; \
    cp target/dynamic/*-linux-gnu/"$folder"/rollback-deploy /out/rollback-deploy; \
    cp target/static/*-linux-gnu/"$folder"/rollback-deploy "/out/rollback-deploy-host-$(uname -m)"; \
    ln -s rollback-deploy /out/rollback-deploy-post

FROM ${DEBIAN}
LABEL org.opencontainers.image.source="https://github.com/org/rollback-deploy" \
      org.opencontainers.image.description="Deploys that can be taken back by a click, by a command, or by the host itself" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git openssh-client \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /usr/local/bin/
# No USER: GitHub runs container actions as root, and only root can write the files of the step.
# The post step starts the same program by its other name.
ENTRYPOINT ["/usr/local/bin/rollback-deploy"]
