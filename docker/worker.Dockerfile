# The workers, and the commands that run models: fetch_models, import_clips, match.
# Build it from the repository's root.
FROM python:3.11.15-slim-bookworm

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

# worker; worker-gpu with NVIDIA's libraries; worker-milvus with Milvus's client.
ARG PACKAGES=worker

WORKDIR /app
COPY requirements.txt constraints.txt ./
COPY docker/packages.sh docker/
RUN docker/packages.sh "$PACKAGES" > /tmp/packages.txt && pip install -r /tmp/packages.txt -c constraints.txt && rm /tmp/packages.txt

# The folders of the volumes: a new volume takes over their owner.
RUN groupadd --system --gid 10001 soundscape \
    && useradd --system --uid 10001 --gid soundscape --home-dir /tmp --no-create-home --shell /usr/sbin/nologin soundscape \
    && install --directory --owner soundscape --group soundscape \
        /var/lib/soundscape/index \
        /var/lib/soundscape/media \
        /var/lib/soundscape/models \
        /var/lib/soundscape/scratch \
        /var/lib/soundscape/starter-library

COPY accounts accounts
COPY labelling labelling
COPY retrieval retrieval
COPY soundscape_site soundscape_site
COPY static static
COPY templates templates
COPY docker/entrypoint.sh docker/
COPY manage.py ./

ENV DJANGO_SETTINGS_MODULE=soundscape_site.settings.production \
    SOUNDSCAPE_VAR_DIR=/var/lib/soundscape

# The root file system is read-only at run time: byte code is made now.
RUN python -m compileall -q .

USER 10001:10001
ENTRYPOINT ["/app/docker/entrypoint.sh"]
CMD ["inference"]
