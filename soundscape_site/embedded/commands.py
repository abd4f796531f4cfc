"""Which services a command line needs."""

from collections.abc import Mapping, Sequence

from soundscape_site.embedded.status import Service

# The variable that configures a server and so disables the embedded one.
_VARIABLES = {Service.POSTGRES: "DATABASE_URL", Service.REDIS: "REDIS_URL"}

_NEED_NO_SERVICE = {
    "help", "version", "bench_matching", "collectstatic", "compilemessages", "diffsettings",
    "fetch_models", "findstatic", "make_starter_library", "makemessages", "startapp",
    "startproject",
}  # fmt: skip
_HELP_OPTIONS = {"-h", "--help", "--version"}


def services_for(argv: Sequence[str], environ: Mapping[str, str]) -> frozenset[Service]:
    """Return the services to embed for a command line; its first word is the program."""
    arguments = argv[1:]
    if not arguments or _HELP_OPTIONS.intersection(arguments) or arguments[0] in _NEED_NO_SERVICE:
        return frozenset()
    if arguments[0] == "check" and "--database" not in arguments:
        return frozenset()
    return frozenset(service for service, name in _VARIABLES.items() if not environ.get(name))
