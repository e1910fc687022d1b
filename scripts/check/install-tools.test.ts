import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { ok } from "../../src/core/failure/result.ts";
import { installTools } from "./install-tools.ts";

const PROCESSES = 3;

const PACKAGE = { name: "tools", version: "1.0.0" };
const LOCK_FILE = JSON.stringify({
  ...PACKAGE,
  lockfileVersion: 3,
  requires: true,
  packages: { "": PACKAGE },
});

/** A project whose tools are a package without dependencies, so that npm needs no registry. */
async function aProject(t: TestContext, lockFile = LOCK_FILE): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "tools-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, "scripts/check/tools"), { recursive: true });
  await writeFile(join(root, "scripts/check/tools/package.json"), JSON.stringify(PACKAGE));
  await writeFile(join(root, "scripts/check/tools/package-lock.json"), lockFile);
  return root;
}

const installations = (root: string): Promise<readonly string[]> => readdir(join(root, ".cache/check-tools"));

describe("installTools", () => {
  it("leaves one whole installation where several processes begin one at once", async (t) => {
    const root = await aProject(t);
    const results = await Promise.all(Array.from({ length: PROCESSES }, () => installTools(root)));
    assert.deepEqual(
      results,
      Array.from({ length: PROCESSES }, () => ok(undefined)),
    );
    const [digest, ...others] = await installations(root);
    assert.deepEqual(others, []);
    assert.equal(
      await readlink(join(root, "node_modules/.bin/oxlint")),
      `../../.cache/check-tools/${digest}/node_modules/.bin/oxlint`,
    );
    assert.deepEqual((await readdir(join(root, "node_modules"))).toSorted(), [
      ".bin",
      "oxfmt",
      "oxlint",
      "oxlint-tsgolint",
    ]);
  });

  it("leaves nothing of an installation that failed, and says what failed", async (t) => {
    const root = await aProject(t, "no lock file");
    const result = await installTools(root);
    assert.match(
      result.ok ? "installed" : result.failure,
      /^npm ci of scripts\/check\/tools failed; try again once npm reaches its registry:\n/u,
    );
    assert.deepEqual(await installations(root), []);
  });

  it("replaces links to an earlier version of the tools", async (t) => {
    const root = await aProject(t);
    const linked = (): Promise<string> => readlink(join(root, "node_modules/oxlint"));
    assert.deepEqual(await installTools(root), ok(undefined));
    const earlier = await linked();
    const manifest = join(root, "scripts/check/tools/package.json");
    await writeFile(manifest, JSON.stringify({ ...PACKAGE, private: true }));
    assert.deepEqual(await installTools(root), ok(undefined));
    const later = await linked();
    assert.notEqual(later, earlier);
    const versions = await installations(root);
    assert.deepEqual(
      [earlier, later].map((link) => versions.some((version) => link.includes(`/${version}/`))),
      [true, true],
    );
  });
});
