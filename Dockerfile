# One image for web, worker, beat and collector; docker-compose.yml says which it is.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 MALLOC_ARENA_MAX=2
WORKDIR /srv/runyard
COPY requirements.txt ./
RUN pip install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE manage.py ./
COPY platform platform
COPY workloads workloads
COPY metrics metrics
COPY templates templates
COPY static static
COPY examples examples
RUN pip install --no-deps --no-build-isolation --editable .

ENV RUNYARD_HOME=/var/lib/runyard RUNYARD_STATIC_ROOT=/srv/static
# The key signs nothing here: collectstatic only has to load the settings.
RUN useradd --system --create-home --home-dir "$RUNYARD_HOME" runyard \
 && install --directory --owner=runyard "$RUNYARD_HOME/kept-logs" \
 && RUNYARD_MODE=embedded RUNYARD_SECRET_KEY=unused python manage.py collectstatic --no-input
USER runyard
EXPOSE 8000
CMD ["uvicorn", "runyard.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--http", "runyard.kit.gathering:Protocol", "--no-access-log", "--ws-ping-interval", "20", \
     "--ws-ping-timeout", "20", "--ws-max-size", "16777216", "--ws-per-message-deflate", "false"]
