# The container of the action: one static program and the certificates to call an API with.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# A target of its own keeps the flags away from build scripts and macros, which cannot be linked statically.
RUN host="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin gait --target "$host" \
    && install -D -m 0755 "target/$host/release/gait" /out/gait

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/gait /gait
ENTRYPOINT ["/gait"]
