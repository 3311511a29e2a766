# Trains on this instance, stores what came of it, tells the waiting stack, and ends the instance.
#
# stacks/ec2_training.py writes the values (BUCKET, DIGEST …) above. cloud-init runs this at the first boot, and, from
# the folder it copies itself to, at every boot after: a training that a reboot stopped goes on from its checkpoint.
set -Eeuo pipefail
export HOME=/root AWS_DEFAULT_REGION=$REGION PIP_DISABLE_PIP_VERSION_CHECK=1
WORK=/var/lib/slipway
LOG=$WORK/train.log
MODEL=s3://$BUCKET/TrainedModels
AGAIN=/var/lib/cloud/scripts/per-boot/slipway
STOPPED=143 # the training program's exit code when the machine shuts down under it
RESERVE_KIB=1024
mkdir -p "$WORK"
cd "$WORK"
# The image's /tmp is memory, which wheels and decoded images would fill.
export TMPDIR=$WORK/tmp
rm -rf "$TMPDIR"
mkdir "$TMPDIR"
fallocate -l "${RESERVE_KIB}KiB" reserve || true # given back to the log when the disk is full

# Seconds since the first boot are counted from when its first process started. A reboot does not set them back.
[ -s started ] || echo $((EPOCHSECONDS - $(ps -o etimes= -p 1))) > started
STARTED=$(cat started)

# Each line with these seconds, on the console and in the log. A shutdown's SIGTERM reaches every process: what writes
# the log has to outlive those that are still saying something.
stamped() { while IFS= read -r line; do printf '[%5d s] %s\n' $((EPOCHSECONDS - STARTED)) "$line"; done; }
exec > >(trap '' TERM; stamped | tee -a "$LOG") 2>&1

copy() { aws s3 cp --only-show-errors "$1" "$2"; }

signal() { # SUCCESS|FAILURE, REASON; the stack's output `Trained` shows the reason of a success
  curl --fail --silent --show-error --connect-timeout 10 --max-time 60 --retry 5 --request PUT \
    --header 'Content-Type:' --data-binary \
    "{\"Status\": \"$1\", \"UniqueId\": \"${DIGEST:0:12}\", \"Reason\": \"$2\", \"Data\": \"$2\"}" "$WAIT_URL"
}

cost() {
  awk -v s=$((EPOCHSECONDS - STARTED)) -v p="$PRICE_PER_HOUR" -v t="$INSTANCE_TYPE" \
    'BEGIN { printf "cost of this run: %d s of %s with disk, address and metrics at %s $ an hour = %.4f $ (list prices, us-east-1)\n", s, t, p, s * p / 3600 }'
}

leave() { # ends the instance: `InstanceInitiatedShutdownBehavior` makes that a termination
  rm -f "$AGAIN"
  sync
  shutdown -h now
  exit "$1"
}

failed() { # LINE
  trap - ERR
  set +Ee
  # What failed because the machine shuts down has not failed. The trap of TERM ends this here; where the network went
  # before, the system says so.
  sleep 1
  [ "$(systemctl is-system-running 2> /dev/null)" != stopping ] || exit $STOPPED
  rm -f reserve
  echo "error: line $1 of the user data failed"
  [ "$(df --output=avail "$WORK" | tail -n 1)" -gt $((2 * RESERVE_KIB)) ] ||
    echo "error: the disk is full: take a larger ec2_volume_gib"
  cost
  sleep 1 # the log is written by another process
  # The stack event shows this: the log's end, without what JSON would have to escape, or a cut could break.
  local reason
  reason=$(tail -n 12 "$LOG" | tr '\n\t' '  ' | LC_ALL=C tr -cd '\40-\176' | tr -d '"\\' | tail -c 900)
  copy "$LOG" "$MODEL/train.log" || echo "the log could not be stored either"
  signal FAILURE "$reason"
  leave 1
}
trap 'failed $LINENO' ERR
trap 'echo "the machine shuts down: the training goes on at the next boot"; exit $STOPPED' TERM

# ------------------------------------------------------------------ this boot
if [ "$0" != "$AGAIN" ]; then
  mkdir -p "$(dirname "$AGAIN")"
  install -m 700 "$0" "$AGAIN"
else
  echo "booted again: going on"
