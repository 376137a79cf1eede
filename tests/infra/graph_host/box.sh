#!/bin/bash
# Runs a host's setup in this mount namespace, in which nothing that it writes reaches the machine; afterwards runs
# $AFTER there. $LOOP is the device that the volume is attached as.
set -euo pipefail
box=$1
mount -t tmpfs none "$box"
for folder in etc opt srv run; do
    mkdir --parents "$box/$folder/upper" "$box/$folder/work"
    mount -t overlay none -o "lowerdir=/$folder,upperdir=$box/$folder/upper,workdir=$box/$folder/work" "/$folder"
done
mkdir --parents "$box/dev/disk/by-id" /etc/ecs /opt/aws/amazon-cloudwatch-agent/etc /opt/aws/amazon-cloudwatch-agent/bin
for node in null zero urandom "${LOOP#/dev/}"; do
    touch "$box/dev/$node"
    mount --bind "/dev/$node" "$box/dev/$node"
done
ln --symbolic /proc/self/fd "$box/dev/fd"
ln --symbolic fd/0 "$box/dev/stdin"
mount --rbind "$box/dev" /dev
ln --symbolic "$STUBS/stub" /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl
for missing in ${MISSING-}; do mount --bind /dev/null "$(command -v "$missing")"; done

status=0
PATH=$STUBS:$PATH bash "$SETUP" || status=$?
echo "status $status"
eval "$AFTER"
