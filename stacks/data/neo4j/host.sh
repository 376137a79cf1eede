#!/bin/bash
# Makes a new instance the graph's host; cloud-init runs it once, as root, before the ECS agent starts.
# If a step fails, ECS never starts here and Auto Scaling replaces the instance: Neo4j never runs on the instance's own
# disk. CloudFormation waits for the result when it creates the group.
set -euo pipefail

readonly volume=@VOLUME@ secret=@SECRET@ name=@NAME@ stack=@STACK@ group=@GROUP@ mount=/srv/graph
readonly device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume/-/}
export AWS_DEFAULT_REGION=@REGION@
instance=unknown

finish() {
    if (($? == 0)); then
        result=SUCCESS
    else
        result=FAILURE
        systemctl mask --now ecs || :
        umount "$mount" || :
        aws ec2 detach-volume --volume-id "$volume" --instance-id "$instance" || : # the next host needs it
        # An instance that is powered off is unhealthy, too.
        aws autoscaling set-instance-health --instance-id "$instance" --health-status Unhealthy \
            --no-should-respect-grace-period || systemctl poweroff || :
    fi
    # Refused, and not needed, unless the group is just being created.
    aws cloudformation signal-resource --stack-name "$stack" --logical-resource-id "$group" \
        --unique-id "$instance" --status "$result" || :
}
trap finish EXIT

# Runs a command until it succeeds, at most so many times.
retry() {
    for _ in $(seq "$1"); do
        if "${@:2}"; then return; fi
        sleep 15
    done
    return 1
}

imds() { curl --silent --fail --max-time 5 --retry 5 "$@"; }
token=$(imds --request PUT 169.254.169.254/latest/api/token --header 'X-aws-ec2-metadata-token-ttl-seconds: 60')
instance=$(imds 169.254.169.254/latest/meta-data/instance-id --header "X-aws-ec2-metadata-token: $token")

# Without a limit dnf can hang for ever.
retry 5 timeout 100 dnf install --assumeyes --quiet awscli-2 jq openssl diffutils e2fsprogs amazon-cloudwatch-agent

# The volume. The host before this one may need up to hours to release it.
retry 36 aws ec2 wait volume-available --volume-ids "$volume"
attach() {
    aws ec2 attach-volume --volume-id "$volume" --instance-id "$instance" --device /dev/sdf >/dev/null || [[ -e $device ]]
}
retry 20 attach
retry 8 test -e "$device"

# A new volume reads as zeros; anything else is data.
if cmp --silent --bytes=1048576 "$device" /dev/zero; then
    mkfs.ext4 -q "$device"
fi
mkdir --parents "$mount"
chattr +i "$mount" # while nothing is mounted, nobody can write here
echo "UUID=$(blkid --match-tag UUID --output value "$device") $mount ext4 noatime,nofail 0 2" >>/etc/fstab
mount "$mount"
mountpoint --quiet "$mount"
resize2fs "$device" 2>/dev/null # a volume that was enlarged
mkdir --parents "$mount/data" "$mount/logs" "$mount/certificates/bolt"
mkdir --parents /etc/systemd/system/ecs.service.d
printf '[Unit]\nRequiresMountsFor=%s\n' "$mount" >/etc/systemd/system/ecs.service.d/graph.conf
systemctl daemon-reload

# The certificate. Its key never leaves the volume; the graph's secret tells clients which certificate to expect.
cd "$mount/certificates/bolt"
if ! openssl x509 -in public.crt -noout -checkend 31536000 >/dev/null 2>&1; then # none, or it expires within a year
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=$name" \
        -addext "subjectAltName=DNS:$name" -addext keyUsage=critical,digitalSignature,keyCertSign \
        -keyout private.key -out public.crt 2>/dev/null
fi
chown --recursive 7474:7474 "$mount/data" "$mount/logs" "$mount/certificates"
chmod 600 private.key
cd /
publish_certificate() {
    local old new
    old=$(aws secretsmanager get-secret-value --secret-id "$secret" --query SecretString --output text) || return
    new=$(jq --compact-output --rawfile certificate "$mount/certificates/bolt/public.crt" \
        '.certificate = $certificate' <<<"$old") || return
    [[ $(jq --compact-output . <<<"$old") == "$new" ]] ||
        aws secretsmanager put-secret-value --secret-id "$secret" --secret-string file:///dev/stdin <<<"$new" >/dev/null
}
retry 20 publish_certificate

# Metrics: how full the volume and the memory are.
cat >/opt/aws/amazon-cloudwatch-agent/etc/graph.json <<'JSON'
{"agent": {"omit_hostname": true},
 "metrics": {"namespace": "@NAMESPACE@", "aggregation_dimensions": [["Host"]], "metrics_collected": {
  "disk": {"resources": ["/srv/graph"], "measurement": ["used_percent"], "append_dimensions": {"Host": "@NAME@"}},
  "mem": {"measurement": ["used_percent"], "append_dimensions": {"Host": "@NAME@"}}}}}
JSON
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s \
    -c file:/opt/aws/amazon-cloudwatch-agent/etc/graph.json >/dev/null

# With this attribute ECS may place Neo4j here. Tasks write their logs with their own roles: the host may not.
cat >>/etc/ecs/ecs.config <<'CONFIG'
ECS_INSTANCE_ATTRIBUTES={"graph-volume":"mounted"}
ECS_CONTAINER_STOP_TIMEOUT=120s
ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
ECS_AWSVPC_BLOCK_IMDS=true
ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true
CONFIG
