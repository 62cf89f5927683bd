"""Which files say what to install, and which of them differ between two revisions."""

from __future__ import annotations

import pytest
from scratch_repository import Repository

from pytest_speedacc.live.environments.files import changed_dependency_files


class TestDependencyFiles:
    def test_committed_uncommitted_and_new_files(self, repository: Repository) -> None:
        base = repository.commit("four", requirements_txt="numpy", setup_cfg="", uv_lock="", sub__setup_py="")
        assert changed_dependency_files(repository.path, base) == []
        repository.commit("five", uv_lock="changed", model_py="")
        repository.write(requirements_txt="numpy>2", sub__constraints_txt="", notes_txt="")
        (repository.path / "setup.cfg").unlink()
        expected = ["requirements.txt", "setup.cfg", "sub/constraints.txt", "uv.lock"]
        assert changed_dependency_files(repository.path, base) == expected
        assert changed_dependency_files(repository.path / "sub", base) == expected

    @pytest.mark.parametrize(
        ("was", "now", "counts"),
        [
            ('version = "1"\nsource = {editable = "."}', 'version = "2"\nsource = {editable = "."}', False),
            ('version = "1"\nsource = {virtual = "."}', 'version = "2"\nsource = {virtual = "."}', False),
            ('version = "1"\nsource = {registry = "x"}', 'version = "2"\nsource = {registry = "x"}', True),
            ('version = "1"\nsource = {editable = "."}', 'version = "1"\nsource = {editable = "./a"}', True),
            ('version = "1"\nsource = "x"', 'version = "2"\nsource = "x"', True),
            ('version = "1"', 'version = "2"', True),
        ],
    )
    def test_a_lock_of_uv_counts_but_for_the_version_of_the_project_itself(
        self, repository: Repository, was: str, now: str, counts: bool
    ) -> None:
        base = repository.commit("four", uv_lock=f'version = 1\n[[package]]\nname = "mine"\n{was}\n')
        repository.write(uv_lock=f'version = 1\n[[package]]\nname = "mine"\n{now}\n')
        assert changed_dependency_files(repository.path, base) == (["uv.lock"] if counts else [])

    @pytest.mark.parametrize(
        ("text", "counts"),
        [
            ('[project]\nversion = "2"\ndependencies = ["numpy"]\n[tool.ruff]\nline-length = 99\n', False),
            ('[project]\nversion = "1"\ndependencies = ["numpy>2"]\n', True),
            (
                '[project]\nversion = "1"\ndependencies = ["numpy"]\n[dependency-groups]\na = ["b"]\n',
                True,
            ),
            ("[project\n", True),
            ('project = "mine"\n', True),
            ('[project]\ndependencies = ["numpy"]\n[tool.poetry]\nversion = "2"\n', False),
            ('[project]\ndependencies = ["numpy"]\n[tool.poetry.group.test.dependencies]\npytest = "*"\n', True),
        ],
    )
    def test_pyproject_counts_where_it_changes_dependencies(
        self, repository: Repository, text: str, counts: bool
    ) -> None:
        old = '[project]\nversion = "1"\ndependencies = ["numpy"]\n'
        base = repository.commit("four", pyproject_toml=old)
        repository.write(pyproject_toml=text)
        assert changed_dependency_files(repository.path, base) == (["pyproject.toml"] if counts else [])
