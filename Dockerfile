# One image for each engine: docker build --build-arg ENGINE=local|beam|flink .
FROM python:3.11-slim

ARG ENGINE=local
WORKDIR /app
COPY requirements.lock requirements-flink.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check \
    $(case "$ENGINE" in \
        local) echo "-c requirements.lock pyarrow pandas google-crc32c psycopg[binary] setuptools wheel" ;; \
        beam) echo "--require-hashes -r requirements.lock" ;; \
        flink) echo "--require-hashes -r requirements-flink.lock" ;; \
        *) echo "unknown-engine" ;; \
    esac)
COPY pyproject.toml setup.py README.md ./
COPY onto_flow ./onto_flow
COPY udfs ./udfs
COPY jobs ./jobs
RUN pip install --no-cache-dir --no-deps --no-build-isolation . \
    && useradd --create-home runner
USER runner
ENTRYPOINT ["onto-flow"]
