"""How strong the suite is: defects and mutants put in one by one, and which scenario notices each.

measure(options)      run everything; the verdicts
Options, Result       what is asked, what came of it
listed(verdicts)      verdicts for people, in columns
"""

from __future__ import annotations

from .measuring import Options, Result, measure
from .verdicts import Verdict, listed

__all__ = ["Options", "Result", "Verdict", "listed", "measure"]
