"""This shows what `import ngcx` costs beside the packages that it depends on, each in a
fresh process."""

import subprocess
import sys

from ._measure import compare


def main():
    dependencies = "import jax, equinox, optax, jaxtyping, beartype"
    programs = {
        dependencies: dependencies,
        "import ngcx": "import ngcx",
        "import ngcx and these": f"{dependencies}, ngcx",
    }
    yield compare(
        "An import, in a fresh process",
        {
            name: lambda program=program: subprocess.run(
                [sys.executable, "-c", program], check=True
            )
            for name, program in programs.items()
        },
        rounds=15,
    )