fi
token=$(curl --fail --silent --show-error --max-time 10 --request PUT \
  --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
instance=$(curl --fail --silent --show-error --max-time 10 --header "X-aws-ec2-metadata-token: $token" \
  http://169.254.169.254/latest/meta-data/instance-id)
echo "training ${DIGEST:0:12} on $instance, a $INSTANCE_TYPE with $(nproc) vCPU"

# A deploy with a newer machine image or another script starts a new instance: what is made already is not made again,
# nor its log written over. With a newer image alone the old wait is over, and its signed address may be too.
if copy "$MODEL/digest.txt" made.txt 2> /dev/null && [ "$(cat made.txt)" = "$DIGEST" ]; then
  echo "$MODEL/model.onnx is of this digest already"
  signal SUCCESS "made before" || echo "nobody waits for it"
  leave 0
fi
copy "$LOG" "$MODEL/train.log" # what cannot be written is found out before the training, not after it

# ------------------------------------------------------------------ memory, program, dependencies, data
if ! swapon --show=NAME --noheadings 2> /dev/null | grep -qx /swapfile; then
  # Under its name only when it is whole: a boot may be cut anywhere.
  [ -e /swapfile ] ||
    { fallocate -l 2G /swapfile.new && chmod 600 /swapfile.new && mkswap /swapfile.new > /dev/null && mv /swapfile.new /swapfile; }
  swapon /swapfile || echo "no swap: the kernel refused it, so the training has the memory and no more"
fi
if [ ! -e ready ]; then
  copy "s3://$PROGRAM" program.zip
  python3 -m zipfile -e program.zip program 2> /dev/null || unzip -qo program.zip -d program
  dnf install --quiet --assumeyes python3.12
  python3.12 -m venv python
  python/bin/pip install --quiet --no-cache-dir --no-deps --only-binary=:all: --require-hashes \
    --requirement program/training/lock.txt
  begun=$EPOCHSECONDS
  copy "s3://$BUCKET/data/$DATASET/manifest.json" manifest.json ||
    { echo "error: there are no images of the digest $DATASET: upload them with make upload DATA=FOLDER"; false; }
  aws s3 sync --only-show-errors "s3://$BUCKET/data/$DATASET/" images/
  [ -z "$WEIGHTS" ] || copy "s3://$BUCKET/weights/$WEIGHTS/weights.safetensors" weights.safetensors
  echo "images and weights downloaded in $((EPOCHSECONDS - begun)) s"
  touch ready
fi

# ------------------------------------------------------------------ training
swap_used() { awk '/^SwapTotal/ {t = $2} /^SwapFree/ {f = $2} END {print int((t - f) / 1024)}' /proc/meminfo; }
most_swap() { # the most there has been, MB, until it is ended
  local now most=0
  while sleep 2; do
    now=$(swap_used)
    [ "$now" -le "$most" ] || { most=$now; echo "$most" > swap; }
  done
}
echo 0 > swap
most_swap &
sampler=$!
echo "training starts"
weights=()
[ -z "$WEIGHTS" ] || weights=(--weights weights.safetensors)
code=0
PYTHONPATH=program python/bin/python -u -m training --data images --output out --checkpoints checkpoints \
  "${weights[@]}" "${HYPERPARAMETERS[@]}" || code=$?
kill "$sampler" 2> /dev/null || true
case $code in
  0) ;;
  "$STOPPED") exit $STOPPED ;;
  137) echo "error: the training was killed, as the kernel does when memory is out: take a smaller image_size or batch_size, or a larger ec2_instance_type"; false ;;
  *) false ;;
esac
python/bin/python - out/output/data/metrics.json "$(cat swap)" << 'END'
import json, sys
print(f"peak memory {json.load(open(sys.argv[1]))['peak_memory_mb']:.0f} MB, peak swap {sys.argv[2]} MB")
END

# ------------------------------------------------------------------ what came of it
begun=$EPOCHSECONDS
tar --create --gzip --file model.tar.gz --directory out/model .
echo unfinished > digest.txt
copy digest.txt "$MODEL/digest.txt" # first: what lies there from now on is not what the old digest says
copy out/model/model.onnx "$MODEL/model.onnx"
copy model.tar.gz "$MODEL/model.tar.gz"
copy out/output/data/metrics.json "$MODEL/metrics.json"
echo "results uploaded in $((EPOCHSECONDS - begun)) s"
cost
sleep 1
copy "$LOG" "$MODEL/train.log"
echo "$DIGEST" > digest.txt
copy digest.txt "$MODEL/digest.txt" # last: it says that the rest is complete
signal SUCCESS "$(cost)"
leave 0
