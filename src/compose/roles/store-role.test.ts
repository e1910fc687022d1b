import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { systemRandom } from "../../adapters/system/system-random.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import type { ProcessPorts, RunningRole } from "./run-role.ts";
import { storeRole } from "./store-role.ts";

describe("the role store", () => {
  const lifetime = new AbortController();
  const running = new Set<RunningRole>();
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "store-role-"));
  });
  after(async () => {
    lifetime.abort();
    for (const role of running) await role.close();
    await rm(folder, { recursive: true });
  });

  async function start(file: string, socket: string): Promise<RunningRole> {
    const values = { file: join(folder, file), socket: join(folder, socket) };
    const ports = {
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      lifetime: lifetime.signal,
    };
    // It reads no other setting, and uses no other port.
    const role = await storeRole.start(
      values as Parameters<typeof storeRole.start>[0],
      ports as unknown as ProcessPorts,
    );
    running.add(role);
    return role;
  }

  async function end(role: RunningRole): Promise<void> {
    running.delete(role);
    await role.close();
  }

  it("leaves its socket to the process that serves another store there", async () => {
    const first = await start("first.db", "shared");
    try {
      await assert.rejects(
        start("second.db", "shared"),
        /^Error: --socket: another process listens on \S+shared; end it/u,
      );
      assert.equal(existsSync(join(folder, "second.db")), false, "nothing was made");
      assert.equal(existsSync(join(folder, "shared")), true);
    } finally {
      await end(first);
    }
    assert.equal(existsSync(join(folder, "shared")), false);
    await end(await start("second.db", "shared"));
  });

  it("removes no file that has the name of its socket", async () => {
    await writeFile(join(folder, "notes"), "mine");
    await assert.rejects(start("third.db", "notes"), /notes exists and is no socket; remove it/u);
  });

  it("removes no socket that a later process has put in its place", async () => {
    const first = await start("fourth.db", "moved");
    await rm(join(folder, "moved"));
    const later = await start("fifth.db", "moved");
    await end(first);
    assert.equal(existsSync(join(folder, "moved")), true);
    await end(later);
  });
});
