import assert from "node:assert/strict";
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { presentStubs } from "./csi-stubs.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COMPILER = "scripts/generate/csi-compiler";
const DIGESTS = `${COMPILER}/digests.json`;

describe("presentStubs", () => {
  let root = "";
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "present-stubs-"));
  });
  after(() => rm(root, { recursive: true, force: true }));

  async function freshCopy(): Promise<void> {
    const filter = (path: string): boolean => !path.includes("node_modules");
    for (const folder of ["src/csi/proto", "src/csi/gen", COMPILER])
      await cp(join(ROOT, folder), join(root, folder), { recursive: true, force: true, filter });
  }

  async function areCurrent(): Promise<boolean> {
    const digests = (await presentStubs(root)).find(({ path }) => path === DIGESTS);
    return digests?.content === (await readFile(join(ROOT, DIGESTS), "utf8"));
  }

  it("has the recorded digests as long as nothing has changed", async () => {
    await freshCopy();
    assert.ok(await areCurrent());
  });

  for (const path of [
    "src/csi/proto/csi/v1/csi.proto",
    "src/csi/gen/csi/v1/csi.ts",
    `${COMPILER}/package-lock.json`,
  ])
    it(`has other digests once ${path} has changed`, async () => {
      await freshCopy();
      await appendFile(join(root, path), "\n");
      assert.ok(!(await areCurrent()));
    });

  it("has other digests once a stub was added", async () => {
    await freshCopy();
    await writeFile(join(root, "src/csi/gen/more.ts"), "");
    assert.ok(!(await areCurrent()));
  });
});
