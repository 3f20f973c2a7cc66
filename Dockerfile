# One target for each role: docker build --target service|worker|launcher|flink .
#
#   service    the embedded engine, as a small service
#   worker     a worker of Beam: Dataflow runs it with --sdk_container_image
#   launcher   what a flex template of Dataflow starts: it submits jobs/template.py
#   flink      a TaskManager's Python, beside Flink's own image
ARG PYTHON=3.11.14-slim-bookworm
ARG BEAM=2.77.0
# Google publishes it without versions of its own: pin it with --build-arg LAUNCHER=...@sha256:...
ARG LAUNCHER=gcr.io/dataflow-templates-base/python311-template-launcher-base

# The package with its views as a wheel; the compiler stays behind in this stage.
FROM python:${PYTHON} AS wheel
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9 setuptools==84.2.1 wheel==0.48.0
WORKDIR /build
COPY pyproject.toml setup.py README.md LICENSE ./
COPY onto_flow ./onto_flow
COPY udfs ./udfs
RUN python setup.py -q sdist --dist-dir /sdist
RUN uv build --quiet --no-build-isolation --wheel --out-dir /wheels /sdist/*.tar.gz

FROM python:${PYTHON} AS service
COPY requirements.lock /tmp/requirements.lock
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
RUN uv pip install --system --no-cache --constraint /tmp/requirements.lock "onto-flow[parquet,pandas,crc,feeds,pubsub,firestore,postgresql,metrics] @ file://$(ls /wheels/*.whl)"
RUN useradd --create-home --uid 10001 runner
USER runner
WORKDIR /home/runner
ENTRYPOINT ["onto-flow"]

# Dataflow starts a worker's container by the program that Beam's image begins with.
FROM apache/beam_python3.11_sdk:${BEAM} AS worker
COPY requirements.lock /tmp/requirements.lock
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
RUN uv pip install --system --no-cache --constraint /tmp/requirements.lock "onto-flow[beam,parquet,crc,feeds,pubsub,firestore,bigquery] @ file://$(ls /wheels/*.whl)"

FROM ${LAUNCHER} AS base-launcher
FROM worker AS launcher
COPY --from=base-launcher /opt/google/dataflow/python_template_launcher /opt/google/dataflow/python_template_launcher
COPY jobs /template/jobs
COPY setup.py pyproject.toml README.md LICENSE /template/
COPY onto_flow /template/onto_flow
COPY udfs /template/udfs
RUN useradd --create-home --uid 10001 runner
USER runner
WORKDIR /template
ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/template/jobs/template.py PYTHONPATH=/template
ENTRYPOINT ["/opt/google/dataflow/python_template_launcher"]

FROM python:${PYTHON} AS flink
COPY requirements-flink.lock /tmp/requirements.lock
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
RUN uv pip install --system --no-cache --constraint /tmp/requirements.lock "onto-flow[flink,parquet] @ file://$(ls /wheels/*.whl)"
RUN useradd --create-home --uid 10001 runner
USER runner
WORKDIR /home/runner
ENTRYPOINT ["onto-flow"]
