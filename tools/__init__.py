"""Tools that write the pages of docs/, and tools that maintain files of the package.

Each is run from the checkout as `python -m tools.NAME`; `--help` lists its flags. A tool has the
name of the page that it writes.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
