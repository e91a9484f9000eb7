"""The settings of a server, read once, at its start.

From the strongest to the weakest: the command line, the environment (`STUDYHALL_PORT=8001`, parts of a group after two
underscores: `STUDYHALL_LIMITS__BODY_BYTES=2097152`), a file named by the environment (`STUDYHALL_DATABASE_URL_FILE`), a
TOML file (`--config`), the default. A secret is taken from the environment or a file, never from the command line,
where every user of the machine could read it.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from app.api.limits import Limits
from app.api.rates import RateSettings

PREFIX: Final = "STUDYHALL_"


class ConfigError(Exception):
    """The settings cannot work; the message is one line and says what to change."""


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Several words; in the environment by commas."""


class Group(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AuthSettings(Group):
    """Who may ask."""

    required: bool = Field(True, description="Ask for keys. Without, everybody who reaches the server is admin.")
    open_network: bool = Field(
        False, description="Serve other machines although no keys are asked for. Only behind something that asks."
    )


class EngineSettings(Group):
    """The engine processes beside the server."""

    processes: Annotated[
        int, Field(ge=0, le=64, description="How many; 0: others run them, `studyhall engine` on the same PostgreSQL.")
    ] = 1
    limit_s: Annotated[
        float, Field(gt=0, le=300, description="Seconds for a suggestion; then chance answers, marked `fallback`.")
    ] = 5.0
    memory_mb: Annotated[int, Field(ge=0, description="Address space of one process in MiB; 0: no limit.")] = 2048
    metrics_port: Annotated[
        int, Field(ge=0, le=65535, description="Where `studyhall engine` serves its metrics, to anyone; 0: nowhere.")
    ] = 0
    alive_file: Path | None = Field(
        None, description="A file that `studyhall engine` touches every five seconds while it works; for health checks."
    )


class ArtifactSettings(Group):
    """Files that trials keep, beside the database."""

    directory: Path | None = Field(
        None,
        description="Where their contents are; several servers share one. By default `studyhall-artifacts`, beside a"
        " SQLite file.",
    )
    url: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9+]*://.+",
        description="An object store instead, for servers that share no disk: `s3://bucket/prefix` with"
        " `studyhall[s3]`. Its keys come from its own environment (`AWS_ACCESS_KEY_ID`, …).",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.directory is not None and self.url is not None:
            raise ValueError("give either artifacts.directory or artifacts.url")
        return self


Days = Annotated[float, Field(gt=0, le=36500)]


class RetentionSettings(Group):
    """How long the server keeps what trials leave behind."""

    artifacts_days: Days | None = Field(
        None, description="Days from a trial's end until its artifacts are forgotten. By default never."
    )
    logs_days: Days | None = Field(
        None, description="Days from a trial's end until the logs of its attempts are forgotten. By default never."
    )
    archive_days: Days | None = Field(
        None, description="Days from a study's end until it is archived: out of lists and read-only. By default never."
    )
    studies_days: Days | None = Field(
        None, description="Days from then until it is deleted with all its trials. By default never."
    )
    best: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="How many of the best trials of each study keep both however old they are; with several"
            " objectives, all on the front do.",
        ),
    ] = 1


class WebhookSettings(Group):
    """Whom the server may call."""

    origins: Names = Field(
        (),
        description="Scheme, host and port of receivers: `https://hooks.example.com`. Empty: no webhooks are sent.",
    )

    @field_validator("origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+", origin):
                raise ValueError(f"'{origin}' is no origin; it looks like https://hooks.example.com")
        return origins


