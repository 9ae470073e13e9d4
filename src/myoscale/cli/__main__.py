"""`python -m myoscale.cli`."""

from . import main

main()
