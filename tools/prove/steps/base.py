"""Deploys that the rows are asked after."""

import time

from settings import read_settings
from tools.demo.settings import DIGITS
from tools.deploy.destroy import destroy
from tools.deploy.inventory import Deployment
from tools.deploy.preflight.bootstrap import bootstrap
from tools.deploy.preflight.ec2 import find_zone
from tools.deploy.preflight.run import run
from tools.deploy.preflight.scaling_roles import make_scaling_roles
from tools.deploy.removal import NotRemoved
from tools.deploy.stacks import deploy, deploy_everything
from tools.preflight import NotReady
from tools.prove.step import Facts
from tools.prove.steps.machines import EC2
from tools.prove.system import ProvedSystem

STAGE = "prove"
# Two instances, which a canary takes, and every call captured. The notebook comes later and would stop itself.
SETTINGS = {
    **DIGITS,
    "stage": STAGE,
    "training_instance_count": "2",
    "endpoint_min_instances": "2",
    "endpoint_data_capture_percent": "100",
    "notebook_idle_minutes": "10",
}


def preflight(system: ProvedSystem) -> Facts:
    """Run the checks of `make preflight`, as `make deploy` does first.

    Raises:
        NotReady: something is wrong.
    """
    begin = time.monotonic()
    assembly = system.assembly()
    synthesized = time.monotonic()
    findings = run(system.target(lambda: assembly))
    for finding in findings:
        system.say(str(finding))
    if wrong := [finding for finding in findings if finding.state == "wrong"]:
        raise NotReady([*map(str, wrong), "nothing was created: mend that, then run make prove again"])
    return {
        "seconds": time.monotonic() - synthesized,
        "synth_seconds": synthesized - begin,
        "unknown": [str(finding) for finding in findings if finding.state == "unknown"],
        "right": [str(finding) for finding in findings if finding.state == "right"],
        "zone": find_zone(read_settings({**system.given, **EC2})),
    }


def base(system: ProvedSystem) -> Facts:
    assembly, before = system.assembly(), system.job_names()
    make_scaling_roles(system.target(lambda: assembly), say=system.say)
    began = time.time()
    made = bootstrap(system.account, system.region, assembly.bootstrap[0])
    layout = system.settings.image_layout
    deploy_everything(assembly, system.images, layout=layout, say=system.steps.say_briefly)
    return {"bootstrapped": made, "began": began, "jobs": system.job_names(besides=before)}


def again(system: ProvedSystem) -> Facts:
    before, assembly = len(system.jobs()), system.assembly()
    lines: list[str] = []
    deploy(assembly, say=lines.append)
    unchanged = [line for line in lines if "(no changes)" in line]
    return {"unchanged": unchanged, "stacks": len(assembly.stacks), "jobs": len(system.jobs()) - before}


def nothing(system: ProvedSystem) -> Facts:
    return {}


def remove(system: ProvedSystem) -> Facts:
    of = Deployment(system.settings.app, system.settings.stage, system.account)
    try:
        destroy(of, keep_data=False, say=system.say)
    except NotRemoved as error:
        system.say(str(error))
    return {"left": [str(each) for each in of.find()]}
