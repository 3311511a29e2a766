# Runs as root whenever the notebook instance starts, after NAME, PREFIX, FILES and IDLE_MINUTES are set. Jupyter
# waits for it, five minutes at most, so the environment is made behind its back.
set -euo pipefail

# Of the instance's disks, only this one is still there after a stop.
cd "${HOME_OF_USER:=/home/ec2-user}/SageMaker"

# A folder for each version of the files: a new one comes beside the one in which somebody has worked.
digest=$(basename "$FILES" .zip)
folder=$PWD/$PREFIX-${digest:0:8}
if [ ! -d "$folder" ]; then
  aws s3 cp --only-show-errors "$FILES" files.zip
  python3 -m zipfile -e files.zip "$folder.new"
  rm files.zip
  chown -R ec2-user: "$folder.new"
  mv "$folder.new" "$folder" # whole or not at all
fi

# There is no cron on this platform. The first look is late, since Jupyter has to be up by then.
systemd-run --quiet --unit=stop-when-idle --on-active=10min --on-unit-active=5min \
  python3 "$folder/notebooks/idle.py" "$NAME" "$IDLE_MINUTES"

make_environment() {
  local environment=$PWD/.environment-$(sha256sum "$folder/notebooks/requirements.txt" | cut -c 1-8)
  dnf --quiet --assumeyes install python3.12
  if [ ! -d "$environment" ]; then
    sudo -u ec2-user python3.12 -m venv "$environment.new"
    sudo -u ec2-user "$environment.new/bin/python" -m pip install --quiet --disable-pip-version-check \
      --require-hashes --only-binary :all: -r "$folder/notebooks/requirements.txt"
    mv "$environment.new" "$environment"
  fi
  # Under the name that the notebook asks for. Not by bin/ipykernel: that still names the folder of before.
  sudo -u ec2-user "$environment/bin/python" -m ipykernel install --user --name python3 --display-name Slipway
}
rm -rf .environment-*.new
make_environment > "$folder/environment.log" 2>&1 &
