ARG GO_IMAGE=golang:1.26
FROM ${GO_IMAGE} AS build
# GOPROXY: a module mirror, where the default can't be reached
ARG GOPROXY
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make build VERSION="${VERSION}" && mkdir -p /image/data /image/tmp && chmod 1777 /image/tmp

# The binary is static and carries its time zones; besides itself it needs certificates, a place for data, and /tmp.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /image/tmp /tmp
COPY --from=build --chown=65532:65532 /image/data /data
COPY --from=build /src/bin/zhiyin /zhiyin
USER 65532:65532
WORKDIR /
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/zhiyin"]
CMD ["serve"]
