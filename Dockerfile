# stream_guard as a container: README, "In a container", says how to run it.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/stream-guard
COPY pyproject.toml README.md LICENSE ./
COPY models models
COPY samples samples
COPY stream_guard stream_guard
RUN /opt/stream-guard/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/stream-guard/bin/pip install --no-cache-dir /wheels/*.whl

FROM python:3.11-slim-bookworm
# what OpenCV and MediaPipe load
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends libgl1 libglib2.0-0 libxcb1 libegl1 libgles2 \
    && rm -rf /var/lib/apt/lists/*
# a number, so that Kubernetes' runAsNonRoot can see that it is not root
RUN groupadd --gid 10001 guard \
    && useradd --uid 10001 --gid guard --no-create-home --home-dir /tmp --shell /usr/sbin/nologin guard \
    && install --directory --owner guard --group guard --mode 0700 /data
COPY --from=build /opt/stream-guard /opt/stream-guard
ENV PATH=/opt/stream-guard/bin:$PATH \
    STREAM_GUARD_WEB_HOST=0.0.0.0 \
    STREAM_GUARD_WEB_PORT=8000 \
    STREAM_GUARD_JOBS_JOBS_FOLDER=/data/jobs \
    XDG_CACHE_HOME=/data/cache
USER 10001:10001
WORKDIR /tmp
VOLUME /data
EXPOSE 8000
# answers without a token; speaks HTTP, so disable it where stream_guard ends TLS itself
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["stream-guard"]
CMD ["serve"]
