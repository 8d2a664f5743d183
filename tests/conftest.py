"""What all tests share."""

import os

from hypothesis import settings

# A gate says the same about the same tree; everywhere else each run explores other examples.
settings.register_profile(
    "here", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("here")
