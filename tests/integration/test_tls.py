"""The graph's server has a certificate of its own; the client trusts that certificate alone."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import neo4j
import pytest

from chalicelib.graph.client import Graph, GraphUnavailableError, connect

OPENSSL = shutil.which("openssl") or "openssl"
HOST = "localhost"


def certificate(folder: Path) -> Path:
    """Make a certificate as stacks/data/neo4j/host.sh does."""
    folder.mkdir()
    command = f"""req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN={HOST}
        -addext subjectAltName=DNS:{HOST} -addext keyUsage=critical,digitalSignature,keyCertSign
        -keyout private.key -out public.crt"""
    subprocess.run([OPENSSL, *command.split()], cwd=folder, check=True, capture_output=True)
    return folder / "public.crt"


@contextmanager
def server(certificate_path: Path) -> Iterator[tuple[int, list[bool]]]:
    """Listen with that certificate; yield the port, and whether each handshake was finished."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_path, certificate_path.with_name("private.key"))
    finished: list[bool] = []

    def answer(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as wire:
                    finished.append(bool(wire.recv(4)))
            except OSError:
                finished.append(False)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=[listener], daemon=True)
        thread.start()
        yield listener.getsockname()[1], finished
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_server_with_the_secrets_certificate_is_trusted(tmp_path: Path) -> None:
    right = certificate(tmp_path / "right")
    with server(right) as (port, finished):
        graph = Graph(lambda: connect(f"bolt://{HOST}:{port}", "neo4j", "password", right.read_text()))
        with pytest.raises(GraphUnavailableError):  # the server closes the connection after the handshake
            graph.check_writable()
        graph.close()
    assert finished[0] is True


def test_another_certificate_is_refused_and_the_secret_is_read_again(tmp_path: Path) -> None:
    right, wrong = certificate(tmp_path / "right"), certificate(tmp_path / "wrong")
    in_secret = [right, wrong]

    def connect_with_secret() -> neo4j.Driver:
        return connect(f"bolt://{HOST}:{port}", "neo4j", "password", in_secret.pop(0).read_text())

    with server(wrong) as (port, finished):
        graph = Graph(connect_with_secret)
        for _ in range(2):
            with pytest.raises(GraphUnavailableError):
                graph.check_writable()
        graph.close()
    assert in_secret == []
    assert (finished[0], finished[-1]) == (False, True)
