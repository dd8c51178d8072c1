"""What `harness schema` writes is what is committed, and an editor makes something of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.errors import InputErrors
from harness.scenario.editor import REFERENCE, SCHEMA, TABLES, editor_files
from harness.scenario.loader import load, load_text
from harness.scenario.registry import builtin_registry
from harness.scenario.tables import load_tables
from harness.scenario.values import plain
from harness.scenario.yamltree import parse
from tests.support.npm import npm_tools
from tests.support.projects import PONDER, make_project

ROOT = Path(__file__).parents[3]
FILES = [
    path for path in sorted((ROOT / "scenarios").rglob("*.yaml")) if path.name not in {"rules.yaml", "invariants.yaml"}
]


@pytest.mark.parametrize("name", [SCHEMA, REFERENCE])
def test_the_committed_file_is_what_the_code_makes(name: str) -> None:
    message = f"{name} is old: run `harness schema`."
    assert (ROOT / name).read_text(encoding="utf-8") == editor_files(ROOT)[name], message


def test_the_reference_names_every_verb_check_and_matcher() -> None:
    text = (ROOT / REFERENCE).read_text(encoding="utf-8")
    for word in (
        "### schedule",
        "### changed",
        "`<one of PENDING\\|CONFIRMED>`",
        "{exactly: …}",
        "| matrix |",
        "| $flow |",
    ):
        assert word in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_schema_takes_every_scenario_of_the_suite(path: Path) -> None:
    schema = json.loads((ROOT / SCHEMA).read_text(encoding="utf-8"))
    data = json.loads(json.dumps(plain(parse(path.read_bytes())), default=float))
    assert [error.json_path for error in Draft202012Validator(schema).iter_errors(data)] == []


def test_every_scenario_of_the_suite_loads() -> None:
    assert load(["scenarios"], project=ROOT).features or not FILES


USING = """
feature: One
use: [own.py]
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: Somebody thinks
    when: [{ponder: 5}]
    then: [{changed: none}]
