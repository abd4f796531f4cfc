"""Which services a command line needs."""

from collections.abc import Mapping, Sequence

from soundscape_site.embedded.status import Service

# The variable that names a server of one's own instead.
_VARIABLES = {Service.POSTGRES: "DATABASE_URL", Service.REDIS: "REDIS_URL"}

_NEED_NOTHING = {
    "help": "prints text",
    "version": "prints a number",
    "collectstatic": "copies files",
    "compilemessages": "writes files",
    "diffsettings": "prints settings",
    "fetch_models": "downloads files",
    "findstatic": "looks for files",
    "make_starter_library": "writes sound files",
    "makemessages": "writes files",
    "startapp": "writes files",
    "startproject": "writes files",
}
_ONLY_HELP = {"-h", "--help", "--version"}


def services_for(argv: Sequence[str], environ: Mapping[str, str]) -> frozenset[Service]:
    """Return the services to embed for a command line, the program's name first."""
    arguments = argv[1:]
    if not arguments or _ONLY_HELP.intersection(arguments) or arguments[0] in _NEED_NOTHING:
        return frozenset()
    if arguments[0] == "check" and "--database" not in arguments:
        return frozenset()
    return frozenset(service for service, name in _VARIABLES.items() if not environ.get(name))
