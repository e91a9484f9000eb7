"""TensorBoard, MLflow and Weights & Biases beside Studyhall: what a trial reports is written there too.

    trial = with_loggers(trial, params, [TensorBoard("runs")])

A logger that fails is complained of once in the trial's log and not asked again: it never hurts the trial.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from studyhall.trial_context import Number, TrialContext


class Logger(Protocol):
    """Somebody else's place for metrics."""

    def begin(self, trial: TrialContext, parameters: Mapping[str, Any]) -> None:
        """Called once, before the first metrics."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Called with each report."""


class TensorBoard:
    """Event files below a directory, one folder for each trial."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def begin(self, trial: TrialContext, parameters: Mapping[str, Any]) -> None:
        """Opens the folder of this trial."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(f"{self._directory}/trial-{trial.number}")
        self._writer.add_text("parameters", str(dict(parameters)))

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Writes and flushes: the process of a trial may end at any moment."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()


class MLflow:
    """A run in an MLflow experiment."""

    def __init__(self, experiment: str, tracking_uri: str | None = None) -> None:
        self._experiment, self._uri = experiment, tracking_uri

    def begin(self, trial: TrialContext, parameters: Mapping[str, Any]) -> None:
        """Starts the run."""
        import mlflow

        if self._uri is not None:
            mlflow.set_tracking_uri(self._uri)
        mlflow.set_experiment(self._experiment)
        mlflow.start_run(run_name=f"trial-{trial.number}")
        mlflow.log_params(dict(parameters))

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Logs to the run."""
        import mlflow

        mlflow.log_metrics(dict(metrics), step=step)


class WeightsAndBiases:
    """A run in a W&B project."""

    def __init__(self, project: str, **options: Any) -> None:
        self._options = {"project": project, **options}

    def begin(self, trial: TrialContext, parameters: Mapping[str, Any]) -> None:
        """Starts the run."""
        import wandb

        self._run = wandb.init(name=f"trial-{trial.number}", config=dict(parameters), **self._options)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Logs to the run."""
        self._run.log(dict(metrics), step=step)


class _Logged:
    """A trial context that tells loggers what it reports; everything else is the trial's own."""

    def __init__(self, trial: TrialContext, loggers: Sequence[Logger]) -> None:
        self._trial, self._loggers = trial, list(loggers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)

    def report(self, step: int, /, **metrics: Number) -> bool:
        """As the trial's, and to the loggers."""
        goes_on = self._trial.report(step, **metrics)
        self.each(lambda logger: logger.log(step, {name: float(value) for name, value in metrics.items()}))
        return goes_on

    def each(self, tell: Callable[[Logger], None]) -> None:
        """Tells every logger that still works."""
        for logger in list(self._loggers):
            try:
                tell(logger)
            except Exception as error:  # noqa: BLE001 - another program's failure is not the trial's
                self._loggers.remove(logger)
                self._trial.log(f"{type(logger).__name__} is left out from here on: {error!r}")


def with_loggers(trial: TrialContext, parameters: Mapping[str, Any], loggers: Sequence[Logger]) -> TrialContext:
    """The same trial, whose reports go to loggers too."""
    logged = _Logged(trial, loggers)
    logged.each(lambda logger: logger.begin(trial, parameters))
    found: TrialContext = logged  # by __getattr__ it has all that a trial has
    return found
