"""Settings of the model's training and of its SageMaker job."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from aws.instances import Instance
from settings.part import Named, TrainingInstanceType, at_least, at_most
from training.networks import check_size, check_trainable
from training.settings import Recipe, cannot_augment, declared


class Training(Named, Recipe, frozen=True):
    dataset: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="digest of the images, which `make deploy DATA=FOLDER` writes into the stage's file",
        json_schema_extra={"allowed": "the 64 hex digits that `make upload DATA=FOLDER` prints"},
    )
    weights: str = Field(
        pattern=r"^([0-9a-f]{64})?$",
        description="digest printed by `make weights`; empty trains from scratch",
        json_schema_extra={"allowed": "the 64 hex digits that `make weights` prints, or empty"},
    )
    accuracy_floor: float = Field(
        ge=0,
        le=1,
        description="test accuracy, over all images and as the mean over classes, under which a model is not deployed",
    )
    class_accuracy_floor: float = Field(
        ge=0, le=1, description="test accuracy of the lowest class under which a model is not deployed"
    )
    input_mode: Literal["File", "FastFile"] = Field(
        description="how a training job gets its images: copied to its disk first (File), or from S3 as it reads them"
    )
    image_layout: Literal["auto", "files", "shards"] = Field(
        description="how images are uploaded: as they are, or many in one tar; auto: in tars from 10,000 images on"
    )
    training_instance_type: TrainingInstanceType = Field(description="ML instance type of the training job")
    training_instance_count: int = Field(ge=1, le=20, description="instances that share one training job")
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
        """Values that the training program reads, as text; `make train` has flags of the same names."""
        recipe = {name.replace("_", "-"): str(getattr(self, name)) for name in declared(Recipe)}
        weights = {"weights-sha256": self.weights} if self.weights else {}
        return recipe | {"dataset-digest": self.dataset} | weights

    @field_validator(*declared(Recipe))
    @classmethod
    def _as_training_reads_it(cls, value: str | int | float, info: ValidationInfo) -> str | int | float:
        try:
            return declared(Recipe)[str(info.field_name)].read(str(value))
        except ValueError as expected:
            raise ValueError(f"must be {expected}") from None

    @field_validator("augment")
    @classmethod
    def _layers_learn_so(cls, value: str, info: ValidationInfo) -> str:
        if problem := cannot_augment(value, info.data.get("trainable", "all")):
            raise ValueError(problem)
        return value

    @field_validator("image_size", "trainable")
    @classmethod
    def _as_the_network_takes_it(cls, value: int | str, info: ValidationInfo) -> int | str:
        check = {"image_size": check_size, "trainable": check_trainable}[str(info.field_name)]
        if "architecture" in info.data:
            try:
                check(info.data["architecture"], value)  # type: ignore[operator]
            except ValueError as expected:
                raise ValueError(f"must be {expected}") from None
        return value

    @field_validator("weights")
    @classmethod
    def _weights_there(cls, value: str, info: ValidationInfo) -> str:
        if not value:
            frozen_layers_need_weights(info.data.get("trainable", "all"))
        return value

    _one_image_an_instance = field_validator("training_instance_count")(at_most("batch_size"))

    @field_validator("spot_max_wait_hours")
    @classmethod
    def _wait_includes_the_run(cls, value: int, info: ValidationInfo) -> int:
        return at_least("training_max_hours")(value, info) if info.data.get("spot") else value


def frozen_layers_need_weights(trainable: str) -> None:
    """ValueError when one or more choices of `trainable` cannot be trained from scratch."""
    frozen = [layers for layers in trainable.split("|") if layers not in ("", "all")]
    if frozen:
        raise ValueError(f"{frozen[0]} freezes layers, which takes pretrained weights: set weights (make weights)")
