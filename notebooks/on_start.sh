# Runs as root whenever the notebook instance starts, after NAME, PREFIX, FILES and IDLE_MINUTES are set. Jupyter
# waits for it, five minutes at most, so the environment is made behind its back.
#
# Who works in the notebook may write anything below ec2-user's home. Root runs, reads and writes nothing there: a
# planted program or link would have root's rights. What is done there, ec2-user does.
set -euo pipefail
cd /
umask 022
PATH=${SYSTEM_PATH:=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin}
ours=${ROOTS_FOLDER:=/opt/slipway} # root's own, and empty after a start: only the home's disk is kept over a stop
home=${HOME_OF_USER:=/home/ec2-user}/SageMaker
as_user() { sudo -u ec2-user "$@"; }

rm -rf "$ours"
mkdir -p "$ours"
aws s3 cp --only-show-errors "$FILES" "$ours/files.zip"
python3 -I -S -m zipfile -e "$ours/files.zip" "$ours/files"

# There is no cron on this platform. The first look is late, since Jupyter has to be up by then.
systemd-run --quiet --unit=stop-when-idle --on-active=10min --on-unit-active=5min \
  python3 -I -S "$ours/files/notebooks/idle.py" "$NAME" "$IDLE_MINUTES"

# A folder for each version of the files: a new one comes beside the one in which somebody has worked.
digest=$(basename "$FILES" .zip)
folder=$home/$PREFIX-${digest:0:8}
if ! as_user test -d "$folder"; then
  as_user rm -rf "$folder.new"
  as_user cp -r "$ours/files" "$folder.new"
  as_user mv "$folder.new" "$folder" # whole or not at all
fi

# The environment in a home, from the lock at a path, with its log beside the notebook. Under the kernel's name that the
# notebook asks for; not by bin/ipykernel, which still names the folder of before.
environment_of_user='
set -euo pipefail
exec > "$1/environment.log" 2>&1
environment=$2/.environment-$(sha256sum "$3" | cut -c 1-8)
rm -rf "$2"/.environment-*.new
if [ ! -d "$environment" ]; then
  python3.12 -m venv "$environment.new"
  "$environment.new/bin/python" -m pip install --quiet --disable-pip-version-check \
    --require-hashes --only-binary :all: -r "$3"
  mv "$environment.new" "$environment"
fi
"$environment/bin/python" -m ipykernel install --user --name python3 --display-name Slipway
'
make_environment() {
  dnf --quiet --assumeyes install python3.12
  as_user bash -c "$environment_of_user" make-environment "$folder" "$home" "$ours/files/notebooks/requirements.txt"
}
make_environment > "$ours/environment.log" 2>&1 &
