"""What would serve an export here."""

from collections.abc import Iterator

from keras_ptft.doctor.finding import Finding, ok
from keras_ptft.doctor.settings import DoctorConfig
from keras_ptft.serving.smoke.programs import first_here


def server(config: DoctorConfig) -> Iterator[Finding]:
    """The program that `keras-ptft serve` starts."""
    del config
    choice = first_here()
    note = f", {choice.program.note}" if choice.program.note else ""
    since = f": {', '.join(choice.faults)}" if choice.faults else ""
    yield ok(
        f"by {choice.name}{note}{since}",
        server=choice.name,
        speaks=list(choice.program.speaks()),
        faults=list(choice.faults),
    )
