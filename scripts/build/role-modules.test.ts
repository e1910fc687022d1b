import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Metafile } from "esbuild";
import { runCommand } from "../child/run-command.ts";
import { type Bundle, bundle, PROGRAMS } from "./bundle.ts";
import { loadedModules } from "./loaded-modules.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SDK = join(ROOT, "node_modules/@azure/arm-compute/dist/esm");
const ADAPTER = join(ROOT, "src/adapters/azure-sdk");

describe("the bundled driver", () => {
  let metafile: Metafile = { inputs: {}, outputs: {} };
  let files: Bundle["files"] = [];

  before(async () => {
    ({ metafile, files } = await bundle(ROOT, PROGRAMS, "dist"));
  });

  async function writeInto(folder: string): Promise<void> {
    for (const { path, text } of files) {
      const target = join(folder, relative(join(ROOT, "dist"), path));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, text);
    }
  }

  const rows = [
    {
      entry: "src/compose/roles/node-role.ts",
      forbidden:
        /node_modules\/(?:@azure|@typespec|zod|yaml|koffi)\/|\.schema\.ts$|^src\/(?:provisioner|emulator)\//u,
      because: "each megabyte is paid on every node",
    },
    {
      entry: "src/compose/roles/scheduler-extender-role.ts",
      forbidden:
        /node_modules\/(?:@azure|@typespec|@grpc|zod|yaml|koffi)\/|\.schema\.ts$|^src\/(?:csi|node|provisioner|emulator)\//u,
      because: "it answers a scheduler, and nothing else",
    },
    {
      entry: "src/main.ts",
      forbidden: /node_modules\/(?:@azure|@grpc|zod)\//u,
      because: "--help and the choice of a role need none of it",
    },
    {
      entry: "src/compose/roles/controller-role.ts",
      forbidden: /^src\/emulator\/|node_modules\/koffi\//u,
      because: "the driver ships without the emulator",
    },
    {
      entry: "src/compose/roles/controller-role.ts",
      forbidden: /node_modules\/zod\/v4\/locales\/(?!en\.)/u,
      because: "schemas speak English, and 50 other languages are 4 MiB",
    },
  ];
  for (const { entry, forbidden, because } of rows)
    it(`loads nothing that ${entry} must not, because ${because}`, () => {
      const modules = loadedModules(metafile, entry);
      assert.ok(modules.includes(entry), modules.join("\n"));
      assert.deepEqual(
        modules.filter((path) => forbidden.test(path)),
        [],
      );
    });

  it("loads the parser of settings files only to read such a file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bundled-driver-"));
    try {
      await writeInto(folder);
      const settings = join(folder, "store.yaml");
      await writeFile(settings, "file: store.db\nsokket: store.sock\n");
      const { code, output } = await runCommand(
        process.execPath,
        [join(folder, "azuredisk-csi-driver.cjs"), "store", "--config", settings],
        { cwd: folder },
      );
      assert.deepEqual(
        [code, output],
        [
          2,
          `azuredisk-csi-driver store: --sokket (${settings}): unknown setting; did you mean --socket?\n` +
            "azuredisk-csi-driver store: --socket: must be given: Unix socket that other roles reach " +
            "the store by\n" +
            "Try azuredisk-csi-driver store --help.\n",
        ],
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  for (const { name } of PROGRAMS)
    it(`ends ${name} under an older Node with the one that it needs`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "bundled-driver-"));
      try {
        await writeInto(folder);
        const older = join(folder, "older.cjs");
        await writeFile(older, 'Object.defineProperty(process, "version", { value: "v20.20.2" });\n');
        const program = join(folder, `${name}.cjs`);
        const { code, output } = await runCommand(
          process.execPath,
          ["--require", older, program, "--version"],
          { cwd: folder },
        );
        assert.deepEqual(
          [code, output],
          [
            1,
            `${name} needs Node 24 or newer, and this is v20.20.2 (${process.execPath}): ` +
              `in the clone, npm exec -- ${name} finds it\n`,
          ],
        );
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });

  it("asks for no FormData, with which Node would load its fetch", () => {
    const asking = files.filter(({ text }) => /\bFormData\b/u.test(text));
    assert.deepEqual(
      asking.map(({ path }) => path),
      [],
    );
  });

  it("has those groups of the SDK's operations that the driver calls, and no other", async () => {
    const names = await readdir(ADAPTER, { recursive: true });
    const sources = await Promise.all(
      names
        .filter((name) => /(?<!\.test)\.ts$/u.test(name))
        .map((name) => readFile(join(ADAPTER, name), "utf8")),
    );
    const called = (group: string): boolean =>
      sources.some((text) => new RegExp(`\\.${group}\\b`, "u").test(text));
    const groups = await readdir(join(SDK, "classic"));
    const loaded = loadedModules(metafile, "src/compose/roles/controller-role.ts")
      .filter((path) => path.startsWith(relative(ROOT, SDK)))
      .flatMap((path) => /\/api\/(\w+)\/operations\.js$/u.exec(path)?.[1] ?? []);
    assert.deepEqual(loaded, groups.filter(called).toSorted());
  });

  // Without this, the rule above could not fail.
  it("loads the Azure SDK in the controller", () => {
    assert.ok(
      loadedModules(metafile, "src/compose/roles/controller-role.ts").some((path) =>
        path.includes("node_modules/@azure/"),
      ),
    );
  });
});
