# The application: `touchline api`, `worker`, `scheduler`, `migrate`, `backup` … as an ordinary user.
# compose.yaml runs all of it; tests/acceptance/test_deployment.py runs these lines without Docker.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS packages
ENV PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1
WORKDIR /app
RUN pip install uv
RUN python -m venv --without-pip /opt/touchline
# Packages first: this layer stays as it is while only our own code changes.
COPY pyproject.toml README.md ./
RUN uv pip install --compile-bytecode --python /opt/touchline/bin/python --editable ".[server,telemetry]"

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/touchline touchline
COPY --from=packages /opt/touchline /opt/touchline
ENV PATH=/opt/touchline/bin:$PATH \
    NUMBA_CACHE_DIR=/var/lib/touchline/compiled \
    PYTHONUNBUFFERED=1 \
    TOUCHLINE_HOST=0.0.0.0 \
    TOUCHLINE_PORT=8000
WORKDIR /app
COPY pyproject.toml README.md ./
COPY api ./api
COPY domain ./domain
COPY plugins ./plugins
COPY workers ./workers
RUN python -m compileall -q api domain plugins workers
USER touchline
EXPOSE 8000
# Alive, not ready: an API whose database is away must not be killed for it. compose.yaml asks the others nothing.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["touchline"]
CMD ["api"]
