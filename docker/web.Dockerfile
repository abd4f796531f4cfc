# The site, and the commands that run no model: migrate, sweep, send_webhooks. Build it from the repository's root.
FROM python:3.11.15-slim-bookworm

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /app
COPY requirements.txt constraints.txt ./
COPY docker/packages.sh docker/
RUN docker/packages.sh web > /tmp/packages.txt && pip install -r /tmp/packages.txt -c constraints.txt && rm /tmp/packages.txt

# The folders of the volumes: a new volume takes over their owner.
RUN groupadd --system --gid 10001 soundscape \
    && useradd --system --uid 10001 --gid soundscape --home-dir /tmp --no-create-home --shell /usr/sbin/nologin soundscape \
    && install --directory --owner soundscape --group soundscape \
        /var/lib/soundscape/media \
        /var/lib/soundscape/models

COPY accounts accounts
COPY labelling labelling
COPY retrieval retrieval
COPY soundscape_site soundscape_site
COPY static static
COPY templates templates
COPY docker/entrypoint.sh docker/web_health.py docker/
COPY manage.py ./

ENV DJANGO_SETTINGS_MODULE=soundscape_site.settings.production \
    SOUNDSCAPE_VAR_DIR=/var/lib/soundscape \
    SOUNDSCAPE_BIND=0.0.0.0:8000

# The root file system is read-only at run time: byte code and static files are made now. The
# settings insist on values that nothing here uses.
RUN python -m compileall -q . \
    && DJANGO_SECRET_KEY=no-secret-is-used-while-the-static-files-are-collected \
       DJANGO_ALLOWED_HOSTS=build.invalid \
       DATABASE_URL=postgres://build.invalid/none \
       REDIS_URL=redis://build.invalid \
       DJANGO_BEHIND_TLS_PROXY=yes \
       SOUNDSCAPE_PROXIES=1 \
       SOUNDSCAPE_EMAIL_URL=smtp://build.invalid \
       SOUNDSCAPE_EMAIL_FROM=nobody@build.invalid \
       python manage.py collectstatic --noinput

USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["/app/docker/entrypoint.sh"]
CMD ["web"]
