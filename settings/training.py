"""What is trained, on what, and by which SageMaker job."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from aws.instances import Instance
from settings.part import InstanceType, Named, at_least


class Training(Named):
    dataset: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="digest printed by `make upload DATA=FOLDER`",
        json_schema_extra={"allowed": "the 64 hex digits that `make upload DATA=FOLDER` prints"},
    )
    architecture: Literal["resnet10", "resnet18", "resnet34", "resnet50"] = Field(description="network to fine-tune")
    image_size: int = Field(ge=32, le=512, description="side of the square the network sees, px")
    epochs: int = Field(ge=1, le=1000, description="passes over the training images")
    training_instance_type: InstanceType = Field(description="ML instance type of the training job")
    training_instance_count: int = Field(ge=1, le=20, description="instances that share one training job")
    batch_size: int = Field(ge=2, le=65536, description="images a step, over all instances together")
    learning_rate: float = Field(gt=0, le=1, description="step size of the optimizer")
    weights: str = Field(
        pattern=r"^([0-9a-f]{64})?$",
        description="digest printed by `make weights`; empty trains from scratch",
        json_schema_extra={"allowed": "the 64 hex digits that `make weights` prints, or empty"},
    )
    trainable: Literal["head", "last-stage", "all"] = Field(
        description="which layers learn; all but `all` need weights"
    )
    views: int = Field(ge=1, le=100, description="views of an image that a head learns from: itself, then moved ones")
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        description="arithmetic of a head's frozen layers; auto: the fastest of the machine"
    )
    export_int8: Literal["auto", "never"] = Field(
        description="auto serves the int8 model where it costs at most 0.5 points of test accuracy"
    )
    compile: Literal["never", "always"] = Field(
        description="always compiles the network first: worth its minutes in long trainings on a GPU"
    )
    seed: int = Field(ge=0, le=2**31 - 1, description="seed of every random choice in training")
    max_unreadable: float = Field(ge=0, le=1, description="share of the images a training may leave out as unreadable")
    accuracy_floor: float = Field(ge=0, le=1, description="test accuracy under which a model is not deployed")
    training_volume_gib: int = Field(ge=1, le=16384, description="disk of each training instance, GiB")
    # The stack waits for the job at most 12 hours, CloudFormation's limit; the job has to end before that.
    training_max_hours: int = Field(ge=1, le=11, description="hours after which a training job is stopped")
    spot: bool = Field(description="train on spot instances: cheaper, and taken back at times")
    spot_max_wait_hours: int = Field(ge=1, le=11, description="hours a spot training may take, waiting included")

    @property
    def training_instance(self) -> Instance:
        return Instance.parse(self.training_instance_type)

    @property
    def hyperparameters(self) -> dict[str, str]:
        """What the training program reads, all text; the same names are its flags on a laptop."""
        return {
            name.replace("_", "-"): str(getattr(self, name))
            for name in (
                "architecture",
                "image_size",
                "epochs",
                "batch_size",
                "learning_rate",
                "trainable",
                "seed",
                "max_unreadable",
                "views",
                "precision",
                "export_int8",
                "compile",
            )
        } | ({"weights-sha256": self.weights} if self.weights else {})

    @field_validator("batch_size")
    @classmethod
    def _one_image_an_instance(cls, value: int, info: ValidationInfo) -> int:
        return at_least(value, "training_instance_count", info)

    @field_validator("trainable")
    @classmethod
    def _weights_there(cls, value: str, info: ValidationInfo) -> str:
        return frozen_layers_need_weights(value, info)

    @field_validator("spot_max_wait_hours")
    @classmethod
    def _wait_includes_the_run(cls, value: int, info: ValidationInfo) -> int:
        return at_least(value, "training_max_hours", info) if info.data.get("spot") else value


def frozen_layers_need_weights(value: str, info: ValidationInfo) -> str:
    """`value`, one or more choices of `trainable`, when they can be trained on what there is to start from."""
    frozen = [layers for layers in value.split("|") if layers not in ("", "all")]
    if frozen and info.data.get("weights") == "":
        raise ValueError(f"{frozen[0]} freezes layers, which takes pretrained weights: set weights (make weights)")
    return value
