"""The files of an offline rebuild in a bucket, from which the graph's host reads them by signed addresses."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from botocore.config import Config

from chalicelib import config
from chalicelib.graph import importing
from chalicelib.ledger import bulk

URL_SECONDS = 3600  # for which the host may read the files
LONG = Config(
    connect_timeout=3,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 4},
    signature_version="s3v4",  # signed addresses, too: the older kind is not good everywhere
)
_DELETED_AT_ONCE = 1000  # S3 takes no more


class ImportFiles(NamedTuple):
    """The files of one rebuild: headers, and `parts` times those of `ledger.bulk`."""

    rebuild_id: int
    parts: int

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Yield a file of the next part; it comes into the bucket when it is closed."""
        with TemporaryFile() as file:
            yield file
            file.seek(0)
            self._put(f"{name}-{self.parts:06}.csv", file)

    def write_manifest(self) -> str:
        """Write the headers and a list "NAME ADDRESS" of all files; return the list's address, a signed one.

        Whoever has an address can read its file, for an hour and from inside the network only: see the bucket's policy.
        """
        for name, header in importing.headers():
            self._put(name, header.encode())
        names = [*(name for name, _ in importing.headers()), *self._names()]
        self._put("manifest", "".join(f"{name} {self._sign(name)}\n" for name in names).encode())
        return self._sign("manifest")

    def delete(self) -> None:
        """Delete all files; what is left after a day, the bucket deletes."""
        names = ["manifest", *(name for name, _ in importing.headers()), *self._names()]
        for first in range(0, len(names), _DELETED_AT_ONCE):
            keys = [{"Key": self._key(name)} for name in names[first : first + _DELETED_AT_ONCE]]
            answer = _s3().delete_objects(Bucket=_bucket(), Delete={"Objects": keys, "Quiet": True})
            if errors := answer.get("Errors"):
                raise RuntimeError(f"{len(errors)} files were not deleted: {errors[0]['Code']}")

    def _names(self) -> Iterator[str]:
        return (f"{name}-{part:06}.csv" for part in range(self.parts) for name in bulk.NAMES)

    def _key(self, name: str) -> str:
        return f"{self.rebuild_id}/{name}"

    def _put(self, name: str, body: IO[bytes] | bytes) -> None:
        _s3().put_object(Bucket=_bucket(), Key=self._key(name), Body=body)

    def _sign(self, name: str) -> str:
        where = {"Bucket": _bucket(), "Key": self._key(name)}
        url: str = _s3().generate_presigned_url("get_object", Params=where, ExpiresIn=URL_SECONDS)
        return url


def _s3() -> Any:
    return config.client("s3", LONG)


def _bucket() -> str:
    return config.setting("IMPORT_BUCKET")
