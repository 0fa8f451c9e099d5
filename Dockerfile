# Two images: `service` answers, and holds nothing that only learning needs; `trainer` imports, learns and publishes.
#   docker build --target service .

# Packages come as they are pinned, each checked against its hash; then Endcap itself. What installed them stays behind.
FROM python:3.11-slim-bookworm AS service-packages
WORKDIR /source
COPY constraints-service.txt ./
RUN python -m venv /opt/endcap \
    && /opt/endcap/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement constraints-service.txt
COPY . .
RUN /opt/endcap/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/endcap/bin/pip uninstall --yes setuptools pip

FROM python:3.11-slim-bookworm AS trainer-packages
WORKDIR /source
COPY constraints-trainer.txt ./
RUN python -m venv /opt/endcap \
    && /opt/endcap/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement constraints-trainer.txt
COPY . .
RUN /opt/endcap/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/endcap/bin/pip uninstall --yes setuptools pip

# A user of a fixed number, so that a volume may be handed from one image to the other, and everything kept in one folder.
FROM python:3.11-slim-bookworm AS runtime
RUN groupadd --gid 10001 endcap \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/endcap --shell /usr/sbin/nologin endcap \
    && install --directory --owner endcap --group endcap /var/lib/endcap
ENV PATH=/opt/endcap/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ENDCAP_HOME=/var/lib/endcap
WORKDIR /var/lib/endcap
VOLUME /var/lib/endcap

FROM runtime AS trainer
# The wheel of implicit links to the system's OpenMP runtime; nothing that the service installs does. No version is named:
# Debian keeps only the newest build of a package, and a pinned one could not be had for long.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=trainer-packages /opt/endcap /opt/endcap
USER 10001:10001
CMD ["endcap", "train"]

# The last stage is what is built when none is named. From outside the container it answers only who has ENDCAP_API_KEY.
FROM runtime AS service
COPY --from=service-packages /opt/endcap /opt/endcap
ENV ENDCAP_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "from os import getenv; from urllib.request import urlopen; urlopen('http://127.0.0.1:' + getenv('ENDCAP_PORT', '8000') + '/livez', timeout=2)"]
CMD ["endcap", "serve"]
