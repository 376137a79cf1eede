"""What Neo4j's importer is told of the files from which it makes a graph."""

from collections.abc import Iterator
from datetime import UTC, datetime

from chalicelib.graph.cypher import VERSION

# The watermark of an imported graph, until it is complete: older than any, so the graph counts as lost, yet it is not
# one that is being wiped, from which a caller that was paused in an earlier wipe would delete.
IMPORTED_AT = datetime(1970, 1, 1, tzinfo=UTC)

# The columns that `ledger.bulk` writes; what has a name and no group in parentheses is a property.
_HEADERS = {
    "user": "id:ID(User)",
    "event": ":ID(Event),user_id,id,:LABEL,interaction_id,query,timestamp:datetime,metadata",
    "initiated": ":END_ID(Event),:START_ID(User),:IGNORE,:IGNORE,:IGNORE,:IGNORE,:IGNORE,:IGNORE",
    "artifact": ":ID(Artifact),user_id,id",
    "edge": ":START_ID(Event),:END_ID(Artifact),:TYPE,id,position:long,timestamp:datetime,metadata",
    "watermark": f":ID(Watermark),version:long,reached_at:datetime\nwatermark,{VERSION},{IMPORTED_AT.isoformat()}",
}
_SOURCES = (
    "--nodes=User=user.header,users-.*",
    "--nodes=event.header,events-.*",
    "--nodes=Artifact=artifact.header,artifacts-.*",
    "--nodes=Watermark=watermark.header",
    "--relationships=INITIATED=initiated.header,events-.*",
    "--relationships=edge.header,edges-.*",
)
# A user and an artifact can come again, and that is no fault: it is not counted, and no report tells whose they are.
_AGAIN = ("--skip-duplicate-nodes", f"--bad-tolerance={2**62}", "--skip-bad-entries-logging")


def headers() -> Iterator[tuple[str, str]]:
    """Yield the files that name the columns: name and content."""
    for name, header in _HEADERS.items():
        yield f"{name}.header", f"{header}\n"


def arguments() -> Iterator[str]:
    """Yield the importer's arguments, for a process in the folder of the files."""
    yield from ("database", "import", "full", "neo4j", "--overwrite-destination", *_SOURCES, *_AGAIN)
