# The container of the action: one static program and the certificates to call an API with.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo rustc --release --locked --bin gait -- -C target-feature=+crt-static \
    && install -D -m 0755 target/release/gait /out/gait

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/gait /gait
ENTRYPOINT ["/gait"]
