#!/bin/bash
# Makes a new instance the graph's host; cloud-init runs it once, as root, before the ECS agent starts. Any failure
# leaves a host that ECS places nothing on: never a graph on a disk that goes with the instance.
set -euo pipefail
trap '[[ $? == 0 ]] || systemctl mask --now ecs' EXIT

readonly volume=@VOLUME@ secret=@SECRET@ name=@NAME@ mount=/srv/graph
export AWS_DEFAULT_REGION=@REGION@

for _ in {1..20}; do
    if dnf install --assumeyes --quiet awscli-2 jq openssl e2fsprogs amazon-cloudwatch-agent; then break; fi
    sleep 15
done

# The volume. The host before this one may still be letting go of it, however long that takes.
token=$(curl --silent --fail --request PUT 169.254.169.254/latest/api/token \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 60')
instance=$(curl --silent --fail 169.254.169.254/latest/meta-data/instance-id \
    --header "X-aws-ec2-metadata-token: $token")
until aws ec2 wait volume-available --volume-ids "$volume"; do sleep 15; done
aws ec2 attach-volume --volume-id "$volume" --instance-id "$instance" --device /dev/sdf >/dev/null
device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume/-/}
for _ in {1..60}; do
    if [[ -e $device ]]; then break; fi
    sleep 2
done

# A new volume reads as zeros; whatever else is there is somebody's data.
if cmp --silent --bytes=1048576 "$device" /dev/zero; then
    mkfs.ext4 -q "$device"
fi
mkdir --parents "$mount"
chattr +i "$mount" # whoever writes here while nothing is mounted fails
echo "UUID=$(blkid --match-tag UUID --output value "$device") $mount ext4 noatime,nofail 0 2" >>/etc/fstab
mount "$mount"
mountpoint --quiet "$mount"
resize2fs "$device" 2>/dev/null # a volume that was enlarged
mkdir --parents "$mount/data" "$mount/certificates/bolt"
mkdir --parents /etc/systemd/system/ecs.service.d
printf '[Unit]\nRequiresMountsFor=%s\n' "$mount" >/etc/systemd/system/ecs.service.d/graph.conf
systemctl daemon-reload

# The certificate: its key never leaves the volume, and whoever reads the graph's secret knows which one to expect.
cd "$mount/certificates/bolt"
if ! openssl x509 -in public.crt -noout -checkend 31536000 >/dev/null 2>&1; then # none, or less than a year left
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=$name" \
        -addext "subjectAltName=DNS:$name" -addext keyUsage=critical,digitalSignature,keyCertSign \
        -keyout private.key -out public.crt 2>/dev/null
fi
chown --recursive 7474:7474 "$mount/data" "$mount/certificates"
chmod 600 private.key
old=$(aws secretsmanager get-secret-value --secret-id "$secret" --query SecretString --output text)
new=$(jq --compact-output --rawfile certificate public.crt '.certificate = $certificate' <<<"$old")
if [[ $(jq --compact-output . <<<"$old") != "$new" ]]; then
    aws secretsmanager put-secret-value --secret-id "$secret" --secret-string file:///dev/stdin <<<"$new" >/dev/null
fi

# How full the volume and the memory are.
cat >/opt/aws/amazon-cloudwatch-agent/etc/graph.json <<'JSON'
{"agent": {"omit_hostname": true},
 "metrics": {"namespace": "@NAMESPACE@", "aggregation_dimensions": [["Host"]], "metrics_collected": {
  "disk": {"resources": ["/srv/graph"], "measurement": ["used_percent"], "append_dimensions": {"Host": "@NAME@"}},
  "mem": {"measurement": ["used_percent"], "append_dimensions": {"Host": "@NAME@"}}}}}
JSON
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s \
    -c file:/opt/aws/amazon-cloudwatch-agent/etc/graph.json >/dev/null

# What ECS needs to know before it places the graph here.
cat >>/etc/ecs/ecs.config <<'CONFIG'
ECS_INSTANCE_ATTRIBUTES={"graph-volume":"mounted"}
ECS_CONTAINER_STOP_TIMEOUT=120s
ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
ECS_AWSVPC_BLOCK_IMDS=true
CONFIG