"""


def test_verbs_that_a_scenario_uses_are_in_the_schema_whatever_else_is_wrong(tmp_path: Path) -> None:
    """A verb of one's own has completion wherever its file is; of scenarios' mistakes `harness validate` tells."""
    root = make_project(tmp_path, {"one.yaml": USING, "two.yaml": "scenarios: nothing"})
    (root / "scenarios" / "own.py").write_text(PONDER)
    schema = json.loads(editor_files(root)[SCHEMA])
    good, bad = (json.loads(json.dumps(plain(parse(USING.replace("5", text))))) for text in ("5", "{minuets: 5}"))
    assert [error.json_path for error in Draft202012Validator(schema).iter_errors(good)] == []
    assert [error.json_path for error in Draft202012Validator(schema).iter_errors(bad)] != []
    assert "The visitor thinks it over." in json.dumps(schema)


def test_a_schema_is_not_made_where_verbs_cannot_be_read(tmp_path: Path) -> None:
    root = make_project(tmp_path, {"one.yaml": USING})
    (root / "scenarios" / "own.py").write_text("nothing(")
    with pytest.raises(InputErrors, match=r"scenarios/own\.py:1:8: This is not Python"):
        editor_files(root)


CLIENT = """
const {spawn} = require('child_process'), {pathToFileURL} = require('url');
const [server, schema] = process.argv.slice(2);
const child = spawn(process.execPath, [server, '--stdio'], {stdio: ['pipe', 'pipe', 'inherit']});
let buffer = Buffer.alloc(0), waiting = new Map(), next = 1;
const send = message => { const body = JSON.stringify({jsonrpc: '2.0', ...message});
  child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\\r\\n\\r\\n${body}`); };
const ask = (method, params) => new Promise(done => { waiting.set(next, done); send({id: next++, method, params}); });
const settings = {yaml: {schemas: {[pathToFileURL(schema).href]: '*.yaml'}, completion: true, hover: true, validate: true,
  schemaStore: {enable: false}}, http: {}, '[yaml]': {}};
let diagnostics = {};
child.stdout.on('data', data => { buffer = Buffer.concat([buffer, data]);
  for (;;) { const end = buffer.indexOf('\\r\\n\\r\\n'); if (end < 0) return;
    const size = +/Content-Length: (\\d+)/i.exec(buffer.toString('latin1', 0, end))[1];
    if (buffer.length < end + 4 + size) return;
    const message = JSON.parse(buffer.toString('utf8', end + 4, end + 4 + size)); buffer = buffer.subarray(end + 4 + size);
    if (message.method === 'textDocument/publishDiagnostics') diagnostics[message.params.uri] = message.params.diagnostics;
    else if (message.method && message.id !== undefined) send({id: message.id, result: message.method === 'workspace/configuration'
      ? message.params.items.map(item => settings[item.section] ?? {}) : null});
    else if (waiting.has(message.id)) { waiting.get(message.id)(message.result); waiting.delete(message.id); } } });
(async () => {
  await ask('initialize', {processId: process.pid, rootUri: null, capabilities: {workspace: {configuration: true},
    textDocument: {completion: {completionItem: {documentationFormat: ['markdown']}}, hover: {contentFormat: ['markdown']}}}});
  send({method: 'initialized', params: {}}); send({method: 'workspace/didChangeConfiguration', params: {settings}});
  const out = []; await new Promise(done => setTimeout(done, 1500));  // the server asks for its settings first

  for (const [index, probe] of JSON.parse(require('fs').readFileSync(0, 'utf8')).entries()) {
    const uri = `file:///probe-${index}.yaml`;
    send({method: 'textDocument/didOpen', params: {textDocument: {uri, languageId: 'yaml', version: 1, text: probe.text}}});
    const params = {textDocument: {uri}, position: probe.position};
    const result = await ask(probe.kind === 'hover' ? 'textDocument/hover' : 'textDocument/completion', params);
    out.push(probe.kind === 'hover' ? JSON.stringify(result) : (result.items ?? result).map(item => item.label)); }
  console.log(JSON.stringify(out)); child.kill(); process.exit(0);
})();
"""
HEAD = "feature: F\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n  - scenario: One\n"


def probe(kind: str, text: str) -> dict[str, Any]:
    """A question to the server, asked where `|` stands."""
    whole = HEAD + text
    before = whole[: whole.index("|")]
    position = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
    return {"kind": kind, "text": whole.replace("|", "", 1), "position": position}


@pytest.fixture(scope="module")
def server() -> Path:
    """The YAML language server from npm."""
    place = npm_tools("editor", ["yaml-language-server@1.18.0"])
    return place / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


def answers(server: Path, tmp_path: Path, schema: Path, probes: list[dict[str, Any]]) -> list[Any]:
    """What the server answers to each of `probes` over `schema`."""
    (tmp_path / "client.js").write_text(CLIENT, encoding="utf-8")
    command = ["node", str(tmp_path / "client.js"), str(server), str(schema)]
    done = subprocess.run(command, input=json.dumps(probes), capture_output=True, text=True, timeout=120, check=True)
    found: list[Any] = json.loads(done.stdout)
    return found


BROOD = '''
from dataclasses import dataclass
from typing import Annotated, Literal
from harness.scenario.registry import verb

@dataclass(frozen=True)
class BroodArgs:
    over: Annotated[Literal["prices", "times"], "what weighs on the visitor"]
    again: bool = False

@verb("brood", shorthand="over")
def brood(world, args: BroodArgs) -> None:
    """The visitor broods over something."""
'''


@pytest.mark.npm
@pytest.mark.slow
def test_an_editor_knows_the_verbs_of_every_file_of_a_project(server: Path, tmp_path: Path) -> None:
    two = USING.replace("own.py", "verbs/brood.py").replace("ponder: 5", "brood: prices")
    root = make_project(tmp_path, {"one.yaml": USING, "two.yaml": two, "verbs.py": PONDER.replace("ponder", "sigh")})
    (root / "scenarios" / "own.py").write_text(PONDER)
    (root / "scenarios" / "verbs").mkdir()
    (root / "scenarios" / "verbs" / "brood.py").write_text(BROOD)
    (root / SCHEMA).write_text(editor_files(root)[SCHEMA], encoding="utf-8")
    probes = [
        probe("completion", "    when:\n      - |\n"),
        probe("completion", "    when:\n      - brood:\n          |\n"),
        probe("completion", "    when:\n      - brood:\n          over: |\n"),
        probe("hover", "    when:\n      - bro|od: prices\n"),
        probe("hover", "    when:\n      - brood: {ov|er: prices}\n"),
    ]
    verbs, keys, values, verb, key = answers(server, tmp_path, root / SCHEMA, probes)
    assert {"ponder", "brood", "sigh", "create"} <= set(verbs)
    assert {"over", "again"} <= set(keys)
    assert {"prices", "times"} <= set(values)
    assert "broods over something" in verb
    assert "what weighs on the visitor" in key


@pytest.mark.npm
@pytest.mark.slow
def test_an_editor_completes_and_explains(server: Path, tmp_path: Path) -> None:
    probes = [
        probe("completion", "    when:\n      - |\n"),
        probe("completion", "    when:\n      - create: {}\n        expect:\n          status: |\n"),
        probe("completion", "    when:\n      - create: {}\n    then:\n      - rows:\n          |\n"),
        probe(
            "completion",
            "    when:\n      - create: {}\n    then:\n      - rows:\n          Booking:\n            some:\n              |\n",
        ),
        probe("completion", "    covers:\n      - |\n"),
        probe("hover", "    when:\n      - sele|ct_session: intro-call\n"),
        probe("hover", "    covers: [R0|4]\n"),
    ]
    verbs, matchers, tables, columns, rules, verb, rule = answers(server, tmp_path, ROOT / SCHEMA, probes)
    assert {"select_session", "create", "http", "parallel"} <= set(verbs)
    assert "<gte 1>" in matchers
    assert {"Booking", "BookingTransition", "User"} <= set(tables)
    assert {"clientId", "status", "amount"} <= set(columns)
    assert {"R01", "B21", "W13", "F09"} <= set(rules)
    assert "session" in verb
    assert "clientId" in rule


def test_the_examples_of_the_specification_are_scenarios() -> None:
    text = (ROOT / "docs" / "spec" / "SCENARIOS.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```yaml\n")[1:]]
    suite = load_text("".join(blocks), registry=builtin_registry(), tables=load_tables(ROOT / TABLES))
    assert [scenario.title for scenario in suite.scenarios] == [
        "A free session is booked without signing in",
        "The page hides paid sessions, and so does the server",
        "The provider did the work, its answer was lost",
    ]
