#!/bin/bash
# Makes a graph from the files that a list names, beside the one in use, while Neo4j is stopped. Neo4j's next start takes
# it (task.py). If a step fails, nothing is left of it, and the next start has the old graph.
set -euo pipefail

readonly data=/data logs=/logs

# Only files of the bucket, into which only the operations function writes.
if ! [[ $MANIFEST =~ $FILES_AT ]]; then
    echo "the list of files is not in the bucket" >&2
    exit 1
fi
cd "$data"
rm -rf import other ready
trap 'rm -rf "$data/import" "$data/other"' EXIT
mkdir --mode=700 import other
cd import

# Lines "NAME ADDRESS". --quiet: an address is a key to its file, and must not come into the log.
wget --quiet --tries=5 --timeout=60 --output-document=manifest "$MANIFEST"
xargs --max-args=2 --max-procs=4 wget --quiet --tries=5 --timeout=60 --output-document <manifest

printf 'server.directories.data=%s\nserver.directories.logs=%s\n' "$data/other" "$data/import" >import.conf
# Its output quotes lines of the files, so it stays on the volume.
if ! neo4j-admin @ARGUMENTS@ --additional-config="$data/import/import.conf" >"$logs/import.log" 2>&1; then
    echo "the importer failed: /srv/graph/logs/import.log on the host says why" >&2
    exit 1
fi
mv "$data/other" "$data/ready"
rm "$logs/import.log"
