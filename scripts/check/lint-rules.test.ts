import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { SOURCE_LAYERS } from "../../oxlint.config.ts";
import { ok } from "../../src/core/failure/result.ts";
import { runCommand } from "../child/run-command.ts";
import { installTools } from "./install-tools.ts";

/** A file in an otherwise empty copy of the project, and the one rule that must refuse it, if any. */
interface Planted {
  readonly path: string;
  readonly source: string;
  readonly rule: string | undefined;
  readonly because: string;
}

interface LintReport {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string }[];
  readonly number_of_files: number;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const IMPORTS = "eslint(no-restricted-imports)";
const GLOBALS = "eslint(no-restricted-globals)";
const PROPERTIES = "eslint(no-restricted-properties)";

/** A module in `folder` that imports `specifier` and nothing else. */
function importing(path: string, specifier: string, rule: string | undefined, because: string): Planted {
  return {
    path,
    source: `import { thing } from "${specifier}";\nexport const own = thing;\n`,
    rule,
    because,
  };
}

function using(path: string, expression: string, rule: string | undefined, because: string): Planted {
  return { path, source: `export const value: unknown = ${expression};\n`, rule, because };
}

const PLANTED: readonly Planted[] = [
  importing("src/core/writer/a.ts", "../../ports/clock.ts", IMPORTS, "core imports nothing but itself"),
  importing(
    "src/core/writer/b.ts",
    "../../adapters/system/clock.ts",
    IMPORTS,
    "core imports nothing but itself",
  ),
  importing(
    "src/core/writer/c.ts",
    "../../emulator/model/world.ts",
    IMPORTS,
    "core imports nothing but itself",
  ),
  importing("src/core/writer/d.ts", "node:fs", IMPORTS, "core does no I/O"),
  importing("src/core/primitives/a.ts", "node:crypto", IMPORTS, "chance is a port"),
  importing("src/core/primitives/sha256.ts", "node:fs", IMPORTS, "a hash does no I/O"),
  importing("src/core/writer/e.ts", "pino", IMPORTS, "core uses no package"),
  importing("src/core/writer/f.ts", "zod", IMPORTS, "the node role would load the schema library"),
  importing("src/core/writer/g.ts", "../azure/disk-uri.ts", undefined, "core may import itself"),
  importing("src/core/api/a.schema.ts", "zod", undefined, "schemas are what the schema library is for"),
  importing("src/core/api/b.schema.ts", "pino", IMPORTS, "a schema uses no other package"),
  importing("src/core/writer/h.test.ts", "fast-check", undefined, "plans have properties"),
  importing(
    "src/core/writer/i.test.ts",
    "../../adapters/system/clock.ts",
    IMPORTS,
    "core's tests need no adapter either",
  ),
  {
    path: "src/core/writer/j.ts",
    source: `import type { z } from "zod";\nexport type Of = z.infer<never>;\n`,
    rule: undefined,
    because: "a type costs nothing at run time",
  },
  importing("src/ports/a.ts", "../core/result.ts", undefined, "ports speak core's types"),
  importing("src/ports/b.ts", "../runtime/queue.ts", IMPORTS, "ports import none of their users"),
  importing("src/ports/c.ts", "node:fs", IMPORTS, "ports have no implementation"),
  importing(
    "src/provisioner/a.ts",
    "../adapters/azure-sdk/arm.ts",
    IMPORTS,
    "the provisioner is above ArmApi, not above the SDK",
  ),
  importing(
    "src/provisioner/b.ts",
    "@azure/arm-compute",
    IMPORTS,
    "the provisioner is above ArmApi, not above the SDK",
  ),
  importing(
    "src/provisioner/c.ts",
    "../objects/cache/object-cache.ts",
    IMPORTS,
    "the provisioner is below the reconcilers",
  ),
  importing(
    "src/provisioner/d.ts",
    "../runtime/shared-reads.ts",
    undefined,
    "the runtime knows no volume, and reads of Azure are shared too",
  ),
  importing(
    "src/controller/a.ts",
    "../adapters/embedded/store.ts",
    IMPORTS,
    "only a composition root wires adapters",
  ),
  importing(
    "src/controller/b.ts",
    "../provisioner/arm/arm-api.ts",
    IMPORTS,
    "reconcilers know the port only",
  ),
  importing("src/controller/c.ts", "../compose/controller.ts", IMPORTS, "composition is outermost"),
  importing("src/controller/d.ts", "../csi/server.ts", IMPORTS, "reconcilers don't serve"),
  importing(
    "src/csi/node/a.ts",
    "../../adapters/linux/mount.ts",
    IMPORTS,
    "only a composition root wires adapters",
  ),
  importing("src/csi/node/b.ts", "@azure/identity", IMPORTS, "the node role never loads the Azure SDK"),
  importing("src/csi/node/c.ts", "zod", IMPORTS, "the node role never loads the schema library"),
  importing("src/csi/node/d.ts", "../../emulator/model/world.ts", IMPORTS, "the driver knows no emulator"),
  importing(
    "src/csi/controller/a.ts",
    "../../provisioner/vm-queues.ts",
    IMPORTS,
    "services know the port only",
  ),
  importing(
    "src/csi/controller/b.ts",
    "../../objects/writer-request.ts",
    undefined,
    "services write the requests that reconcilers read",
  ),
  importing("src/controller/h.ts", "../node/heartbeat.ts", IMPORTS, "reconcilers run without a node"),
  importing(
    "src/node/a.ts",
    "../objects/update-record.ts",
    undefined,
    "a node moves the same record by the same rules",
  ),
  importing("src/node/e.ts", "../controller/controllers.ts", IMPORTS, "a node runs without the controller"),
  importing(
    "src/objects/a.ts",
    "../controller/controllers.ts",
    IMPORTS,
    "objects import none of their users",
  ),
  importing(
    "src/runtime/a.ts",
    "../objects/writer-request.ts",
    IMPORTS,
    "caches and queues know nothing of volumes",
  ),
  importing("src/node/b.ts", "../csi/grpc-server.ts", IMPORTS, "the node's work is not tied to its protocol"),
  importing("src/node/c.ts", "../adapters/linux/mount.ts", IMPORTS, "only a composition root wires adapters"),
  importing("src/node/d.ts", "@azure/arm-compute", IMPORTS, "the node role never loads the Azure SDK"),
  importing(
    "src/scheduler-extender/a.ts",
    "../adapters/kubernetes/store.ts",
    IMPORTS,
    "only a composition root wires adapters",
  ),
  importing(
    "src/emulator/model/a.ts",
    "../../core/azure/disk-uri.ts",
    IMPORTS,
    "a shared bug could hide itself",
  ),
  importing("src/emulator/http/a.ts", "../../ports/clock.ts", IMPORTS, "a shared bug could hide itself"),
  importing(
    "src/emulator/model/b.test.ts",
    "../../core/result.ts",
    IMPORTS,
    "a shared bug could hide itself",
  ),
  importing("src/emulator/http/b.ts", "../model/world.ts", undefined, "the wire is a face of the model"),
  importing(
    "src/adapters/linux/a.ts",
    "../../emulator/model/world.ts",
    IMPORTS,
    "only the arm-model adapter calls the emulator's model",
  ),
  importing("src/adapters/linux/b.ts", "@azure/arm-compute", IMPORTS, "one adapter speaks through the SDK"),
  importing("src/adapters/linux/c.ts", "../../csi/server.ts", IMPORTS, "adapters implement ports"),
  importing(
    "src/adapters/azure-sdk/a.ts",
    "@azure/arm-compute",
    undefined,
    "one adapter speaks through the SDK",
  ),
  importing(
    "src/adapters/azure-sdk/b.ts",
    "../../provisioner/arm/arm-api.ts",
    undefined,
    "ArmApi is what it implements",
  ),
  importing(
    "src/adapters/arm-model/a.ts",
    "../../emulator/model/world.ts",
    undefined,
    "it puts ArmApi over the emulator's model",
  ),
  importing(
    "src/compose/a.ts",
    "../adapters/embedded/store.ts",
    undefined,
    "a composition root wires adapters",
  ),
  importing(
    "src/compose/b.ts",
    "../emulator/model/world.ts",
    IMPORTS,
    "the driver ships without the emulator",
  ),
  importing("src/compose/c.ts", "../main.ts", IMPORTS, "an entry is started, not imported"),
  importing("src/compose/d.ts", "../../demo/main.ts", IMPORTS, "sources import sources only"),
  importing(
    "src/controller/e.test.ts",
    "../adapters/simulated-store/store.ts",
    undefined,
    "a unit test may use another layer's fake",
  ),

  using("src/core/a.ts", "new Date()", GLOBALS, "time is a port"),
  using("src/core/b.ts", "Date.now()", GLOBALS, "time is a port"),
  using("src/controller/f.ts", "setTimeout(() => undefined, 1)", GLOBALS, "time is a port"),
  using("src/controller/g.ts", "setInterval(() => undefined, 1)", GLOBALS, "time is a port"),
  using("src/csi/e.ts", "setImmediate(() => undefined)", GLOBALS, "time is a port"),
  using(
    "src/csi/y.test.ts",
    "setImmediate(() => undefined)",
    undefined,
    "a test may let the event loop turn",
  ),
  using(
    "src/csi/z.test.ts",
    "setTimeout(() => undefined, 1)",
    GLOBALS,
    "a test waits for conditions, not for time",
  ),
  using("src/csi/f.ts", "performance.now()", GLOBALS, "time is a port"),
  using("src/compose/e.ts", "Date.now()", GLOBALS, "composition takes the system clock adapter"),
  using("src/emulator/model/c.ts", "Date.now()", GLOBALS, "the model is deterministic"),
  using("sim/a.ts", "Date.now()", GLOBALS, "a seed replays"),
  using("src/core/c.ts", "Math.random()", PROPERTIES, "chance is a port"),
  using("src/core/d.ts", "crypto.randomUUID()", PROPERTIES, "chance is a port"),
  using("src/csi/g.ts", "AbortSignal.timeout(1)", PROPERTIES, "time is a port"),
  using("src/csi/h.ts", "globalThis.setTimeout", PROPERTIES, "a detour is still time"),
  using("src/csi/i.ts", "process.hrtime()", PROPERTIES, "a detour is still time"),
  importing("src/csi/j.ts", "node:timers/promises", IMPORTS, "a detour is still time"),
  importing("src/compose/f.ts", "node:perf_hooks", IMPORTS, "a detour is still time"),
  importing("src/adapters/windows/a.ts", "koffi", IMPORTS, "one file calls functions of the system"),
  importing(
    "src/adapters/unix-sockets/a.ts",
    "koffi",
    IMPORTS,
    "and none beside it: what it does is tried on Linux",
  ),
  importing(
    "src/adapters/unix-sockets/load-winsock.ts",
    "koffi",
    undefined,
    "Node can't listen on Windows' Unix sockets",
  ),
  importing(
    "src/adapters/unix-sockets/testing/a.ts",
    "koffi",
    undefined,
    "the same functions of Linux are for tests only",
  ),
  using("src/adapters/system/a.ts", "Date.now()", undefined, "adapters are where the world is"),
  importing(
    "src/emulator/data-plane/a.ts",
    "node:timers/promises",
    undefined,
    "the emulator's edges are where the world is",
  ),
  importing(
    "src/adapters/linux/d.test.ts",
    "node:timers/promises",
    undefined,
    "so are the tests of adapters",
  ),
  importing(
    "src/csi/x.test.ts",
    "node:timers/promises",
    IMPORTS,
    "a test waits for conditions, not for time",
  ),
  using("src/emulator/http/c.ts", "Date.now()", undefined, "the emulator's edges are where the world is"),
  using("scripts/a.ts", "performance.now()", undefined, "programs around the driver measure"),

  {
    path: "src/csi/k.ts",
    source: "async function work(): Promise<void> {}\nexport function start(): void {\n  work();\n}\n",
    rule: "typescript(no-floating-promises)",
    because: "its failure would go unseen",
  },
  {
    path: "src/csi/l.ts",
    source: "async function work(): Promise<void> {}\nexport function start(): void {\n  void work();\n}\n",
    rule: "typescript(no-floating-promises)",
    because: "its failure would go unseen",
  },
  {
    path: "src/csi/m.test.ts",
    source: "async function work(): Promise<void> {}\nwork();\nexport {};\n",
    rule: "typescript(no-floating-promises)",
    because: "a test would pass too early",
  },
  {
    path: "src/core/m.test.ts",
    source: "async function work(): Promise<void> {}\nwork();\nexport {};\n",
    rule: "typescript(no-floating-promises)",
    because: "core's tests are in no tsconfig of core",
  },
  {
    path: "src/csi/n.ts",
    source:
      "export function each(names: readonly string[]): void {\n" +
      "  names.forEach(async (name) => {\n    await Promise.resolve(name);\n  });\n}\n",
    rule: "typescript(no-misused-promises)",
    because: "nothing would wait for it",
  },
  {
    path: "src/csi/o.ts",
    source: "export async function one(): Promise<number> {\n  return await 1;\n}\n",
    rule: "typescript(await-thenable)",
    because: "it waits for nothing",
  },
  {
    path: "src/csi/p.ts",
    source:
      'export function say(word: "a" | "b"): number | undefined {\n' +
      '  switch (word) {\n    case "a":\n      return 1;\n  }\n  return undefined;\n}\n',
    rule: "typescript(switch-exhaustiveness-check)",
    because: "a new case must not compile unnoticed",
  },
  {
    path: "src/csi/q.ts",
    source: "export function read(value: any): string {\n  return String(value);\n}\n",
    rule: "typescript(no-explicit-any)",
    because: "any switches the compiler off",
  },
  {
    path: "src/csi/r.ts",
    source: "export function read(values: readonly string[]): string {\n  return values[0]!;\n}\n",
    rule: "typescript(no-non-null-assertion)",
    because: "a claim without proof",
  },
  {
    path: "src/csi/s.ts",
    source: "export default function nameless(): void {}\n",
    rule: "import(no-default-export)",
    because: "a name is the same everywhere",
  },
  {
    path: "src/csi/t.ts",
    source: 'import { second } from "./u.ts";\nexport const first = (): unknown => second;\n',
    rule: "import(no-cycle)",
    because: "neither could be read without the other",
  },
  {
    path: "src/csi/u.ts",
    source: 'import { first } from "./t.ts";\nexport const second = (): unknown => first;\n',
    rule: "import(no-cycle)",
    because: "neither could be read without the other",
  },
  {
    path: "src/csi/v.ts",
    source: 'export function stop(): never {\n  throw "reason";\n}\n',
    rule: "eslint(no-throw-literal)",
    because: "a string has no stack",
  },
  {
    path: "src/csi/w.ts",
    source: 'console.log("hello");\nexport {};\n',
    rule: "eslint(no-console)",
    because: "the log is a port",
  },
];

