# Two stages: the first has compilers' leftovers and pip's cache, the second only what runs.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/depotgate \
 && /opt/depotgate/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY models ./models
COPY connectors ./connectors
COPY streams ./streams
COPY depotgate ./depotgate
COPY dashboards ./dashboards
RUN /opt/depotgate/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/depotgate depotgate
COPY --from=build /opt/depotgate /opt/depotgate
ENV PATH=/opt/depotgate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DEPOTGATE_DATA=/var/lib/depotgate
USER depotgate
WORKDIR /var/lib/depotgate
ENTRYPOINT ["depotgate"]
