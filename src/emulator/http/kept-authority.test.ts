import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { keptAuthority } from "./kept-authority.ts";
import { createAuthority } from "./tls.ts";

const DAY_MS = 86_400_000;

describe("the kept authority", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "kept-authority-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is the same at each start", async () => {
    const caFile = join(folder, "ca.pem");
    const first = await keptAuthority(caFile);
    assert.equal((await keptAuthority(caFile)).pem, first.pem);
    assert.deepEqual(await readdir(folder), ["ca.pem.key"]);
  });

  it("is one for emulators that start at the same time", async () => {
    const caFile = join(folder, "ca.pem");
    const all = await Promise.all(Array.from({ length: 4 }, () => keptAuthority(caFile)));
    assert.equal(new Set(all.map(({ pem }) => pem)).size, 1);
    assert.deepEqual(await readdir(folder), ["ca.pem.key"]);
  });

  it("is replaced before what it signs would outlive it", async (t) => {
    const caFile = join(folder, "ca.pem");
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() - 340 * DAY_MS });
    const old = await createAuthority();
    t.mock.timers.reset();
    await writeFile(`${caFile}.key`, old.pem);
    const replaced = await keptAuthority(caFile);
    assert.notEqual(replaced.pem, old.pem);
    assert.equal(await readFile(`${caFile}.key`, "utf8"), replaced.pem);
  });

  it("is never written over a file of another kind", async () => {
    const caFile = join(folder, "ca.pem");
    await writeFile(`${caFile}.key`, "my key\n");
    await assert.rejects(
      keptAuthority(caFile),
      /ca\.pem\.key is not the key of an emulator's CA: remove it/u,
    );
    assert.equal(await readFile(`${caFile}.key`, "utf8"), "my key\n");
  });
});
