"""Every role and every statement of the system: the one page to read to know who may do what.

Nothing here is attached by a helper, and no AWS managed policy is used. Statements live in the role itself
(inline), so that a role never exists without them. SageMaker uses the two execution roles on a job's or a
model's behalf; the containers themselves run without a network, and so cannot use them.
"""

from typing import Any

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from settings import Settings
from stacks import names
from stacks.containers import Container, serving_container, training_container
from stacks.notebook_files import NotebookFiles
from stacks.storage import Storage
from stacks.training_program import TrainingProgram

_SAGEMAKER = "sagemaker.amazonaws.com"
_JOB_LOG = "/aws/sagemaker/TrainingJobs"


class Permissions(Stack):
    """Roles: `training` and `hosting` (SageMaker), `trained_model` and `classify` (Lambda).

    Where the settings ask for them, `notebook`, and `ec2_profile`, which hands its role to the EC2 instance; else None.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        storage: Storage,
    ) -> None:
        super().__init__(scope, id)
        prefix, dataset = settings.prefix, settings.dataset
        training_image = training_container(settings.container_account, settings.training_instance)
        serving_image = serving_container(settings.container_account, settings.endpoint_instance)
        self._bucket = f"arn:{Aws.PARTITION}:s3:::{storage.bucket_name}"
        self._key = storage.key.key_arn
        training_jobs = _arn("sagemaker", f"training-job/{names.job_prefix(prefix)}*")
        tuning_jobs = _arn("sagemaker", f"hyper-parameter-tuning-job/{names.job_prefix(prefix)}*")
        tuned = settings.tuning_max_jobs > 0
        endpoints = names.endpoint_name_pattern(prefix)

        jobs = [training_jobs, tuning_jobs] if tuned or settings.notebook else [training_jobs]
        self.training = self._training(settings, storage.program, training_image, jobs)
        self.hosting = self._hosting(settings, serving_image, endpoints)
        run_jobs = _run_jobs("TrainingJob", training_jobs)
        if tuned:  # a tuning job starts its training jobs itself; what the best one scored, only that one tells
            see_best = _allow("SeeBestJob", ["sagemaker:DescribeTrainingJob"], [training_jobs])
            run_jobs = [*_run_jobs("HyperParameterTuningJob", tuning_jobs), see_best]
        self.trained_model = self._trained_model(prefix, dataset, run_jobs)
        self.classify = self._classify(prefix, endpoints, settings.s3_images)
        self.notebook = self._notebook(prefix, endpoints, storage.notebook_files) if storage.notebook_files else None
        self.ec2_profile = self._ec2_training(settings, storage.program) if settings.ec2_training else None

    def _training(self, chosen: Settings, program: TrainingProgram, image: Container, jobs: list[str]) -> iam.Role:
        """What SageMaker does around a job: fetch data, weights, code, image; store model, logs and metrics."""
        prefix, dataset = chosen.prefix, chosen.dataset
        log_group = _arn("logs", "log-group:/aws/sagemaker/TrainingJobs")
        program_bucket = f"arn:{Aws.PARTITION}:s3:::{program.bucket_name}"
        return self._role(
            f"{prefix}-training",
            description="SageMaker training jobs: read one data set and the program, write under jobs/",
            trusted=_service(_SAGEMAKER, *jobs),
            statements=[
                # A channel is a prefix: SageMaker lists it, then fetches each object. One data set, no other.
                _allow("ListData", ["s3:ListBucket"], [self._bucket], _prefixes(f"data/{dataset}/*")),
                _allow("ReadData", ["s3:GetObject"], [f"{self._bucket}/data/{dataset}/*"]),
                # The program is a channel of one object.
                _allow("ListProgram", ["s3:ListBucket"], [program_bucket], _prefixes(program.key)),
                _allow("ReadProgram", ["s3:GetObject"], [f"{program_bucket}/{program.key}"]),
                *self._weights(chosen.weights),
                # Not all of jobs/: jobs/waiting/ says who waits for which job, and a job has no say in that.
                _allow("WriteJobs", ["s3:PutObject"], [f"{self._bucket}/jobs/{prefix}-*"]),
                # Images are read and models written under the key; Encrypt is asked for because the output names it.
                self._key_through_s3("UseKeyForObjects", ["kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"]),
                self._key_for_volumes(),
                # All jobs of an account share one group, which the first of them makes.
                _allow(
                    "OpenLog",
                    ["logs:CreateLogGroup", "logs:DescribeLogStreams"],
                    [log_group, f"{log_group}:*"],
                ),
                # One stream an instance, of this system's jobs alone.
                _allow(
                    "WriteLog",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [f"{log_group}:log-stream:{names.job_prefix(prefix)}*"],
                ),
                _metrics("/aws/sagemaker/TrainingJobs"),
                *_image_pull(image),
                *(self._checkpoints() if chosen.spot else []),
            ],
        )

    def _checkpoints(self) -> list[iam.PolicyStatement]:
        """A spot job's checkpoint goes to S3 while it runs, and back before it runs again."""
        objects = f"{self._bucket}/{names.CHECKPOINTS}/*"
        return [
            _allow("FindCheckpoint", ["s3:ListBucket"], [self._bucket], _prefixes(f"{names.CHECKPOINTS}/*")),
            _allow("KeepCheckpoint", ["s3:GetObject", "s3:PutObject"], [objects]),
        ]

    def _weights(self, digest: str) -> list[iam.PolicyStatement]:
        """The one file of that digest; nothing where a model starts from scratch."""
        folder = names.weights_folder(digest)
        listing = _allow("ListWeights", ["s3:ListBucket"], [self._bucket], _prefixes(f"{folder}*"))
        reading = _allow("ReadWeights", ["s3:GetObject"], [f"{self._bucket}/{folder}weights.pth"])
        return [listing, reading] if digest else []

    def _hosting(self, chosen: Settings, image: Container, endpoints: str) -> iam.Role:
        """What SageMaker does around an endpoint: fetch model and image, watch alarms, store logs and metrics."""
        prefix, captures = chosen.prefix, chosen.endpoint_data_capture_percent > 0
        log_group = _arn("logs", f"log-group:/aws/sagemaker/Endpoints/{endpoints}")
        return self._role(
            f"{prefix}-hosting",
            description="SageMaker endpoint: read under models/",
            # AWS documents this form for inference: a model is pulled on behalf of more than one resource
            # type.
            trusted=_service(_SAGEMAKER, _arn("sagemaker", "*")),
            statements=[
                # Any model: during an update and its roll-back the old and the new one are read by the same role.
                _allow("ReadModels", ["s3:GetObject"], [f"{self._bucket}/models/*"]),
                # The notebook's endpoint has models that are not kept: those of its own jobs.
                *(self._tried_models(prefix) if chosen.notebook else []),
                # Models are read only, so the key is for reading only; captured calls are written.
                self._key_through_s3(
                    "UseKeyForObjects", ["kms:Decrypt", "kms:GenerateDataKey"] if captures else ["kms:Decrypt"]
                ),
                *(self._capture() if captures else []),
                # Asked while an update shifts calls; each configuration of the endpoint has alarms of its own.
                _allow("WatchAlarms", ["cloudwatch:DescribeAlarms"], [_arn("cloudwatch", f"alarm:{endpoints}-*")]),
                self._key_for_volumes(),
                # The endpoint's own group, which its first instance makes.
                _allow(
                    "OpenLog",
                    ["logs:CreateLogGroup", "logs:DescribeLogStreams"],
                    [log_group, f"{log_group}:*"],
                ),
                # SageMaker names the streams, after variant and instance.
                _allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group}:log-stream:*"]),
                _metrics("/aws/sagemaker/Endpoints"),
                *_image_pull(image),
            ],
        )

    def _capture(self) -> list[iam.PolicyStatement]:
        """A sample of calls, which only people read."""
        return [_allow("KeepCalls", ["s3:PutObject"], [f"{self._bucket}/{names.CAPTURE}/*"])]

    def _trained_model(self, prefix: str, dataset: str, run_jobs: list[iam.PolicyStatement]) -> iam.Role:
        """The Lambda behind the trained model: runs jobs, keeps the model of a good one."""
        return self._role(
            f"{prefix}-trained-model",
            description="Lambda: starts training jobs and keeps the models that are good enough",
            trusted=_service("lambda.amazonaws.com"),
            statements=[
                *run_jobs,
                # The one role, to the one service: otherwise the function could lend itself any role.
                _allow(
                    "PassTrainingRole",
                    ["iam:PassRole"],
                    [self.training.role_arn],
                    {"StringEquals": {"iam:PassedToService": _SAGEMAKER}},
                ),
                # Listing tells "not there" from "not allowed"; a data set is only looked up, never read.
                _allow(
                    "LookUp",
                    ["s3:ListBucket"],
                    [self._bucket],
                    _prefixes(
                        f"data/{dataset}/manifest.json", "jobs/waiting/*", "jobs/*/output/model.tar.gz", "models/*"
                    ),
                ),
                # It copies a job's model without changing it, and reads only its own notes again.
                _allow("ReadJobsModel", ["s3:GetObject"], [f"{self._bucket}/jobs/*/output/model.tar.gz"]),
                _allow("KeepModel", ["s3:PutObject"], [f"{self._bucket}/models/*"]),
                _allow("ReadResult", ["s3:GetObject"], [f"{self._bucket}/models/*/result.json"]),
                _allow(
                    "NoteWhoWaits",
                    ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                    [f"{self._bucket}/jobs/waiting/*"],
                ),
                # Everything it reads and writes lies in the encrypted bucket.
                self._key_through_s3("UseKeyForObjects", ["kms:Decrypt", "kms:GenerateDataKey"]),
                # Asked of the caller too, when a job's volume is encrypted with a key of ours.
                self._key_for_volumes(),
                _own_log(f"{prefix}-trained-model"),
            ],
        )

    def _classify(self, prefix: str, endpoints: str, images: str) -> iam.Role:
        """The Lambda that answers callers: one call to one endpoint; images from one folder, where there is one."""
        return self._role(
            f"{prefix}-classify",
            description="Lambda: classifies an image with the endpoint",
            trusted=_service("lambda.amazonaws.com"),
            statements=[
                # Its name follows its instance type: while that changes, the old and the new endpoint answer.
                _allow("Invoke", ["sagemaker:InvokeEndpoint"], [_arn("sagemaker", f"endpoint/{endpoints}")]),
                *(self._images(images) if images else []),
                _own_log(f"{prefix}-classify"),
            ],
        )

    def _images(self, folder: str) -> list[iam.PolicyStatement]:
        """Images that a caller names; the function may not list, so it cannot tell what else is there."""
        return [
            _allow("ReadImages", ["s3:GetObject"], [f"{self._bucket}/{folder}*"]),
            self._key_through_s3("UseKeyForObjects", ["kms:Decrypt"]),
        ]

    def _tried_models(self, prefix: str) -> list[iam.PolicyStatement]:
        models = f"{self._bucket}/jobs/{names.notebook_prefix(prefix)}*/output/model.tar.gz"
        return [_allow("ReadTriedModels", ["s3:GetObject"], [models])]

    def _notebook(self, prefix: str, endpoints: str, files: NotebookFiles) -> iam.Role:
        """Who works in the notebook: tries what they like under its prefix, and can change nothing that is live.

        It puts no model under models/ and touches no other endpoint: those would go live past the accuracy floor.
        """
        own = names.notebook_prefix(prefix)
        training, tuning = (
            _arn("sagemaker", f"training-job/{own}*"),
            _arn("sagemaker", f"hyper-parameter-tuning-job/{own}*"),
        )
        model, config = _arn("sagemaker", f"model/{own}*"), _arn("sagemaker", f"endpoint-config/{own}*")
        endpoint = _arn("sagemaker", f"endpoint/{names.notebook_endpoint_name(prefix)}")
        kinds = {
            "TrainingJob": training,
            "HyperParameterTuningJob": tuning,
            "Model": model,
            "EndpointConfig": config,
            "Endpoint": endpoint,
        }
        instance = names.notebook_name(prefix)
        instance_log = _arn("logs", "log-group:/aws/sagemaker/NotebookInstances")
        return self._role(
            instance,
            description="Notebook instance: uploads images, tries jobs and an endpoint of its own, looks at the rest",
            trusted=_service(_SAGEMAKER, _arn("sagemaker", f"notebook-instance/{instance}")),
            statements=[
                *self._notebook_instance(instance, instance_log, files),
                # What is deployed: names, the live model's job, endpoint, container, and what scales it.
                _allow("SeeStacks", ["cloudformation:DescribeStacks"], [_arn("cloudformation", f"stack/{prefix}-*/*")]),
                _allow("SeeResult", ["s3:GetObject"], [f"{self._bucket}/models/*/result.json"]),
                _allow(
                    "SeeJobs",
                    ["sagemaker:DescribeTrainingJob"],
                    [_arn("sagemaker", f"training-job/{names.job_prefix(prefix)}*")],
                ),
                _allow("SeeEndpoints", ["sagemaker:DescribeEndpoint"], [_arn("sagemaker", f"endpoint/{endpoints}")]),
                # CloudFormation makes up the names of these two.
                _allow("SeeConfigs", ["sagemaker:DescribeEndpointConfig"], [_arn("sagemaker", "endpoint-config/*")]),
                _allow("SeeModels", ["sagemaker:DescribeModel"], [_arn("sagemaker", "model/*")]),
                _allow(
                    "SeeScaling",
                    [f"application-autoscaling:Describe{what}" for what in ("ScalableTargets", "ScalingPolicies")],
                    ["*"],
                ),
                _allow("SeeRoles", ["iam:ListRolePolicies", "iam:GetRolePolicy"], self._roles_by_name(prefix)),
                # A data set is uploaded whole and never read again; which one a job may read is the job's role's.
                _allow("FindData", ["s3:ListBucket"], [self._bucket], _prefixes("data/*")),
                _allow("UploadData", ["s3:PutObject"], [f"{self._bucket}/data/*"]),
                self._key_through_s3("UseKeyForObjects", ["kms:Decrypt", "kms:GenerateDataKey"]),
                _allow("Train", ["sagemaker:CreateTrainingJob", "sagemaker:StopTrainingJob"], [training]),
                _allow(
                    "Tune",
                    [
                        "sagemaker:CreateHyperParameterTuningJob",
                        "sagemaker:DescribeHyperParameterTuningJob",
                        "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                        "sagemaker:StopHyperParameterTuningJob",
                    ],
                    [tuning],
                ),
                _allow("MakeModel", ["sagemaker:CreateModel", "sagemaker:DeleteModel"], [model]),
                _allow("MakeConfig", ["sagemaker:CreateEndpointConfig", "sagemaker:DeleteEndpointConfig"], [config]),
                # SageMaker asks for both, the endpoint and what it is made from.
                _allow("MakeEndpoint", ["sagemaker:CreateEndpoint"], [endpoint, config]),
                _allow("RemoveEndpoint", ["sagemaker:DeleteEndpoint"], [endpoint]),
                *(_tag_new(kind, made) for kind, made in kinds.items()),
                _allow(
                    "PassRoles",
                    ["iam:PassRole"],
                    [self.training.role_arn, self.hosting.role_arn],
                    {"StringEquals": {"iam:PassedToService": _SAGEMAKER}},
                ),
                self._key_for_volumes(),
                _allow("ReadJobLog", ["logs:DescribeLogStreams"], [_arn("logs", f"log-group:{_JOB_LOG}")]),
                _allow(
                    "ReadJobLines",
                    ["logs:GetLogEvents"],
                    [_arn("logs", f"log-group:{_JOB_LOG}:log-stream:{own}*")],
                ),
                _allow("AskEndpoint", ["sagemaker:InvokeEndpoint"], [endpoint]),
                _allow("AskFunction", ["lambda:InvokeFunction"], [_arn("lambda", f"function:{prefix}-classify:live")]),
            ],
        )

    def _notebook_instance(self, name: str, log: str, files: NotebookFiles) -> list[iam.PolicyStatement]:
        """What starting and stopping the instance takes: its script acts with the notebook's role."""
        streams = f"{log}:log-stream:{name}/*"
        return [
            _allow("ReadFiles", ["s3:GetObject"], [f"arn:{Aws.PARTITION}:s3:::{files.bucket_name}/{files.key}"]),
            _allow("StopItself", ["sagemaker:StopNotebookInstance"], [_arn("sagemaker", f"notebook-instance/{name}")]),
            _allow("OpenOwnLog", ["logs:CreateLogGroup"], [log]),
            _allow("WriteOwnLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams]),
        ]

    def _roles_by_name(self, prefix: str) -> list[str]:
        roles = ("training", "hosting", "trained-model", "classify", "notebook", "ec2-training")
        return [f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{prefix}-{role}" for role in roles]

    def _ec2_training(self, chosen: Settings, program: TrainingProgram) -> iam.CfnInstanceProfile:
        """What the EC2 instance does: fetch data, weights and code, store five files, let Session Manager in."""
        prefix, dataset = chosen.prefix, chosen.dataset
        folder = f"{self._bucket}/{names.EC2_ARTIFACTS}"
        code = f"arn:{Aws.PARTITION}:s3:::{program.bucket_name}/{program.key}"
        [_, *read_weights] = self._weights(chosen.weights) or [None]
        role = self._role(
            f"{prefix}-ec2-training",
            description="EC2 training instance: reads one data set and the program, writes the artifact",
            trusted=_service("ec2.amazonaws.com"),
            statements=[
                _allow("ListData", ["s3:ListBucket"], [self._bucket], _prefixes(f"data/{dataset}/*")),
                _allow("ReadData", ["s3:GetObject"], [f"{self._bucket}/data/{dataset}/*"]),
                _allow("ReadProgram", ["s3:GetObject"], [code]),
                *read_weights,
                # What the model there is of, so that it is not made twice.
                _allow("ReadDigest", ["s3:GetObject"], [f"{folder}/digest.txt"]),
                _allow("KeepArtifact", ["s3:PutObject"], [f"{folder}/{file}" for file in names.EC2_ARTIFACT_FILES]),
                self._key_through_s3("UseKeyForObjects", ["kms:Decrypt", "kms:GenerateDataKey"]),
                # Session Manager instead of SSH: of AmazonSSMManagedInstanceCore only what a session takes.
                _allow("RegisterForSessions", ["ssm:UpdateInstanceInformation"], [_arn("ec2", "instance/*")]),
                _allow(
                    "OpenSessions",
                    [f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")],
                    ["*"],
                ),
            ],
        )
        return iam.CfnInstanceProfile(self, "Ec2Profile", instance_profile_name=role.role_name, roles=[role.role_name])

    def _role(
        self, name: str, *, description: str, trusted: iam.IPrincipal, statements: list[iam.PolicyStatement]
    ) -> iam.Role:
        return iam.Role(
            self,
            "".join(word.capitalize() for word in name.split("-")[2:]),
            role_name=name,
            description=description,
            assumed_by=trusted,
            inline_policies={"permissions": iam.PolicyDocument(statements=statements)},
        )

    def _key_through_s3(self, sid: str, actions: list[str]) -> iam.PolicyStatement:
        """Use of the key by S3 for the objects the role may touch, and in no other way."""
        via = {"StringEquals": {"kms:ViaService": f"s3.{Aws.REGION}.{Aws.URL_SUFFIX}"}}
        return _allow(sid, actions, [self._key], via)

    def _key_for_volumes(self) -> iam.PolicyStatement:
        """A grant to SageMaker for an instance's encrypted disk; only AWS services can use such a grant."""
        by_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        return _allow("UseKeyForVolumes", ["kms:CreateGrant"], [self._key], by_aws)


def _allow(
    sid: str, actions: list[str], resources: list[str], conditions: dict[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=actions, resources=resources, conditions=conditions)


def _tag_new(kind: str, arn: str) -> iam.PolicyStatement:
    """Resources are created with their tags, which must not become a right to re-tag them."""
    while_created = {"StringEquals": {"sagemaker:TaggingAction": f"Create{kind}"}}
    return _allow(f"TagNew{kind}", ["sagemaker:AddTags"], [arn], while_created)


def _run_jobs(kind: str, jobs: str) -> list[iam.PolicyStatement]:
    """Start, watch and stop jobs; they are created with their tags, which must not become a right to re-tag them."""
    while_created = {"StringEquals": {"sagemaker:TaggingAction": f"Create{kind}"}}
    return [
        _allow("RunJobs", [f"sagemaker:{verb}{kind}" for verb in ("Create", "Describe", "Stop")], [jobs]),
        _allow("TagNewJobs", ["sagemaker:AddTags"], [jobs], while_created),
    ]


def _service(name: str, *sources: str) -> iam.IPrincipal:
    """Trust in a service; with `sources`, only for this account's resources of those ARNs (no confused deputy).

    Lambda gives no source keys when it takes on a function's role, so there the service is all that can be
    asked.
    """
    if not sources:
        return iam.ServicePrincipal(name)
    ours = {
        "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": list(sources) if len(sources) > 1 else sources[0]},
    }
    return iam.ServicePrincipal(name, conditions=ours)


def _prefixes(*prefixes: str) -> dict[str, Any]:
    return {"StringLike": {"s3:prefix": list(prefixes)}}


def _metrics(namespace: str) -> iam.PolicyStatement:
    """Metrics have no ARN; the namespace is the only bound there is."""
    only = {"StringEquals": {"cloudwatch:namespace": namespace}}
    return _allow("WriteMetrics", ["cloudwatch:PutMetricData"], ["*"], only)


def _image_pull(image: Container) -> list[iam.PolicyStatement]:
    """Pull one of AWS's containers; the log-in token is the registry's, and has no resource to name."""
    repository = f"arn:{Aws.PARTITION}:ecr:{Aws.REGION}:{image.account}:repository/{image.repository}"
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        _allow("LogInToRegistry", ["ecr:GetAuthorizationToken"], ["*"]),
        _allow("PullImage", pull, [repository]),
    ]


def _own_log(function_name: str) -> iam.PolicyStatement:
    """The stacks create the log group, so the function cannot create any."""
    group = _arn("logs", f"log-group:{names.log_group_name(function_name)}")
    return _allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:*"])


def _arn(service: str, resource: str) -> str:
    """ARN of something of this account in this region."""
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"
