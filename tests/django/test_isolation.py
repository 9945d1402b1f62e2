import importlib.util
import sys

import pytest


def test_airflow_cannot_be_imported_where_django_runs() -> None:
    assert importlib.util.find_spec("airflow") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("airflow")
    assert not [name for name in sys.modules if name.partition(".")[0] == "airflow"]
