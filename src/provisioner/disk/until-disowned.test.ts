import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { ok } from "../../core/failure/result.ts";
import { defaultProvisionerSettings as settings } from "../settings.ts";
import { untilDisowned } from "./until-disowned.ts";

const never = new AbortController().signal;

/** A disk that names vm-a until `laggingMs`; each read of it waits `inLineMs` for the budget. */
async function ends({ inLineMs, laggingMs }: { readonly inLineMs: number; readonly laggingMs: number }) {
  const clock = createVirtualClock();
  const session = { clock, settings, backOff: () => clock.sleep(1000, never) };
  const diskReads = {
    owners: async () => {
      await clock.sleep(inLineMs, never);
      return ok(clock.elapsedMs() < laggingMs ? ["vm-a"] : []);
    },
  };
  const disk = { diskUri: "disk-1", isOwner: (owner: string) => owner === "vm-a" };
  const ended = await settledOn(clock, untilDisowned({ session, diskReads }, disk, never));
  return { ended: ended.ok ? "disowned" : ended.failure.code, seconds: Math.round(clock.elapsedMs() / 1000) };
}

describe("untilDisowned", () => {
  it("reads a disk again that lags when its first read comes late", async () => {
    const { ownerPatienceMs } = settings;
    assert.deepEqual(await ends({ inLineMs: ownerPatienceMs + 1000, laggingMs: ownerPatienceMs + 2000 }), {
      ended: "disowned",
      seconds: 123,
    });
  });

  it("gives up once the disk has named the VM for longer than its patience", async () => {
    assert.deepEqual(await ends({ inLineMs: 0, laggingMs: Infinity }), {
      ended: "DiskStillOwned",
      seconds: 61,
    });
  });
});
