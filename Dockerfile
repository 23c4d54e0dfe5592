# syntax=docker/dockerfile:1
#
#   docker build --tag keras-ptft .
#   docker run --rm --volume "$PWD:/data" keras-ptft run digits
#
# With CUDA, which needs the NVIDIA container toolkit on the machine:
#   docker build --tag keras-ptft:gpu --build-arg EXTRA=gpu .
#   docker run --rm --gpus all --volume "$PWD:/data" keras-ptft:gpu run digits
#
# EXTRA is an extra of pyproject.toml, or several with commas between. Where
# your user's number is not 1000, add --user "$(id -u):$(id -g)".
#
# It is linted, and tests look at what it names; no image has been built of it
# where it was written.

FROM python:3.12-slim-bookworm AS wheels
ARG EXTRA=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.lock requirements-gpu.lock ./
# what builds wheels is locked too, and nothing else comes in for it
RUN awk '/^[^ ]/ {keep = /^(setuptools|wheel)==/} keep' requirements.lock \
      > build.lock \
    && pip install --require-hashes --no-deps -r build.lock
RUN pip wheel --require-hashes --no-deps --no-build-isolation \
      --wheel-dir=/wheels -r requirements.lock
RUN case ",$EXTRA," in *,gpu,*) \
      pip wheel --require-hashes --no-deps --wheel-dir=/wheels \
        -r requirements-gpu.lock ;; \
    esac
COPY pyproject.toml ./
RUN python - "$EXTRA" > /wanted.txt <<'PYTHON'
import pathlib
import sys
import tomllib

project = tomllib.loads(pathlib.Path("pyproject.toml").read_text("utf-8"))
project = project["project"]
print(*project["dependencies"], sep="\n")
for extra in filter(None, sys.argv[1].split(",")):
    print(*project["optional-dependencies"][extra], sep="\n")
PYTHON

FROM wheels AS own
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir=/own .

FROM python:3.12-slim-bookworm
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# the large layer changes with the lock alone; of the lock, it holds what is
# needed and no tool of developers
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    --mount=type=bind,from=wheels,source=/wanted.txt,target=/wanted.txt \
    pip install --no-index --find-links=/wheels -r /wanted.txt
RUN --mount=type=bind,from=own,source=/own,target=/own \
    pip install --no-index --no-deps /own/*.whl
RUN useradd --uid 1000 keras && install --directory --owner=keras /data
USER 1000
# for a --user without a home of its own
ENV HOME=/var/tmp
WORKDIR /data
ENTRYPOINT ["keras-ptft"]
CMD ["--help"]