class LogSettings(Group):
    """Log lines, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")
    format: Literal["json", "text"] = Field("json", description="`json`: one object a line; `text`: for reading.")
    requests: bool = Field(False, description="A line for every request, not only for those refused.")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    host: str = Field("127.0.0.1", min_length=1, description="The address to listen at; `0.0.0.0`: all of them.")
    port: Annotated[int, Field(ge=0, le=65535, description="The port to listen at; 0: any free one.")] = 8000
    database_url: SecretStr = Field(
        SecretStr("sqlite:///studyhall.db"),
        description="`sqlite:///FILE` or `postgresql+psycopg://USER:PASSWORD@HOST/NAME`.",
    )
    first_key_file: Path | None = Field(
        None, description="Where the admin key of a new database is written; without, it is printed."
    )
    hosts: Names = Field(
        (),
        description="Names of this server, as they stand in addresses. Empty: those of this machine, or any when others"
        " are served.",
    )
    origins: Names = Field((), description="Origins of other pages that may write: `https://host:port`.")
    trusted_proxies: Names = Field(
        (), description="Addresses of proxies whose X-Forwarded-For is believed; empty: of none."
    )
    sweep_s: Annotated[float, Field(gt=0, le=60, description="Seconds between two looks for leases that ran out.")] = (
        5.0
    )
    drain_s: Annotated[
        float, Field(ge=0, le=300, description="Seconds that requests have to end when the server goes down.")
    ] = 25.0
    tracing: bool = Field(
        False,
        description="Trace requests, suggestions and trials with OpenTelemetry (`studyhall[tracing]`); its variables"
        " say where to (`OTEL_EXPORTER_OTLP_ENDPOINT`, …).",
    )
    auth: AuthSettings = AuthSettings()
    limits: Limits = Limits()
    rates: RateSettings = RateSettings()
    engine: EngineSettings = EngineSettings()
    artifacts: ArtifactSettings = ArtifactSettings()
    retention: RetentionSettings = RetentionSettings()
    webhooks: WebhookSettings = WebhookSettings()
    log: LogSettings = LogSettings()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return url

    @model_validator(mode="after")
    def _closed_to_strangers(self) -> Self:
        if not (self.auth.required or self.auth.open_network or is_loopback(self.host)):
            raise ValueError(
                f"'{self.host}' is reached by other machines and no keys are asked for: set auth.required=true, or"
                " host=127.0.0.1 (or auth.open_network=true behind something that asks who comes)"
            )
        return self

    @model_validator(mode="after")
    def _engines_somewhere(self) -> Self:
        if self.engine.processes == 0 and self.database_url.get_secret_value().startswith("sqlite"):
            raise ValueError("engine.processes=0 needs PostgreSQL: on SQLite only the server reaches the database")
        return self

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """The names that requests may use for this server; empty: any."""
        if self.hosts:
            return tuple(host.lower() for host in self.hosts)
        if is_loopback(self.host):
            return ("localhost", "127.0.0.1", "[::1]", self.host.lower())
        return ()


def load_settings(given: Mapping[str, Any], *, config: Path | None = None) -> Settings:
    """The settings of this process.

    Args:
        given: what the command line said.
        config: a TOML file.

    Raises:
        ConfigError: they cannot work.
    """
    weaker = [_named_files(), {} if config is None else _read_toml(config)]

    class Configured(Settings):
        """Without .env: what a directory happens to hold does not change a server."""

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic's protocol
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            files = (InitSettingsSource(settings_cls, init_kwargs=values) for values in weaker)
            return init_settings, env_settings, *files

    try:
        return Configured(**given)
    except ValidationError as error:
        raise ConfigError(_first_fault(error)) from None
    except SettingsError as error:
        raise ConfigError(str(error).splitlines()[0]) from None


def each_setting(group: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Every setting as (name, default, description), groups' members as `group.name`."""
    for name, field in group.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from each_setting(type(field.default), f"{prefix}{name}.")
        else:
            default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
            yield prefix + name, str(default), field.description or ""


def misspelt(environment: Mapping[str, str] = os.environ) -> Iterator[tuple[str, str]]:
    """Variables that are no setting, and the setting that each looks like."""
    names = [name for name, _, _ in each_setting()]
    groups = {name.partition(".")[0] for name in names if "." in name}
    known = [f"{PREFIX}{name.upper().replace('.', '__')}" for name in (*names, *groups)]
    for variable in environment:
        if variable.startswith(PREFIX) and variable not in known and variable.removeprefix(PREFIX) not in _OF_CLIENTS:
            for close in get_close_matches(variable, known, n=1, cutoff=0.85):
                yield variable, close


_OF_CLIENTS: Final = ("URL", "KEY", "KEY_FILE", "HOME", "DEBUG", "DATABASE_URL_FILE")
"""Variables that are read elsewhere, or by `_named_files`."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _named_files() -> dict[str, Any]:
    """Secrets from files that the environment names, as container platforms hand them out."""
    variable = f"{PREFIX}DATABASE_URL_FILE"
    named = os.environ.get(variable)
    return {} if named is None else {"database_url": _text(Path(named), f"the file of {variable}").strip()}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(_text(path, "the configuration"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    if not values:
        raise ConfigError(f"{path} holds no setting")
    return values


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {what}, {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"cannot read {what}, {path}: it is not text") from None


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"there is no setting '{name}'; check its spelling"
    message = first["msg"].removeprefix("Value error, ")
    return f"setting {name}: {message}" if name else message
