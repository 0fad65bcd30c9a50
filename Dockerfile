# One base, one target per service: docker build --target api|runner|history .
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/webjobs
COPY requirements/runtime.txt requirements/
RUN /opt/webjobs/bin/pip install --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY libs libs
COPY services services
COPY tools tools
COPY deploy/nats deploy/nats
COPY release/sbom_hook.py release/
RUN /opt/webjobs/bin/pip install --no-deps --no-build-isolation .

FROM python:${PYTHON_VERSION}-slim AS base
RUN useradd --uid 10001 --create-home webjobs
COPY --from=build /opt/webjobs /opt/webjobs
WORKDIR /home/webjobs
USER webjobs

FROM base AS api
EXPOSE 8080
CMD ["/opt/webjobs/bin/python", "-P", "-m", "webjobs_api"]

FROM base AS history
CMD ["/opt/webjobs/bin/python", "-P", "-m", "webjobs_history"]

# The interpreters of jobs. Its own Python is not on PATH: a job's `python3` is the system's, without our packages.
FROM base AS runner
USER root
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bash nodejs npm php-cli \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner webjobs --group webjobs /data
USER webjobs
ENV WEBJOBS_DATA=/data
CMD ["/opt/webjobs/bin/python", "-P", "-m", "webjobs_runner"]
