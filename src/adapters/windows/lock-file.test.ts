import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Logger } from "../../ports/logger.ts";
import { lockStateFolder } from "../linux/checkpoints/lock-state-folder.ts";
import { createVirtualClock } from "../virtual/virtual-clock.ts";
import { openAlone } from "./lock-file.ts";

/** An open that ends with these, in turn: an error's code, or a descriptor. */
function openings(...outcomes: readonly (string | number)[]) {
  const left = [...outcomes];
  return async (): Promise<number> => {
    const next = left.shift();
    if (typeof next === "number") return next;
    throw Object.assign(new Error(next), { code: next });
  };
}

describe("a state folder on Windows", () => {
  it("is waited for while another process has its file open, and the log says so", async (t) => {
    const stateDir = await mkdtemp(join(tmpdir(), "state-"));
    t.after(() => rm(stateDir, { recursive: true }));
    const clock = createVirtualClock();
    const warned: unknown[] = [];
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      warn: (_, fields) => warned.push(fields),
      error: () => {},
      child: () => logger,
    };
    let isLocked = false;
    const lock = lockStateFolder(stateDir, { clock, logger }, new AbortController().signal, (path) =>
      openAlone(path, openings("EBUSY", "EBUSY", 3)),
    ).then(() => {
      isLocked = true;
    });
    const startedMs = clock.elapsedMs();
    while (!isLocked) await clock.advance(100);
    await lock;
    assert.ok(clock.elapsedMs() - startedMs >= 1_000);
    assert.deepEqual(warned, [
      {
        path: join(stateDir, "volumes.lock"),
        remedy: "end the other process of the plug-in, or give each plug-in a --state-dir of its own",
      },
    ]);
  });

  it("is not taken where its file can't be opened for another reason", async () => {
    const { tryHold } = await openAlone("C:\\state\\volumes.lock", openings("EACCES"));
    await assert.rejects(tryHold(), /EACCES/u);
  });
});
