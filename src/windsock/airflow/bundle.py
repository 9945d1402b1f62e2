"""Published workflows as an Airflow bundle whose version is the revision."""

import contextlib
import logging
import time
from collections.abc import Iterable, Sequence, Set
from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion
from airflow.sdk import get_parsing_context

from windsock.airflow import callbacks, deleted_dags, latest_runs, processor, timetables
from windsock.airflow.dag import serialized, shards
from windsock.airflow.dag.store import Store
from windsock.airflow.hook import NEWEST, SECTION, Entry, Feed, NotPublished
from windsock.errors import WindsockError
from windsock.wire import from_json
from windsock.workflow import Workflow

log = logging.getLogger(__name__)


class WindsockDagBundle(BaseDagBundle):
    """The published workflows of a Django project.

    In the dag-processor ``refresh`` asks Django what changed and writes it to local files; parsing reads only
    those. On a worker the bundle has a pinned version and holds the one workflow that is about to run, as it
    was then.

    Args:
        section: of Airflow's configuration, whose ``url`` and ``feed_key`` lead to the project; each further
            project on the same Airflow has a bundle and a section of its own.
        **kwargs: Airflow's own: ``name``, ``version``, ``refresh_interval`` in seconds,
        ``view_url_template``.
    """

    supports_versioning = True
    drops_callbacks = True
    follows_processor = True

    def __init__(self, *, section: str = SECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.processor: processor.Processor = processor.Processor()
        self._store = Store(self.base_dir)
        self._feed = Feed(bundle=self.name, section=section)
        self._usual_interval = self.refresh_interval
        self._workflow = get_parsing_context().dag_id
        self._is_cut_off = False
        #: Files that are to change as soon as one of them, which is being parsed, is collected.
        self.awaited: Set[str] = frozenset()

    @property
    def path(self) -> Path:
        """The folder that Airflow parses: all workflows, or on a worker the one that is about to run."""
        if self._workflow is None and self.version is None:
            return self._store.live
        return self._store.copy_of(self._workflow or "", self._pin)

    def initialize(self) -> None:
        """Prepare the files: an empty bundle for the dag-processor, the one workflow for a worker.

        Raises:
            NotPublished: there is no such workflow at the pinned version.
            FeedUnavailable: it is not on this host and Django does not answer.
        """
        self._workflow = get_parsing_context().dag_id
        if self._workflow is not None:
            self._store.keep_copy(self._entry(self._workflow, self._pin), self._pin)
        elif self.version is None:
            with self.lock():
                self._store.prepare()
            callbacks.drop()
            processor.introduce()
            timetables.keep()
            latest_runs.ask_together()
            deleted_dags.read_alone()
            serialized.hand_over()
        else:
            self.path.mkdir(parents=True, exist_ok=True)
        super().initialize()

    def get_current_version(self) -> BundleVersion:
        """Return the revision up to which the local files reach; the pinned one when there is one."""
        return BundleVersion(self.version or str(self._store.revision()))

    def refresh(self) -> None:
        """Ask Django what was published since and write it down; without an answer everything stays."""
        if self.version is not None or self._workflow is not None:
            return
        if self.awaited & self.processor.in_flight():
            self.processor.look_at_once()
            return
        self.awaited = frozenset()
        with self.lock():
            try:
                is_unfinished = self._follow()
                is_unfinished |= self._report()
                # What the loader refuses is known after the parse.
                is_unfinished |= bool(self.processor.in_flight())
                self.refresh_interval = 0 if is_unfinished else self._usual_interval
            except WindsockError as error:
                # Said once, not at each round of an outage.
                level = logging.DEBUG if self._is_cut_off else logging.WARNING
                log.log(level, "No news from Django, all workflows stay as they are: %s", error)
                self._is_cut_off = True
                self.refresh_interval = self._usual_interval
            else:
                self._is_cut_off = False

    def published(self, workflow: str, revision: int | None = None) -> tuple[int, Workflow]:
        """Return the version of a workflow that was in force at a revision: its number and its content.

        Args:
            workflow: its id.
            revision: the newest version counts that is not newer and that Airflow took; None: of all.

        Raises:
            NotPublished: there is none, or the workflow was retired by then.
            FeedUnavailable: it is not on this host and Django does not answer.
            WireError: the document cannot be read here.
        """
        entry = self._entry(workflow, NEWEST if revision is None else revision)
        return entry.revision, from_json(Workflow, entry.document)

    @property
    def _pin(self) -> int:
        return NEWEST if self.version is None else int(self.version)

    def _entry(self, workflow: str, revision: int) -> Entry:
        known = self._store.find(workflow, revision)
        entry = known or self._feed.workflow(workflow, revision)
        if entry.document is None:
            raise NotPublished(f"{workflow} was retired in revision {entry.revision}")
        if known is None and revision != NEWEST:
            self._store.keep_copy(entry, revision)
        return entry

    def _follow(self) -> bool:
        """Bring the files up to date; return whether they changed or have to."""
        after = self._store.revision()
        if not self._store.is_intact():
            self._store.prepare()
            after = 0
        highest, entries = self._feed.changes(after)
        if highest < after:
            log.warning("Django's newest revision is %d, ours was %d: beginning anew", highest, after)
            self._store.forget_copies()
            after = 0
            highest, entries = self._feed.changes(after)
        return self._write(entries, revision=highest, whole=after == 0)

    def _write(self, entries: Sequence[Entry], *, revision: int, whole: bool = False) -> bool:
        plan = self._store.plan(entries, whole=whole)
        changed = {f"{shards.FOLDER}/{name}.py" for name in plan}
        if changed & self.processor.in_flight():
            self.awaited |= changed
            self.processor.look_at_once()
            return True
        if plan or revision != self._store.revision() or not self._store.is_intact():
            # Airflow misses a DAG that goes within this time after it was parsed; a second parse tells it.
            threshold = conf.getint("dag_processor", "stale_dag_threshold")
            retired = {shards.shard_of(entry.workflow) for entry in entries if entry.document is None}
            again = retired & plan.keys() if threshold > 0 else set()
            self._store.apply(
                plan, revision=revision, again=dict.fromkeys(again, time.time() + threshold + 1)
            )
        due = {f"{shards.FOLDER}/{name}.py" for name in self._store.touch_due()}
        self.processor.parse_next(changed | due, self.path)
        return bool(plan)

    def _report(self) -> bool:
        """Tell Django what was refused; return whether files changed or have to."""
        news, all_of_them = self._store.news()
        if not news:
            return False
        self._feed.report(news)
        is_unfinished = self._fall_back({problem.workflow for problem in news if problem.message})
        if not is_unfinished:
            self._store.remember_told(all_of_them)
        return is_unfinished

    def _fall_back(self, workflows: Iterable[str]) -> bool:
        """Take over what Django now holds to be in force in place of a refused version.

        It may be one that this host never had: published after the last good one and superseded at once.
        """
        unseen = []
        for workflow in sorted(workflows):
            with contextlib.suppress(NotPublished):
                entry = self._feed.workflow(workflow)
                if entry.document is not None and self._store.find(workflow, NEWEST) != entry:
                    unseen.append(entry)
        return bool(unseen) and self._write(unseen, revision=self._store.revision())
