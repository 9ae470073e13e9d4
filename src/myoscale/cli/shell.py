"""How the shell fails: one sentence on standard error and a code, never a traceback for a user's mistake."""

import os
import sys

import typer
from typer.core import TyperGroup

from ..errors import InputError, MyoscaleError

INTERRUPTED = 130  # what shells report after Ctrl-C


class Shell(TyperGroup):
    """Commands whose failures are one sentence, not a panel and not a traceback."""

    def main(
        self, args=None, prog_name=None, complete_var=None, standalone_mode=True, windows_expand_args=True, **extra
    ):
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        args = list(sys.argv[1:] if args is None else args) or ["--help"]
        try:
            code = super().main(args, prog_name or "myoscale", complete_var, False, windows_expand_args, **extra)
        except InputError as error:
            code = fail(str(error), 2)
        except MyoscaleError as error:
            code = fail(str(error), 1)
        except (KeyboardInterrupt, typer.Abort):
            code = fail("Interrupted.", INTERRUPTED)
        except BrokenPipeError:  # the reader has seen enough: head, less
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except OSError as error:  # standard output on a full disk
            code = fail(f"Cannot write the output: {error.strerror or error}.", 1)
        except Exception as error:
            message = getattr(
                error, "format_message", None
            )  # of what typer or click raise for an unreadable command line
            if message is None:
                raise
            code = fail(message(), 2)
        sys.exit(code if isinstance(code, int) else 0)


def fail(message: str, code: int) -> int:
    """Say on standard error, in one line, what went wrong; the code again."""
    typer.echo(" ".join(message.split()), err=True)
    return code
