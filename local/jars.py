"""Neo4j's jars, exactly as jgo.lock.toml has them. `python -m local.jars` writes that lock from jgo.toml."""

import ssl
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jgo.env import EnvironmentBuilder, EnvironmentSpec, LockedDependency, LockFile
from jgo.maven import MavenContext
from requests import RequestException, Session
from requests.adapters import HTTPAdapter
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from local.component import CloudError, Narrate, in_one_line

HERE = Path(__file__).resolve().parent
SPEC = HERE / "jgo.toml"
LOCK = HERE / "jgo.lock.toml"
BROWSER = "neo4j-browser"  # not for the server: a web page in a jar, which the front serves
CACHE = HERE.parent / ".local" / "cache" / "jars"  # laid out as a Maven repository; for every cloud of this checkout


class WrongJarError(Exception):
    """A jar is not what the lock says."""


class TrustingAdapter(HTTPAdapter):
    """Trusts what the system trusts too, as pip does: a company's proxy has a certificate of its own."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Connect with the system's certificates."""
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **options)

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        """Connect by way of a proxy with the system's certificates."""
        return super().proxy_manager_for(*args, ssl_context=ssl.create_default_context(), **options)


def class_path(narrate: Narrate) -> list[Path]:
    """Return the jars, each with the SHA-256 of the lock; fetch those that are not there (157 MB the first time)."""
    locked = LockFile.load(LOCK).dependencies
    if unchecked := [str(jar) for jar in locked if not jar.sha256]:
        raise CloudError(f"{LOCK} has no SHA-256 for {unchecked}")
    context = MavenContext(repo_cache=CACHE)
    if wanted := [jar for jar in locked if _faults(jar, context)]:
        _fetch_all(wanted, narrate)
    return [_path(jar, context) for jar in locked if jar.artifactId != BROWSER]


def browser() -> Path:
    """Return where the jar of Neo4j Browser is, once `class_path` has fetched it."""
    [jar] = [jar for jar in LockFile.load(LOCK).dependencies if jar.artifactId == BROWSER]
    return _path(jar, MavenContext(repo_cache=CACHE))


def lock() -> None:
    """Resolve jgo.toml anew (minutes) and write the lock: coordinates and checksums, no address."""
    with TemporaryDirectory() as folder:
        builder = EnvironmentBuilder(MavenContext(repo_cache=Path(folder)), cache_dir=Path(folder))
        builder.resolve_lockfile(EnvironmentSpec.load(SPEC)).save(LOCK)


def _fetch_all(wanted: list[LockedDependency], narrate: Narrate) -> None:
    """Fetch into a folder aside and move each jar that is right into the cache, which so never holds half a one."""
    CACHE.mkdir(parents=True, exist_ok=True)
    session = Session()
    session.mount("https://", TrustingAdapter())
    with TemporaryDirectory(dir=CACHE.parent) as aside, ThreadPoolExecutor(8) as pool, session:
        fetches = [pool.submit(_fetch, jar, MavenContext(repo_cache=Path(aside)), session) for jar in wanted]
        try:
            for count, fetched in enumerate(as_completed(fetches), start=1):
                fetched.result()
                narrate(f"Neo4j: fetching its jars, {count} of {len(wanted)}")
        except (RequestException, WrongJarError) as error:
            raise CloudError(f"neo4j: cannot fetch its jars: {in_one_line(error)}") from error
        finally:
            pool.shutdown(cancel_futures=True)


@retry(
    retry=retry_if_exception_type((RequestException, WrongJarError)),
    stop=stop_after_attempt(3),
    wait=wait_exponential(),
    reraise=True,
)
def _fetch(jar: LockedDependency, aside: MavenContext, session: Session) -> None:
    """Fetch one jar. The lock says all, so jgo need not resolve, and one session spares it a connection for each."""
    (repository,) = aside.remote_repos.values()
    fetched, place = _path(jar, aside), _path(jar, MavenContext(repo_cache=CACHE))
    with session.get(f"{repository}/{fetched.relative_to(aside.repo_cache).as_posix()}", timeout=60) as response:
        response.raise_for_status()
        fetched.parent.mkdir(parents=True, exist_ok=True)
        fetched.write_bytes(response.content)
    if faults := _faults(jar, aside):
        raise WrongJarError(faults[0])
    place.parent.mkdir(parents=True, exist_ok=True)
    fetched.replace(place)


def _faults(jar: LockedDependency, context: MavenContext) -> list[str]:
    return LockFile([jar]).verify_checksums(context.repo_cache)


def _path(jar: LockedDependency, context: MavenContext) -> Path:
    component = context.project(jar.groupId, jar.artifactId).at_version(jar.version)
    return context.repo_cache / component.path_prefix / component.artifact(jar.classifier or "", jar.packaging).filename


if __name__ == "__main__":
    lock()