describe("the linter", () => {
  let copy = "";
  let report: LintReport = { diagnostics: [], number_of_files: 0 };

  before(async () => {
    assert.deepEqual(await installTools(ROOT), ok(undefined));
    copy = await mkdtemp(join(tmpdir(), "planted-"));
    for (const name of ["oxlint.config.ts", "tsconfig.json", "src/core/tsconfig.json", "package.json"]) {
      await mkdir(dirname(join(copy, name)), { recursive: true });
      await cp(join(ROOT, name), join(copy, name));
    }
    await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
    for (const { path, source } of PLANTED) {
      await mkdir(dirname(join(copy, path)), { recursive: true });
      await writeFile(join(copy, path), source);
    }
    const { output } = await runCommand("oxlint", ["--format", "json", "src", "sim", "scripts"], {
      cwd: copy,
    });
    report = JSON.parse(output) as LintReport;
  });

  after(async () => {
    await rm(copy, { recursive: true, force: true });
  });

  it("has a rule for every folder of src", async () => {
    const entries = await readdir(join(ROOT, "src"), { withFileTypes: true });
    const unknown = entries.filter(
      (entry) => entry.isDirectory() && !SOURCE_LAYERS.some((layer) => layer === entry.name),
    );
    assert.deepEqual(
      unknown.map((entry) => entry.name),
      [],
    );
  });

  it("checks every planted file", () => {
    assert.equal(report.number_of_files, PLANTED.length);
  });

  for (const { path, rule, because } of PLANTED)
    it(`${rule === undefined ? "accepts" : "refuses"} ${path}: ${because}`, () => {
      const found = report.diagnostics.filter(({ filename }) => filename === path).map(({ code }) => code);
      if (rule === undefined) assert.deepEqual(found, []);
      else assert.ok(found.includes(rule), `${rule} did not fire; these did: ${found.join(", ") || "none"}`);
    });
});
