import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { SOURCE_LAYERS } from "../../oxlint.config.ts";
import { recallRules } from "../../sim/model/recall/recall-protocol.ts";
import { reclaimRules } from "../../sim/model/reclaim/reclaim-protocol.ts";
import { releaseRules } from "../../sim/model/release-check/release-protocol.ts";
import { renamedVmRules } from "../../sim/model/renamed-vm/renamed-vm.ts";
import { reservationRules } from "../../sim/model/reservation/reservation-protocol.ts";
import { restoreRules } from "../../sim/model/restored-store/restored-store.ts";
import { safetyRules } from "../../sim/model/writer-protocol/steps.ts";
import { controllerRole } from "../../src/compose/roles/controller-role.ts";
import { nodeRole } from "../../src/compose/roles/node-role.ts";
import { preStopCommand } from "../../src/compose/roles/pre-stop-command.ts";
import { preflightCommand } from "../../src/compose/roles/preflight-command.ts";
import { schedulerExtenderRole } from "../../src/compose/roles/scheduler-extender-role.ts";
import { standaloneRole } from "../../src/compose/roles/standalone-role.ts";
import { statusCommand } from "../../src/compose/roles/status-command.ts";
import { storeRole } from "../../src/compose/roles/store-role.ts";
import * as writerSteps from "../../src/core/writer/record/writer-steps.ts";
import { settingsRows } from "./settings-rows.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Page and heading of a link; an empty page is the link's own. */
const HEADING_LINK = /\]\((?!https?:|mailto:)([^)#\s]*)#([^)\s]+)\)/gu;
const HEADING = /^#+ (.+)$/gmu;
/** How a message names a section: `docs/install.md, Uninstall`. */
const SECTION = /(?<page>docs\/[\w/-]+\.md), (?<section>[A-Z][\w ]*\w)/gu;
const RELATIVE_LINK = /\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/gu;
/**
 * A path of this repository in code marks; patterns (`*`), placeholders (`<`) and lists (`{`) name no
 * single file.
 */
const SOURCE_PATH = /`((?:src|test|testbed|sim|demo|bench|scripts|docs|deploy)\/[\w./-]*)`/gu;
const NPM_SCRIPT = /npm run ([\w:-]+)/gu;
const KUBECTL = /\bkubectl [^`\n]*/gu;
/** The driver's kinds, which are in a namespace of their own; not the names of their definitions. */
const OUR_KIND = /\baz(?:v|va|dn|volumes?|volumeattachments?|drivernodes?)\b(?!\.)/u;
const IN_NAMESPACE = / (?:-n azure-disk-csi|-A)\b/u;
/** Records say what was, and are not commands to run. */
const HISTORY = /^docs\/(?:adr\/|assurance\/defects\.md)/u;
/** How a reconciler states the name of its loop. */
const LOOP_NAME = /\bname: "([\w-]+)"(?: satisfies typeof \w+)?,\s+(?:\/\/.*\s+)?workers:/gu;
const DIAGRAM = /```mermaid\n([\s\S]*?)```/gu;
/** Semicolons and hash signs end a statement or begin an entity in Mermaid, even inside a message. */
const NOT_IN_DIAGRAMS = /[;#]/u;

const RECORD_PATH = /^docs\/adr\/\d{4}-.*\.md$/u;
/** What a decision record begins with. */
const RECORD_HEAD =
  /^# \d{4}: .+\n\n\* Status: \S.*\n(?:  .*\n)*\* Date: \d{4}-\d{2}-\d{2}\n\* Supersedes: \S/u;
/** More can't be learned before reading the code. */
const GLOSSARY_ROWS_MAX = 60;
const README_LINES_MAX = 120;

/** The step of a fence that changes no record. */
const IN_AZURE = "fence";
/** What else the file of the steps exports: first records, and questions to a record. */
const notSteps: readonly string[] = [
  "newRecord",
  "foundRecord",
  "isInQuarantine",
  "mayAttach",
  "mayDetach",
  "barrierWaitText",
] satisfies readonly (keyof typeof writerSteps)[];

const pages = await readPages();

async function readPages(): Promise<readonly { readonly path: string; readonly text: string }[]> {
  const paths: string[] = [];
  for await (const path of glob(["*.md", "docs/**/*.md"], { cwd: ROOT })) paths.push(path);
  return Promise.all(
    paths.toSorted().map(async (path) => ({ path, text: await readFile(join(ROOT, path), "utf8") })),
  );
}

function found(pattern: RegExp, text: string): readonly string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}

/** `[0012](…/0012-…`: the number that is read, and that of the file. */
const DECISION_LINK = /\[(\d{4})\]\((?:[^)]*\/)?(\d{4})-/gu;

/** The id that GitHub gives a heading. */
function headingId(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
    .replaceAll(" ", "-");
}

describe("the documentation", () => {
  for (const { path, text } of pages)
    it(`${path} links and names only existing files`, () => {
      const linked = found(RELATIVE_LINK, text).map((target) => join(dirname(path), target));
      assert.deepEqual(
        [...linked, ...found(SOURCE_PATH, text)].filter((target) => !existsSync(join(ROOT, target))),
        [],
      );
    });

  it("links a decision by its own number", () => {
    const wrong = pages.flatMap(({ path, text }) =>
      [...text.matchAll(DECISION_LINK)]
        .filter(([, number, target]) => number !== target)
        .map(([link]) => `${path}: ${link}`),
    );
    assert.deepEqual(wrong, []);
  });

  it("links only existing headings", () => {
    const missing = pages.flatMap(({ path, text }) =>
      [...text.matchAll(HEADING_LINK)].flatMap(([link, page = "", id = ""]) => {
        const target = page === "" ? path : join(dirname(path), page);
        const linked = pages.find((other) => other.path === target);
        const isMissing = linked !== undefined && !found(HEADING, linked.text).map(headingId).includes(id);
        return isMissing ? [`${path}: ${link}`] : [];
      }),
    );
    assert.deepEqual(missing, []);
  });

  it("has the sections that messages of the chart and of the programs name", async () => {
    const sources = ["deploy/chart/templates/*", "src/**/*.ts", "testbed/**/*.ts"];
    const named: { readonly page: string; readonly section: string }[] = [];
    for await (const path of glob(sources, { cwd: ROOT, exclude: ["**/*.test.ts", "**/tests"] }))
      for (const { groups } of (await readFile(join(ROOT, path), "utf8")).matchAll(SECTION))
        named.push({ page: groups?.["page"] ?? "", section: groups?.["section"] ?? "" });
    assert.ok(named.length >= 10, `${named.length} sections`);
    const missing = named.filter(
      ({ page, section }) =>
        !found(HEADING, pages.find(({ path }) => path === page)?.text ?? "").includes(section),
    );
    assert.deepEqual(missing, []);
  });

  it("states status, date and what it supersedes in every decision record", () => {
    const records = pages.filter(({ path }) => RECORD_PATH.test(path));
    assert.notEqual(records.length, 0);
    const incomplete = records.filter(({ text }) => !RECORD_HEAD.test(text)).map(({ path }) => path);
    assert.deepEqual(incomplete, []);
  });

  it("defines at most 60 terms, each in one sentence", () => {
    const rows = (pages.find(({ path }) => path === join("docs", "glossary.md"))?.text ?? "")
      .split("\n")
      .filter((line) => line.startsWith("| ") && !/^\| (?:term|---) \|/u.test(line))
      .map((line) => line.split(" | "));
    assert.ok(rows.length > 0 && rows.length <= GLOSSARY_ROWS_MAX, `${rows.length} rows`);
    const wrong = rows.filter(
      ([term = "", meaning = ""]) =>
        term.includes(",") || !/^[A-Z]\S*(?: (?!\S*[.] )\S+)*[.]$/u.test(meaning),
    );
    assert.deepEqual(wrong, []);
  });

  it("is read on one page first: the README has at most 120 lines", () => {
    const readme =
      pages
        .find(({ path }) => path === "README.md")
        ?.text.trimEnd()
        .split("\n") ?? [];
    assert.ok(readme.length > 0 && readme.length <= README_LINES_MAX, `${readme.length} lines`);
  });

  it("names only existing npm scripts", async () => {
    const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    for (const { path, text } of pages) {
      for (const script of found(NPM_SCRIPT, text))
        assert.ok(script in scripts, `${path}: npm run ${script}`);
    }
  });

  it("names the namespace in each kubectl command for the driver's objects", () => {
    const commands = pages
      .filter(({ path }) => !HISTORY.test(path))
      .flatMap(({ path, text }) => [...text.matchAll(KUBECTL)].map(([command]) => ({ path, command })))
      .filter(({ command }) => OUR_KIND.test(command));
    assert.ok(commands.length > 20, `${commands.length} commands`);
    assert.deepEqual(
      commands.filter(({ command }) => !IN_NAMESPACE.test(command)),
      [],
    );
  });

  it("lists every setting of every role as --help does", () => {
    const text = pages.find(({ path }) => path === join("docs", "reference", "settings.md"))?.text ?? "";
    const written = text.split("\n").filter((line) => line.startsWith("| `--"));
    assert.deepEqual(
      written,
      settingsRows([
        storeRole,
        controllerRole,
        nodeRole,
        standaloneRole,
        schedulerExtenderRole,
        preStopCommand,
        preflightCommand,
        statusCommand,
      ]),
    );
  });

  it("has a row in docs/assurance/models.md for each rule that a model leaves out", () => {
    const text = pages.find(({ path }) => path === join("docs", "assurance", "models.md"))?.text ?? "";
    const rules = [
      ...safetyRules,
      ...releaseRules,
      ...recallRules,
      ...restoreRules,
      ...reclaimRules,
      ...reservationRules,
      ...renamedVmRules,
    ];
    const rows = [...text.matchAll(/^\| `(\w+)` \|/gmu)].map(([, rule]) => rule);
    assert.deepEqual(rows, rules);
  });

  it("names each step of the writer record as the code does", () => {
    const { text = "" } = pages.find(({ path }) => path === "docs/reference/writer-record.md") ?? {};
    const rows = text.split("\n").filter((line) => line.startsWith("| *"));
    const named = rows.flatMap((row) => found(/\*([^*]+)\*/gu, row.split(" | ")[0] ?? ""));
    const inCode = named
      .filter((name) => name !== IN_AZURE)
      .map((name) => name.replaceAll(/ (\w)/gu, (_, letter: string) => letter.toUpperCase()));
    const steps = Object.keys(writerSteps).filter((name) => !notSteps.includes(name));
    assert.deepEqual(inCode.toSorted(), steps.toSorted());
  });

  it("has a row for each loop of the controller and of the node plug-in", async () => {
    const { text = "" } = pages.find(({ path }) => path === "docs/reference/loops.md") ?? {};
    const names = new Set<string>();
    for await (const path of glob("src/{controller,node}/**/*.ts", { cwd: ROOT }))
      for (const name of found(LOOP_NAME, await readFile(join(ROOT, path), "utf8"))) names.add(name);
    const rows = new Set(found(/^\| `([\w-]+)` \|/gmu, text));
    assert.deepEqual([...rows].toSorted(), [...names].toSorted());
  });

  it("keeps diagrams to syntax that every Mermaid renderer accepts", () => {
    for (const { path, text } of pages) {
      for (const diagram of found(DIAGRAM, text)) {
        assert.match(diagram, /^(?:sequenceDiagram|flowchart (?:LR|TB))\n/u, path);
        assert.doesNotMatch(diagram, NOT_IN_DIAGRAMS, path);
      }
    }
  });

  it("has each folder of the sources in the layers and in the map of README", () => {
    const page = (path: string): string => pages.find((each) => each.path === path)?.text ?? "";
    const rows = found(/^\| [^|]+ \| `src\/([\w-]+)` \|/gmu, page("docs/reference/source-layout.md"));
    assert.deepEqual(rows.toSorted(), SOURCE_LAYERS.toSorted());
    assert.deepEqual(
      found(/\bsrc\/([\w-]+)\/ /gu, `${page("README.md")} `).toSorted(),
      SOURCE_LAYERS.toSorted(),
    );
  });

  it("has an index that links each page", () => {
    const index = pages.find(({ path }) => path === join("docs", "README.md"))?.text ?? "";
    const linked = new Set(found(RELATIVE_LINK, index).map((target) => join("docs", target)));
    const inDocs = pages.map(({ path }) => path).filter((path) => /^docs\/(?!README)/u.test(path));
    assert.deepEqual(
      inDocs.filter((path) => !linked.has(path)),
      [],
    );
  });
});
