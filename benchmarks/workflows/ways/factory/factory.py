"""dag-factory's way: its documented two lines for one YAML file."""

from pathlib import Path

from airflow.sdk import DAG  # noqa: F401
from dagfactory import load_yaml_dags

load_yaml_dags(globals_dict=globals(), config_filepath=str(Path(__file__).with_name("simulators.yaml")))
