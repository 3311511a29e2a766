"""Steps of a training: the network learns from each batch, and nothing waits for a GPU before something is shown."""

import time
from collections.abc import Iterator
from threading import Event

import torch
from torch import Tensor, nn

from training.batches import Batch, steps, training_batches
from training.checkpoint import Checkpoints, TrainingState
from training.device import logits_of
from training.distributed import parallel, summed
from training.environment import Process
from training.errors import Stopped
from training.feed import Feed
from training.head import require_number
from training.images import Images
from training.objective import Objective
from training.progress import EpochProgress
from training.settings import Hyperparameters


class Epochs:
    """Trains a network, an epoch at a time."""

    def __init__(
        self,
        model: nn.Module,
        state: TrainingState,
        images: Images,
        settings: Hyperparameters,
        process: Process,
        checkpoints: Checkpoints,
        stop: Event,
    ) -> None:
        self._device = next(model.parameters()).device
        self._model = parallel(model, process)
        if settings.compile == "always":
            if process.rank == 0:
                print("compiling the network: the first epoch takes a minute or more longer", flush=True)
            # not for any size of batch, which is slower: there are two, which differ by an image
            self._model = torch.compile(self._model, dynamic=False)  # type: ignore[assignment]
        self._state, self._images, self._settings, self._process = state, images, settings, process
        self._checkpoints, self._stop = checkpoints, stop
        self._feed = Feed(self._device, images.preprocessing)
        self._augmentation = self._feed.augmentation(settings.augment, images)
        self._objective = Objective(settings, images.labels, self._device)

    def train_one(self) -> float:
        """Takes the remaining steps of the epoch; returns its mean loss an image, over all processes."""
        state, settings, process = self._state, self._settings, self._process
        number = len(state.epochs) + 1
        start = time.perf_counter() - state.seconds
        count = steps(len(self._images), settings.batch_size, process.world)
        # they stay on the device until they are shown: to look at one is to wait for the device
        losses = torch.zeros(count, dtype=torch.float64, device=self._device)
        shown, images = state.step, 0
        with EpochProgress(number, count, quiet=process.rank != 0) as progress:
            for batch in self.batches(number):
                losses[state.step] = self.step(batch)
                state.step += 1
                images += batch.total
                stopping, due = self._agree(self._stop.is_set(), progress.due)
                if stopping or due or state.step == count:
                    progress.step(state.step, self._add(losses[shown : state.step], number, shown), images)
                    shown, images = state.step, 0
                if stopping:
                    state.seconds = time.perf_counter() - start
                    self._checkpoints.save(state.to_dict())
                    raise Stopped(
                        f"stopped as asked (SIGTERM) in epoch {number} after step {state.step}: {self._checkpoints}"
                    )
        return state.loss / len(self._images)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """This process's share of the remaining steps of an epoch."""
        return training_batches(
            self._images,
            self._augmentation,
            batch_size=self._settings.batch_size,
            seed=self._settings.seed,
            epoch=epoch,
            process=self._process,
            skip=self._state.step,
            empty=self._feed.empty,
        )

    def step(self, batch: Batch) -> Tensor:
        """Moves the parameters down the gradient of the batch's mean loss; returns its sum over the images before."""
        state = self._state
        shares = self._feed.shares(batch)
        logits = logits_of(self._model, self._feed.images(batch))
        loss = self._objective(logits, self._feed.labels(batch), shares)
        state.optimizer.zero_grad(set_to_none=True)
        # gradients are averaged over processes, whose shares can differ by an image: weight by images
        (loss * (self._process.world / batch.total)).backward()
        state.optimizer.step()
        state.schedule.step()
        if state.averaged:
            state.averaged.update_parameters(state.model)
        return loss.detach()

    def _agree(self, *flags: bool) -> list[bool]:
        """Flags that are set in any process: all stop, or look at their losses, at the same step."""
        if self._process.world == 1:
            return list(flags)
        return (summed(torch.tensor(flags, dtype=torch.int32)) > 0).tolist()  # type: ignore[no-any-return]

    def _add(self, losses: Tensor, epoch: int, before: int) -> float:
        """Adds the losses of steps to the epoch's, over all processes; returns their sum.

        Raises:
            InputError: one of them is not a number.
        """
        each = summed(losses.cpu()).tolist()
        for step, loss in enumerate(each, before + 1):
            require_number(loss, f"epoch {epoch}, step {step}", self._settings)
            self._state.loss += loss  # one by one: the same to the bit, however many are added at a time
        return sum(each)
